#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
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
  // A peer that nothing came from for this long is closed (the time while reading is paused does not count).
  // An end that has sent nothing for a third of this sends a ping.
  absl::Duration idle_timeout = absl::Seconds(60);
  // A peer that takes no byte of what is being sent to it for this long is closed.
  absl::Duration stall_timeout = absl::Seconds(30);
  // Chunks that the peer may have asked for and not got yet, and their bytes; more are refused.
  uint32_t max_queued_chunks = 4096;
  uint64_t max_queued_bytes = 128ull * 1024 * 1024;
  // Shared with other connections as the owner likes; null: no limit.
  std::shared_ptr<net::RateLimit> read_limit;
  std::shared_ptr<net::RateLimit> write_limit;
};

// What this end says of itself in its Hello.
struct SessionTerms {
  ContentId content_id;
  PeerId self;
  uint16_t listen_port = 0;
  std::string ticket;
};

// Receives what happens on a session, for the download behind it. All calls come on the session's loop, never
// from inside a call into the session, and none after OnClosed.
class SessionDelegate {
 public:
  virtual ~SessionDelegate() = default;

  // The hellos were exchanged.
  virtual void OnReady(const Hello& theirs) = 0;
  // The canonical manifest that RequestManifest asked for, whole, not yet checked against the content id.
  virtual void OnManifest(std::string canonical) = 0;
  virtual void OnHave(const Have& have) = 0;
  // Memory for chunk `index`, which the peer is sending, `length_bytes` long. An empty buffer pauses reading
  // until ResumeReading(). A chunk that was not asked for (or was cancelled): return false from WantsChunk;
  // its bytes are skipped. Both are asked again after a pause.
  virtual bool WantsChunk(ChunkIndex index, uint32_t length_bytes) = 0;
  virtual ChunkBuffer BufferFor(ChunkIndex index, uint32_t length_bytes) = 0;
  // Some bytes of a wanted chunk have come; for rates and for telling slow from dead.
  virtual void OnProgress(ChunkIndex index, uint32_t bytes) = 0;
  // All bytes have arrived and match the CRC-32 of the frame; they are not yet checked against the manifest.
  // When they do not match, OnCorruptFrame comes instead (the wire or the peer corrupted them).
  // `crc32` was computed while the bytes were in the cache.
  virtual void OnChunk(ChunkIndex index, ChunkBuffer bytes, uint32_t crc32) = 0;
  virtual void OnCorruptFrame(ChunkIndex index) = 0;
  virtual void OnRefused(const Refuse& refuse) = 0;
  // The peer has no fresh chunk left to choose: the credits that RequestAny gave and no chunk has used are
  // void. Chunks that it had begun to choose have come before this.
  virtual void OnNothingFresh() = 0;
  // Once, last. `why` is never OK: UNAVAILABLE (could not connect, or gone), DEADLINE_EXCEEDED (a timeout of
  // SessionLimits), INVALID_ARGUMENT (it broke the protocol), CANCELLED (Close was called here).
  virtual void OnClosed(const absl::Status& why) = 0;
};

// One connection to one peer for one content, in both directions at once: it serves the requests of the peer
// out of a ChunkSource, if there is one, and delivers what is requested from the peer to a SessionDelegate,
// if there is one. It knows frames, hellos, queues and timeouts. The delegate decides which chunk to request,
// whether its bytes are right, and what to do when the peer fails.
//
// Bound to one loop: all methods on its thread, except SentBytes. Held by shared_ptr; lives on by itself
// until it is closed, and must be closed (Close, or by the peer) to end. The delegate must outlive OnClosed,
// or be detached by Close().
class ChunkSession : public std::enable_shared_from_this<ChunkSession> {
 public:
  // Connects to `peer` over a transport of `transports` and sends the hello. Returns at once; what follows
  // goes to `delegate`. `source` may be null.
  static std::shared_ptr<ChunkSession> Dial(net::EventLoop& loop, const net::TransportFactory& transports,
                                            const Endpoint& peer, const SessionTerms& terms,
                                            const SessionLimits& limits,
                                            std::shared_ptr<const ChunkSource> source,
                                            SessionDelegate* delegate);
  virtual ~ChunkSession() = default;

  // Requests these chunks, in this order. Pipelined: does not wait for earlier ones.
  virtual void Request(std::span<const ChunkIndex> chunks) = 0;
  virtual void Cancel(std::span<const ChunkIndex> chunks) = 0;
  // Lets the peer choose `chunks` more chunks to send, fresh ones. They arrive at WantsChunk as if they had
  // been requested. Requires: the peer's Hello said serves_any; otherwise OnNothingFresh follows.
  virtual void RequestAny(uint32_t chunks) = 0;
  // Nothing when the peer's Hello offered no manifest, or while one is on its way.
  virtual void RequestManifest() = 0;
  // Gives a session that was dialled without a source one: serves out of it, and announces all that it holds.
  virtual void Offer(std::shared_ptr<const ChunkSource> source) = 0;
  // Announces chunks that are held from now on: at once, or together with others a moment later when some
  // were announced just now.
  virtual void Announce(std::span<const ChunkIndex> gained) = 0;
  // After an empty buffer from BufferFor: requests one again.
  virtual void ResumeReading() = 0;
  // Ends the connection. No call to the delegate follows, not even OnClosed, when `tell` is false.
  virtual void Close(bool tell) = 0;

  virtual const Endpoint& remote() const = 0;
  // Payload bytes sent to the peer so far. Any thread.
  virtual uint64_t SentBytes() const = 0;
};

}  // namespace shoal::stream
