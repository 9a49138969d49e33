#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/transport/transport.h"
#include "shoal/stream/chunk_session.h"
#include "shoal/stream/upload/upload_ledger.h"
#include "shoal/stream/upload/upload_turns.h"

namespace shoal::stream {

// The listener of the chunk stream: accepts connections and serves each out of the content that its peer
// names. Connections are spread over the loops, and each stays on its loop. When the process runs out of
// descriptors new connections are closed, and accepting continues.
//
// Thread safety: all methods are thread-safe. `loops` must outlive it.
class ChunkServer {
 public:
  struct Options {
    Endpoint listen;  // port 0: the system chooses; unspecified address: all, IPv4 and IPv6
    PeerId self;
    // Makes the transports of accepted connections.
    std::shared_ptr<const net::TransportFactory> transports = net::TcpTransports();
    SessionLimits limits;
    // Connections served at a time. When there are as many, one that was sent nothing for `useless_after`,
    // and has requested nothing, makes room for a further one: of the address (a /64 of IPv6) that has most
    // such connections, the one that is useless for the longest. If there is none, but an address has two
    // more connections than that of the further one, and more than a 16th of all, then its slowest one makes
    // room. If there is none either, the further one is refused. All of these get kBusy and `busy_retry`.
    uint32_t max_sessions = 256;
    // A connection that does not pass is refused (kNoTicket), before it takes a place of max_sessions, and
    // whether or not the content is served here. Null: everybody is served.
    TicketCheck check_ticket;
    absl::Duration useless_after = absl::Seconds(1);
    // Chunks that are sent at a time, each to another peer; other peers wait for their turn
    // (shoal/stream/upload/upload_turns.h). A low number completes a chunk at its first peer sooner; a high
    // number fills a link that no single peer can fill.
    uint32_t parallel_uploads = kParallelUploads;
    absl::Duration busy_retry = absl::Seconds(2);
    // Returns what limits the uploads of a content, over all connections about it together, besides `limits`;
    // null: nothing. Called on the thread of a loop, once per connection; must not block. May be null.
    std::function<std::shared_ptr<net::RateLimit>(const ContentId& content)> write_limit_of;
    // Called when the source of `content` fails to read a chunk that it claims to hold (a file that was
    // changed, truncated or removed); `why` names the chunk. The peer was told (Refuse kReadFailed). The
    // owner should withdraw the content, or stop announcing the chunk. Called once for each source that the
    // directory returns, on the thread of a loop; must not block, and may call any method but Stop. May be
    // null.
    std::function<void(const ContentId& content, const absl::Status& why)> on_source_failure;
  };

  struct Totals {
    uint64_t sent_bytes = 0;  // payload of chunks
    uint64_t sent_chunks = 0;
    uint64_t refused = 0;   // connections and chunks
    uint32_t sessions = 0;  // open now
  };

  // Errors: UNAVAILABLE, with the address, when it can't be bound.
  static absl::StatusOr<std::unique_ptr<ChunkServer>> Start(const Options& options,
                                                            net::EventLoopGroup& loops,
                                                            std::shared_ptr<const ContentDirectory> contents);
  virtual ~ChunkServer() = default;  // Stop()

  virtual uint16_t port() const = 0;
  virtual Totals totals() const = 0;
  // Returns all zero for a content that no peer has requested, or that was dropped.
  virtual ContentTotals content_totals(const ContentId& content) const = 0;
  // Returns the contents that peers have requested and that were not dropped, with their totals.
  virtual std::vector<std::pair<ContentId, ContentTotals>> all_content_totals() const = 0;
  // Tells the peers of `content` that chunks were gained here.
  virtual void Announce(const ContentId& content, const std::vector<ChunkIndex>& gained) = 0;
  // Closes all connections about `content`, which is no longer served, with Refuse kUnknownContent.
  virtual void Drop(const ContentId& content) = 0;
  // Stops accepting and closes all connections. Idempotent; blocks until done. Not called on the thread of a
  // loop.
  virtual void Stop() = 0;
};

}  // namespace shoal::stream
