#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/net/transport/transport.h"
#include "shoal/net/wakeup.h"
#include "shoal/stream/chunk_session.h"
#include "shoal/stream/frame_reader.h"
#include "shoal/stream/outbox.h"
#include "shoal/stream/session_uploads.h"
#include "shoal/stream/session_writer.h"
#include "shoal/stream/wire/frame.h"
#include "shoal/stream/wire/manifest_assembly.h"

namespace shoal::stream {

// The reading half of a session: a coroutine that reads frames and acts on them. Chunks and notifications go to
// the delegate, requests to the uploads, answers to the writer.
//
// Bound to the session's loop. Close must be called before it dies; the coroutine ends soon after.
class SessionReader {
 public:
  // All must outlive this.
  SessionReader(boost::asio::io_context& context, net::Transport& transport, const Outbox* outbox,
                SessionUploads* uploads, SessionWriter* writer);

  // Null: what is received is dropped from now on.
  void SetDelegate(SessionDelegate* delegate) { delegate_ = delegate; }
  SessionDelegate* delegate() const { return delegate_; }

  // The first frame, before Run: a hello, or where `accepts_refusal` a refusal, which is acted on and returned
  // as its error. INVALID_ARGUMENT for any other frame.
  boost::asio::awaitable<absl::StatusOr<Hello>> ReadHello(bool accepts_refusal);
  // Reads until Close or an error, which it returns.
  boost::asio::awaitable<absl::Status> Run();
  // Reads and drops up to `bytes`, until the end of the stream.
  boost::asio::awaitable<absl::Status> Skip(uint32_t bytes) { return frames_.Skip(bytes); }
  void Close();

  // `length_bytes` of the manifest, as the peer's hello says; 0: it offers none.
  void SetManifestLength(uint32_t length_bytes) { manifest_length_bytes_ = length_bytes; }
  // Nothing when the peer offers no manifest, or while one is being read.
  void RequestManifest();
  // After an empty buffer: asks the delegate for one again.
  void Resume();
  // Nothing is being read, on purpose.
  bool paused() const { return paused_; }

 private:
  using Task = boost::asio::awaitable<absl::Status>;

  Task ReceiveChunk(FrameHeader header);
  Task ReceiveControl(FrameHeader header);
  absl::Status HandleControl(FrameHeader header);
  absl::Status HandleHave();
  absl::Status HandleRequest();
  absl::Status HandleRequestAny();
  absl::Status HandleManifestSlice(uint32_t slice);
  absl::Status HandleRefuse();
  bool IsClosing() const { return closed_ || writer_.ending(); }

  const Outbox& outbox_;
  SessionUploads& uploads_;
  SessionWriter& writer_;
  SessionDelegate* delegate_ = nullptr;  // may be null
  FrameReader frames_;
  std::string body_;  // of the control frame that was read last
  uint32_t manifest_length_bytes_ = 0;
  std::optional<ManifestAssembly> assembly_;
  net::Wakeup resumed_;
  bool paused_ = false;
  bool closed_ = false;
};

}  // namespace shoal::stream
