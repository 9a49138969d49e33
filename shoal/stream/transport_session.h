#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "shoal/content/publish/chunk_source.h"
#include "shoal/net/transport/transport.h"
#include "shoal/net/wakeup.h"
#include "shoal/stream/chunk_session.h"
#include "shoal/stream/idle_monitor.h"
#include "shoal/stream/outbox.h"
#include "shoal/stream/upload/fresh_chunks.h"
#include "shoal/stream/upload/upload_gate.h"
#include "shoal/stream/upload/upload_ledger.h"
#include "shoal/stream/upload/upload_queue.h"
#include "shoal/stream/wire/frame.h"
#include "shoal/stream/wire/frame_reader.h"
#include "shoal/stream/wire/manifest_assembly.h"

namespace shoal::stream {

// What the sessions of one owner have done together. Thread-safe.
struct SessionTotals {
  std::atomic<uint64_t> sent_bytes{0};
  std::atomic<uint64_t> sent_chunks{0};
  std::atomic<uint64_t> refused{0};
};

// The ChunkSession over a Transport, for both ends: the one that dialled and the one that was dialled differ
// in who says hello first and in nothing else.
//
// Three coroutines on the session's loop, each of which holds the session: one reads frames and acts on them,
// one writes (control frames first, then manifest slices, then chunks), one watches the time. The pieces that
// can be without a socket are: FrameReader, Outbox, UploadQueue, ManifestAssembly, IdleMonitor.
class TransportSession final : public ChunkSession {
 public:
  // What a server lends a session about the content that its peer has named.
  struct Service {
    std::shared_ptr<const ChunkSource> source;
    std::shared_ptr<FreshChunks> fresh;    // null: the peer can't ask for any chunks, only for certain ones
    std::shared_ptr<UploadGate> gate;      // null: chunks are sent without waiting for a turn
    std::shared_ptr<UploadLedger> ledger;  // null: nobody wants to know
  };
  // What to do about a stranger's hello: serve this content, or refuse.
  using Admission = std::variant<Service, Refuse>;

  // Nothing happens before Start().
  static std::shared_ptr<TransportSession> Dialling(net::EventLoop& loop,
                                                    std::unique_ptr<net::Transport> transport,
                                                    const SessionTerms& terms, const SessionLimits& limits,
                                                    std::shared_ptr<const ChunkSource> source,
                                                    SessionDelegate* delegate);
  // `terms.content_id` is taken from the peer's hello. `admit` is called at most once, `on_closed` once and
  // last; both on the loop, and neither when the loop is stopped first (they are destroyed then).
  static std::shared_ptr<TransportSession> Accepting(net::EventLoop& loop,
                                                     std::unique_ptr<net::Transport> transport,
                                                     const SessionTerms& terms, const SessionLimits& limits,
                                                     std::function<Admission(const Hello&)> admit,
                                                     std::function<void(const absl::Status&)> on_closed,
                                                     std::shared_ptr<SessionTotals> totals);

  // Any thread.
  void Start();
  // Says why (after the chunk that is on its way, if one is), gives the peer a moment to read it, and closes.
  void RefuseAndClose(const Refuse& refuse);

  void Request(std::span<const ChunkIndex> chunks) override;
  void Cancel(std::span<const ChunkIndex> chunks) override;
  void RequestAny(uint32_t chunks) override;
  void RequestManifest() override;
  void Offer(std::shared_ptr<const ChunkSource> source) override;
  void Announce(std::span<const ChunkIndex> gained) override;
  void ResumeReading() override;
  void Close(bool tell) override;
  const Endpoint& remote() const override { return transport_->remote(); }
  uint64_t SentBytes() const override { return sent_bytes_.load(std::memory_order_relaxed); }

 private:
  struct PassKey {};
  using Task = boost::asio::awaitable<absl::Status>;

 public:
  TransportSession(PassKey, net::EventLoop& loop, std::unique_ptr<net::Transport> transport,
                   const SessionTerms& terms, const SessionLimits& limits);

