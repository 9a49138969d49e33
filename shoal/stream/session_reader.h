#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/net/transport/transport.h"
#include "shoal/stream/chunk_session.h"
#include "shoal/stream/frame_reader.h"
#include "shoal/stream/outbox.h"
#include "shoal/stream/session_uploads.h"
#include "shoal/stream/session_writer.h"
#include "shoal/stream/wire/frame.h"
#include "shoal/stream/wire/manifest_assembly.h"

namespace shoal::stream {

// The reading half of a session: a coroutine that reads frames and acts on them. Chunks and notifications go
// to the delegate, requests to the uploads, responses to the writer.
//
// Thread safety: bound to the session's loop. Close must be called before destruction; the coroutine, which
// holds the session, ends soon after.
class SessionReader {
 public:
  // All must outlive this.
  SessionReader(boost::asio::io_context& context, net::Transport& transport, const Outbox* outbox,
                SessionUploads* uploads, SessionWriter* writer);

  // Null: received chunks and notifications are dropped from now on.
  void SetDelegate(SessionDelegate* delegate) { delegate_ = delegate; }
  SessionDelegate* delegate() const { return delegate_; }

  // Reads the first frame, before Run: a hello, or where `accepts_refusal` a refusal, which is passed to the
  // delegate and returned as an error. Errors: INVALID_ARGUMENT for any other frame.
  boost::asio::awaitable<absl::StatusOr<Hello>> ReadHello(bool accepts_refusal);
  // Reads until Close or an error, which it returns. `keep` is held while a timer of this is pending.
  boost::asio::awaitable<absl::Status> Run(std::shared_ptr<void> keep);
  // Reads and drops up to `bytes`, until the end of the stream.
  boost::asio::awaitable<absl::Status> Skip(uint32_t bytes) { return frames_.Skip(bytes); }
  void Close();

  // `length_bytes` of the manifest, as the peer's hello says; 0: it offers none.
  void SetManifestLength(uint32_t length_bytes) { manifest_length_bytes_ = length_bytes; }
  // Does nothing when the peer offers no manifest, or while one is being received.
  void RequestManifest();
  // Asks the delegate for a buffer again, after it returned an empty one.
  void Resume();
  // Returns whether reading is suspended on purpose: no buffer, or a peer that does not read its responses.
  bool paused() const { return paused_; }

 private:
  using Task = boost::asio::awaitable<absl::Status>;

  Task ReceiveChunk(FrameHeader header, const std::shared_ptr<void>& keep);
  Task ReceiveControl(FrameHeader header);
  absl::Status HandleControl(FrameHeader header);
  absl::Status HandleHave();
  absl::Status HandleRequest();
  absl::Status HandleRequestAny();
  absl::Status HandleManifestSlice(uint32_t slice);
  absl::Status HandleRefuse();
  void SuspectChunk(ChunkIndex index, std::shared_ptr<void> keep);
  void ReportSuspect();
  bool IsClosing() const { return closed_ || writer_.ending(); }

  const Outbox& outbox_;
  SessionUploads& uploads_;
  uint64_t announced_chunks_ = 0;  // by haves, repeated ones included
  SessionWriter& writer_;
  SessionDelegate* delegate_ = nullptr;  // may be null
  FrameReader frames_;
  std::string body_;  // of the control frame that was read last
  uint32_t manifest_length_bytes_ = 0;
  std::optional<ManifestAssembly> assembly_;
  // A chunk with a wrong CRC-32, until the next frame or the timer: a refusal of it means that the peer could
  // not read it, which is not corruption.
  std::optional<ChunkIndex> suspect_;
  boost::asio::steady_timer suspect_timer_;
  Wakeup resumed_;
  bool paused_ = false;
  bool closed_ = false;
};

}  // namespace shoal::stream
