#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/transport/transport.h"
#include "shoal/stream/chunk_session.h"
#include "shoal/stream/upload/upload_ledger.h"

namespace shoal::stream {

// Takes connections of the chunk stream, and serves each out of the content it names. Its loops share the
// work: each connection stays on the loop that it was given to. It survives running out of descriptors (the
// connection is closed, and accepting goes on).
//
// All methods are thread-safe. `contents` and `loops` must outlive it.
class ChunkServer {
 public:
  struct Options {
    Endpoint listen;  // port 0: the system chooses; unspecified address: all of them, IPv4 and IPv6
    PeerId self;
    // Makes the transports of accepted connections.
    std::shared_ptr<const net::TransportFactory> transports = net::TcpTransports();
    SessionLimits limits;
    // Connections served at a time; one more is refused with kBusy and `busy_retry`.
    uint32_t max_sessions = 256;
    // Chunks that are being sent at a time, each to another peer; the others wait for their turn
    // (shoal/stream/upload/upload_turns.h). Fewer bring a chunk to its first peer sooner, more fill links
    // that each peer alone can't.
    uint32_t parallel_uploads = 4;
    absl::Duration busy_retry = absl::Seconds(2);
  };

  struct Totals {
    uint64_t sent_bytes = 0;  // payload of chunks
    uint64_t sent_chunks = 0;
    uint64_t refused = 0;   // connections and chunks
    uint32_t sessions = 0;  // open now
  };

  // UNAVAILABLE with the address when it can't be bound.
  static absl::StatusOr<std::unique_ptr<ChunkServer>> Start(const Options& options,
                                                            net::EventLoopGroup& loops,
                                                            std::shared_ptr<const ContentDirectory> contents);
  virtual ~ChunkServer() = default;  // Stop()

  virtual uint16_t port() const = 0;
  virtual Totals totals() const = 0;
  // All zero for a content that no peer has requested, or that was dropped.
  virtual ContentTotals content_totals(const ContentId& content) const = 0;
  // Tells the peers of `content` that chunks were gained here.
  virtual void Announce(const ContentId& content, const std::vector<ChunkIndex>& gained) = 0;
  // Closes all connections about `content`, which is no longer served (Refuse kUnknownContent).
  virtual void Drop(const ContentId& content) = 0;
  // Takes no more connections and closes all. Idempotent; blocks until done; not from a loop's own thread.
  virtual void Stop() = 0;
};

}  // namespace shoal::stream