 private:
  // transport_session.cc
  boost::asio::awaitable<void> Run(std::shared_ptr<TransportSession> self);
  boost::asio::awaitable<void> Watch(std::shared_ptr<TransportSession> self);
  Task ShakeHands();
  Task SayHello();
  Task HearHello();
  absl::Status Serve(Service service, const Hello& theirs);
  Task TurnAway(Refuse refuse);
  void CloseAfter(absl::Duration time, std::string message);
  void Finish(absl::Status why);
  bool IsClosing() const { return closed_ || last_words_.has_value(); }

  // session_reading.cc
  Task ReadFrames();
  Task ReceiveChunk(FrameHeader header);
  Task ReceiveControl(FrameHeader header);
  absl::Status HandleControl(FrameHeader header);
  absl::Status HandleHave();
  absl::Status HandleRequest();
  absl::Status HandleRequestAny();
  absl::Status HandleManifestRequest();
  absl::Status HandleManifestSlice(uint32_t slice);
  absl::Status HandleRefuse();

  // session_writing.cc
  boost::asio::awaitable<void> WriteFrames(std::shared_ptr<TransportSession> self);
  bool HasUrgentWork() const;
  bool HasChunksToSend() const;
  bool MaySendChunks();
  void EndTurn();
  Task WriteUrgent();
  Task WriteControl();
  Task WriteLastWords();
  Task WriteManifestSlice();
  struct OpenChunk {
    ChunkIndex index;
    FileRegion region;
  };
  std::optional<OpenChunk> OpenNextChunk();
  Task WriteChunks();
  FrameHeader HeaderOf(const OpenChunk& chunk) const;
  void CountSent(uint64_t bytes, uint64_t chunks);
  void RefuseChunk(ChunkIndex index, const absl::Status& why);
  void Say(const Refuse& refuse);
  void Say(FrameType type, const std::string& body);
  void TellGains();

  net::EventLoop& loop_;
  const std::unique_ptr<net::Transport> transport_;
  SessionTerms terms_;
  const SessionLimits limits_;
  std::shared_ptr<const ChunkSource> source_;       // may be null
  std::shared_ptr<FreshChunks> fresh_;              // may be null
  FreshPeer fresh_peer_;                            // the peer's place in fresh_
  std::shared_ptr<UploadGate> gate_;                // may be null
  Uploader uploader_;                               // this session's place in gate_
  bool asked_gate_ = false;                         // for a turn that is not over yet
  std::shared_ptr<UploadLedger> ledger_;            // may be null
  std::shared_ptr<UploadLedger::Account> account_;  // in ledger_
  SessionDelegate* delegate_ = nullptr;             // may be null
  std::function<Admission(const Hello&)> admit_;
  std::function<void(const absl::Status&)> on_closed_;
  std::shared_ptr<SessionTotals> totals_;  // may be null

  bool said_hello_ = false;
  bool ready_ = false;   // hellos were exchanged
  bool closed_ = false;  // Finish was called
  uint32_t their_chunk_count_ = 0;
  uint32_t their_manifest_bytes_ = 0;
  std::optional<Refuse> last_words_;
  bool said_last_words_ = false;
  boost::asio::steady_timer deadline_;
  boost::asio::steady_timer watch_;
  uint64_t deadline_count_ = 0;  // tells the deadline that is set from earlier ones

  FrameReader reader_;
  std::string body_;  // of the control frame that was read last
  std::optional<ManifestAssembly> assembly_;
  net::Wakeup resumed_;
  bool paused_ = false;

  Outbox outbox_;
  std::string writing_;  // control frames that are being written
  std::vector<ChunkIndex> untold_gains_;
  boost::asio::steady_timer tell_gains_;
  bool telling_gains_ = false;  // tell_gains_ runs
  absl::Duration told_gains_at_ = -absl::InfiniteDuration();
  UploadQueue uploads_;
  uint32_t credits_ = 0;                               // chunks that the peer lets this end choose
  std::deque<ManifestRequest> slices_;                 // asked for and not sent yet
  std::shared_ptr<const std::string> manifest_bytes_;  // while slices are being asked for
  net::Wakeup work_;                                   // for the writer
  net::Wakeup drained_;  // for the reader, when it waits for the outbox to shrink
  bool sending_ = false;
  std::atomic<uint64_t> sent_bytes_{0};
};

}  // namespace shoal::stream
