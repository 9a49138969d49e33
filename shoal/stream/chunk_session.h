#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "shoal/base/chunk_buffer.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/rate_limit.h"
#include "shoal/net/transport/transport.h"
#include "shoal/stream/wire/control.h"

namespace shoal::stream {

// Limits and times of one connection.
struct SessionLimits {
  absl::Duration connect_timeout = absl::Seconds(5);
  absl::Duration hello_timeout = absl::Seconds(10);
  // A peer that sent nothing for this long is closed (the time while reading is paused does not count). An
  // end that has sent nothing for a third of this sends a ping.
  absl::Duration idle_timeout = absl::Seconds(60);
  // A peer that takes no byte for this long, while bytes are being sent to it, is closed.
  absl::Duration stall_timeout = absl::Seconds(30);
  // Bounds on the chunks that the peer has requested and not received yet, and on their bytes. Requests
  // beyond them are refused.
  uint32_t max_queued_chunks = 4096;
  uint64_t max_queued_bytes = 128ull * 1024 * 1024;
  // May be shared with other connections; null: no limit.
  std::shared_ptr<net::RateLimit> read_limit;
  std::shared_ptr<net::RateLimit> write_limit;
};

// Decides by the ticket in a peer's Hello whether the peer may be served. `name`: of the content; nullopt
// while it is not known, after which the check is made again. Called on the session's loop; must not block.
// The message of an error is sent to the peer, for its user.
using TicketCheck = std::function<absl::Status(const Hello& theirs, std::optional<absl::string_view> name)>;

// What this end states about itself in its Hello, and what it demands of the other end.
struct SessionTerms {
  ContentId content_id;
  PeerId self;
  uint16_t listen_port = 0;
  std::string ticket;  // as Hello::ticket
  // For a dialled session: if the check fails for the peer's Hello, this end serves it nothing but still
  // fetches from it. Null: every peer is served.
  TicketCheck check_ticket = nullptr;
};

// Receives the events of a session, for the download behind it. All calls are made on the session's loop,
// never from inside a call into the session, and none after OnClosed.
class SessionDelegate {
 public:
  virtual ~SessionDelegate() = default;

  // The hellos were exchanged.
  virtual void OnReady(const Hello& theirs) = 0;
  // The canonical manifest that RequestManifest asked for, whole, not yet checked against the content id.
  virtual void OnManifest(std::string canonical) = 0;
  virtual void OnHave(const Have& have) = 0;
  // The peer is sending chunk `index`, of `length_bytes`. WantsChunk returns false for a chunk that was not
  // requested, or was cancelled: its bytes are skipped. BufferFor returns memory for a wanted one; an empty
  // buffer pauses reading until ResumeReading(), after which both are called again.
  virtual bool WantsChunk(ChunkIndex index, uint32_t length_bytes) = 0;
  virtual ChunkBuffer BufferFor(ChunkIndex index, uint32_t length_bytes) = 0;
  // Some bytes of a wanted chunk have arrived. For rates, and to tell a slow peer from a dead one.
  virtual void OnProgress(ChunkIndex index, uint32_t bytes) = 0;
  // All bytes have arrived and match `crc32`, the CRC-32 of the frame. They are not checked against the
  // manifest. When they do not match, OnCorruptFrame is called instead (the network or the peer corrupted
  // them).
  virtual void OnChunk(ChunkIndex index, ChunkBuffer bytes, uint32_t crc32) = 0;
  virtual void OnCorruptFrame(ChunkIndex index) = 0;
  virtual void OnRefused(const Refuse& refuse) = 0;
  // The peer has no fresh chunk left: the credits of RequestAny that no chunk has used are void. Chunks that
  // it had chosen before have arrived before this.
  virtual void OnNothingFresh() = 0;
  // The source of this session failed to read a chunk that it claims to hold; the peer was told
  // (Refuse kReadFailed). At most once per source. `why` names the chunk.
  virtual void OnSourceFailure([[maybe_unused]] const absl::Status& why) {}
  // Called once, last. `why` is never OK: UNAVAILABLE (could not connect, or the connection was lost),
  // DEADLINE_EXCEEDED (a timeout of SessionLimits), INVALID_ARGUMENT (the peer broke the protocol), CANCELLED
  // (Close was called here).
  virtual void OnClosed(const absl::Status& why) = 0;
};

// One connection to one peer for one content, in both directions at once: it serves the requests of the peer
// out of a ChunkSource, if there is one, and delivers the chunks that are requested from the peer to a
// SessionDelegate, if there is one. It is responsible for frames, hellos, queues and timeouts. It is not
// responsible for which chunk to request, whether its bytes are right, and what to do when the peer fails:
// the delegate is.
//
// Lifetime: held by shared_ptr. An open session holds itself; it ends when it is closed, by Close or by the
// peer. The delegate must live until OnClosed returns, or until Close(false).
// Thread safety: bound to one loop; all methods are called on its thread, except SentBytes.
class ChunkSession : public std::enable_shared_from_this<ChunkSession> {
 public:
  // Connects to `peer` over a transport of `transports` and sends the hello. Returns at once; the outcome is
  // reported to `delegate`. `source` may be null.
  static std::shared_ptr<ChunkSession> Dial(net::EventLoop& loop, const net::TransportFactory& transports,
                                            const Endpoint& peer, const SessionTerms& terms,
                                            const SessionLimits& limits,
                                            std::shared_ptr<const ChunkSource> source,
                                            SessionDelegate* delegate);
  virtual ~ChunkSession() = default;

  // Requests these chunks, in this order. Pipelined: does not wait for earlier requests.
  virtual void Request(std::span<const ChunkIndex> chunks) = 0;
  virtual void Cancel(std::span<const ChunkIndex> chunks) = 0;
  // Lets the peer choose `chunks` more chunks to send, fresh ones. They are delivered as if they had been
  // requested by index. If the peer's Hello did not state serves_any, OnNothingFresh follows.
  virtual void RequestAny(uint32_t chunks) = 0;
  // Requests the manifest, for OnManifest. Does nothing when the peer's Hello offered none, or while one is
  // arriving.
  virtual void RequestManifest() = 0;
  // Serves out of `source` from now on and announces all that it holds. Does nothing when the session has a
  // source.
  virtual void Offer(std::shared_ptr<const ChunkSource> source) = 0;
  // Announces chunks that are held from now on: at once, or a moment later together with others when some
  // were announced very recently.
  virtual void Announce(std::span<const ChunkIndex> gained) = 0;
  // Calls WantsChunk and BufferFor again, after BufferFor returned an empty buffer.
  virtual void ResumeReading() = 0;
  // Ends the connection. No call to the delegate follows, not even OnClosed, when `tell` is false.
  virtual void Close(bool tell) = 0;

  virtual const Endpoint& remote() const = 0;
  // Returns the payload bytes sent to the peer so far. Thread-safe.
  virtual uint64_t SentBytes() const = 0;
};

}  // namespace shoal::stream
