#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "shoal/content/publish/chunk_source.h"
#include "shoal/net/transport/transport.h"
#include "shoal/stream/chunk_session.h"
#include "shoal/stream/outbox.h"
#include "shoal/stream/session_reader.h"
#include "shoal/stream/session_uploads.h"
#include "shoal/stream/session_writer.h"

namespace shoal::stream {

// The ChunkSession over a Transport, for both ends: the end that dialled sends its hello first, which is the
// only difference. It exchanges the hellos, enforces the timeouts, ends the connection, and connects the
// parts that do the rest: SessionReader, SessionWriter and SessionUploads.
//
// Three coroutines on the session's loop hold the session: the reader's, the writer's and the monitor's.
class TransportSession final : public ChunkSession {
 public:
  // The response to a peer's hello: serve this content, or refuse.
  using Admission = std::variant<UploadService, Refuse>;

  // Both return a session that does nothing before Start().
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

  // Thread-safe.
  void Start();
  // Sends the refusal (after the frame in progress, if there is one), gives the peer a moment to read it, and
  // closes.
  void RefuseAndClose(const Refuse& refuse);

  void Request(std::span<const ChunkIndex> chunks) override;
  void Cancel(std::span<const ChunkIndex> chunks) override;
  void RequestAny(uint32_t chunks) override;
  void RequestManifest() override;
  void Offer(std::shared_ptr<const ChunkSource> source) override;
  void Announce(std::span<const ChunkIndex> gained) override;
  void ResumeReading() override { reader_.Resume(); }
  void Close(bool tell) override;
  const Endpoint& remote() const override { return transport_->remote(); }
  uint64_t SentBytes() const override {
    return uploads_.progress()->sent_bytes.load(std::memory_order_relaxed);
  }
  // Thread-safe. Outlives the session, for who holds it.
  std::shared_ptr<const UploadProgress> progress() const { return uploads_.progress(); }

 private:
  struct PassKey {};
  using Task = boost::asio::awaitable<absl::Status>;

 public:
  TransportSession(PassKey, net::EventLoop& loop, std::unique_ptr<net::Transport> transport,
                   const SessionTerms& terms, const SessionLimits& limits,
                   std::shared_ptr<SessionTotals> totals);

 private:
  boost::asio::awaitable<void> Run(std::shared_ptr<TransportSession> self);
  boost::asio::awaitable<void> Write(std::shared_ptr<TransportSession> self);
  boost::asio::awaitable<void> Watch(std::shared_ptr<TransportSession> self);
  Task ShakeHands();
  Task SayHello();
  Task HearHello();
  Task TurnAway(Refuse refuse);
  absl::Status Serve(UploadService service, const Hello& theirs);
  // Of a dialled session: serves nothing to a peer that does not pass.
  void CheckTicket(const Hello& theirs);
  // Returns what reports the first failure of a source to the delegate.
  std::function<void(const absl::Status&)> FailureReport();
  void CloseAfter(absl::Duration time, std::string message);
  void Finish(absl::Status why);
  bool IsClosing() const { return closed_ || writer_.ending(); }
  std::shared_ptr<TransportSession> Self() {
    return std::static_pointer_cast<TransportSession>(shared_from_this());
  }

  net::EventLoop& loop_;
  const std::unique_ptr<net::Transport> transport_;
  net::LimitedTransport* limited_ = nullptr;  // below transport_; of an accepted session
  SessionTerms terms_;
  const SessionLimits limits_;
  std::function<Admission(const Hello&)> admit_;  // null: this end dialled
  std::function<void(const absl::Status&)> on_closed_;

  bool said_hello_ = false;
  bool ready_ = false;   // hellos were exchanged
  bool closed_ = false;  // Finish was called
  boost::asio::steady_timer deadline_;
  boost::asio::steady_timer watch_;
  uint64_t deadline_count_ = 0;  // tells the deadline that is set from earlier ones

  // The ticket of the peer's hello, which passed before there was a source with the content's name.
  std::optional<Hello> checked_without_name_;

  Outbox outbox_;
  SessionUploads uploads_;
  SessionWriter writer_;
  SessionReader reader_;
};

}  // namespace shoal::stream
