#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/rate_limit.h"
#include "shoal/stream/upload/upload_ledger.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// Serves what this process holds to others, and keeps the trackers told: downloads from their first chunk on,
// and what is whole for as long as its owner likes. One port for all contents; one announcer per tracker. It
// prints nothing and decides nothing about when to end. Thread-safe.
class Reseeder {
 public:
  struct Options {
    Endpoint listen;                     // port 0: the system chooses
    std::optional<IpAddress> advertise;  // unset: as each tracker sees us
    PeerId self;
    std::string site;                          // where it stands; empty: nowhere
    std::shared_ptr<net::RateLimit> limit_up;  // null: none
    // On which connections are served; must outlive the Reseeder. Null: loops of its own.
    net::EventLoopGroup* loops = nullptr;
    // How a tracker is spoken to. Required.
    std::function<std::shared_ptr<tracking::TrackerClient>(const tracking::TrackerUrl&)> make_tracker_client;
    // Told from a thread of the reseeder; must not block: a tracker is away (why) or back (OK).
    std::function<void(const tracking::TrackerUrl& tracker, const absl::Status& status)> on_tracker;
    // A tracker will not take a content.
    std::function<void(const tracking::ContentSummary& content, const absl::Status& why)> on_rejected;
  };

  struct Totals {
    uint32_t contents = 0;
    uint32_t peers = 0;  // connections now
    uint64_t sent_bytes = 0;
    uint64_t sent_chunks = 0;
    uint32_t trackers = 0;
    uint32_t trackers_told = 0;  // that have taken everything
  };

  // UNAVAILABLE with the address when it can't be bound.
  static absl::StatusOr<std::unique_ptr<Reseeder>> Start(Options options);
  // Tells the trackers, and closes all connections.
  virtual ~Reseeder() = default;

  virtual uint16_t port() const = 0;
  // From now on peers can have what `source` holds, and these trackers name this process as a peer for it.
  virtual void Serve(std::shared_ptr<const ChunkSource> source,
                     const std::vector<tracking::TrackerUrl>& trackers) = 0;
  // Chunks that a source has gained since.
  virtual void Gained(const ContentId& content, const std::vector<ChunkIndex>& chunks) = 0;
  // Tells the trackers of a content that is served, with their next heartbeats, that a peer of it was no
  // good. Of a content that is not served nothing is told, as a tracker listens only to peers of the same
  // content.
  virtual void Report(const ContentId& content, const PeerId& peer, tracking::PeerReport::Reason reason) = 0;
  virtual void Withdraw(const ContentId& content) = 0;
  virtual Totals totals() const = 0;
  // What was sent of one content, and to whom; see ChunkServer.
  virtual stream::ContentTotals content_totals(const ContentId& content) const = 0;
};

}  // namespace shoal::leecher
