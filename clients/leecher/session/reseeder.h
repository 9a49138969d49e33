#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/peer_identity.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/rate_limit.h"
#include "shoal/net/transport/transport.h"
#include "shoal/service/metrics/serving_metrics.h"
#include "shoal/stream/chunk_session.h"
#include "shoal/stream/upload/upload_ledger.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// Serves the contents of this process to other peers and announces them to the trackers: downloads from their
// first chunk on, complete contents until they are withdrawn. One port for all contents; one announcer per
// tracker. It prints nothing and does not decide when to end.
//
// Thread safety: all methods are thread-safe. None waits for a tracker or a peer, except the destructor.
class Reseeder {
 public:
  struct Options {
    Endpoint listen;                  // port 0: the system chooses
    std::vector<Endpoint> advertise;  // see tracking::ChooseAdvertised; empty: what this machine has
    PeerIdentity self = PeerIdentity::Random();
    std::string site;                          // the site of this process, see CheckSite; empty: none
    std::shared_ptr<net::RateLimit> limit_up;  // null: none
    // Makes the transports of connections from peers.
    std::shared_ptr<const net::TransportFactory> transports = net::TcpTransports();
    stream::TicketCheck check_ticket = nullptr;  // whom to serve; null: everybody
    // On which connections are served; must outlive the Reseeder. Null: loops of its own.
    net::EventLoopGroup* loops = nullptr;
    // Makes or finds the client of a tracker. Required.
    std::function<std::shared_ptr<tracking::TrackerClient>(const tracking::TrackerUrl&)> make_tracker_client;
    // A tracker went away (the error says why) or is back (OK). Called on a thread of the reseeder; must not
    // block.
    std::function<void(const tracking::TrackerUrl& tracker, const absl::Status& status)> on_tracker;
    // A tracker rejects a content.
    std::function<void(const tracking::ContentSummary& content, const absl::Status& why)> on_rejected;
    // What is served of a content can't be read any more (deleted, truncated, changed): it is no longer
    // served. Called once per content that was served, on a thread of the reseeder; must not block.
    std::function<void(const tracking::ContentSummary& content, const absl::Status& why)> on_broken;
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
  // Withdraws all contents from the trackers, and closes all connections.
  virtual ~Reseeder() = default;

  // Where it listens, with the port that it got.
  virtual Endpoint listens_at() const = 0;
  uint16_t port() const { return listens_at().port; }
  // For people: why no other machine may be able to connect, and what changes that. Empty: nothing is known.
  virtual const std::string& warning() const = 0;
  // Serves what `source` holds from now on, and registers this process as a peer of its content with these
  // trackers. A content may have several sources; see ServedContents. `signature`: who published it, if that
  // is known; it is passed on. `limit`: bounds the uploads of this content, in addition to Options::limit_up;
  // null: no further limit. If a content has several sources, the first non-null limit applies, to
  // connections accepted after that call.
  virtual void Serve(std::shared_ptr<const ChunkSource> source,
                     const std::vector<tracking::TrackerUrl>& trackers,
                     const std::optional<PublisherSignature>& signature,
                     std::shared_ptr<net::RateLimit> limit) = 0;
  void Serve(std::shared_ptr<const ChunkSource> source, const std::vector<tracking::TrackerUrl>& trackers) {
    Serve(std::move(source), trackers, std::nullopt, nullptr);
  }
  // The same, as a publisher: the name of the content refers to it from now on.
  virtual void Publish(std::shared_ptr<const ChunkSource> source,
                       const std::vector<tracking::TrackerUrl>& trackers,
                       const std::optional<PublisherSignature>& signature) = 0;
  // Announces chunks that a source has gained since.
  virtual void Gained(const ContentId& content, const std::vector<ChunkIndex>& chunks) = 0;
  // Reports a bad peer of a served content to the trackers of that content, with their next heartbeats. Does
  // nothing for a content that is not served, because a tracker accepts reports only from peers of the same
  // content.
  virtual void Report(const ContentId& content, const PeerId& peer, tracking::PeerReport::Reason reason) = 0;
  // Serves out of `source` no longer; no effect when it is not served. The content is withdrawn from a
  // tracker with the last source that was served for that tracker.
  virtual void Withdraw(const std::shared_ptr<const ChunkSource>& source) = 0;
  // A source of the content can't be read: all of its sources are withdrawn, and on_broken follows. No effect
  // when it is not served.
  virtual void SourceFailed(const ContentId& content, const absl::Status& why) = 0;
  virtual Totals totals() const = 0;
  // Returns what `--http` reports; contents that peers have requested are named.
  virtual service::ServingFigures figures() const = 0;
  // What was sent of one content, and to whom; see ChunkServer.
  virtual stream::ContentTotals content_totals(const ContentId& content) const = 0;
};

}  // namespace shoal::leecher
