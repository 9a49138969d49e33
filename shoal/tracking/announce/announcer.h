#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "shoal/base/clock.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/peer_identity.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// Announces to one tracker what this process serves: registers each content, sends one heartbeat for all of
// them, and registers again what the tracker has forgotten. While the tracker is away it retries with
// backoff: 1 s doubling to 30 s or to the heartbeat interval, each drawn at random between half and the whole
// of it. It reports a tracker that goes away once, and once more when it is back.
//
// Runs on a thread of its own. Thread safety: all methods are thread-safe. Only the destructor blocks: it
// waits for the call in flight, then withdraws with a timeout of a second. Callbacks may call any method but
// the destructor.
class Announcer {
 public:
  struct Options {
    PeerIdentity self = PeerIdentity::Random();
    Endpoint endpoint;  // ip unspecified: the address that the tracker sees
    std::string site;   // as CheckSite lets it through; empty: none
    // Further addresses under which others reach this process; see ChooseAdvertised.
    std::vector<Endpoint> other_endpoints = {};
    absl::Duration call_timeout = absl::Seconds(5);
    // The tracker went away (the error says why), or is back (OK). Called on the announcer's thread.
    std::function<void(const TrackerUrl& tracker, const absl::Status& status)> on_reachable;
    // The tracker rejects a content for good (ALREADY_EXISTS, INVALID_ARGUMENT): it is not offered again. Or
    // it rejects it for now (RESOURCE_EXHAUSTED, PERMISSION_DENIED): reported once, and offered again with
    // backoff.
    std::function<void(const ContentSummary& content, const absl::Status& why)> on_rejected;
    // Peers that the tracker named in a RegisterResponse, when the offer requested some.
    std::function<void(const ContentId& content, const std::vector<PeerInfo>& peers)> on_peers;
  };

  // What changes between two heartbeats of a content; queried when one is due, on the announcer's thread.
  struct Progress {
    ChunkSet held;
    uint32_t free_slots = 0;
    uint64_t sent_bytes = 0;
    uint64_t received_bytes = 0;
    uint64_t send_rate_bytes_per_second = 0;
    uint64_t receive_rate_bytes_per_second = 0;
  };
  using ProgressSource = std::function<Progress()>;

  virtual ~Announcer() = default;

  // Starts to offer a content; a second call replaces the first. `max_peers`: how many peers to request.
  // `publishes`: this process is a publisher of the content, so its name refers to it from now on. Another
  // content that this announcer published under that name is then offered as re-seeded. False: this process
  // re-seeds the content. `signature`: the publisher's signature, if this process has one.
  virtual void Offer(const ContentSummary& content, ProgressSource progress, uint32_t max_peers,
                     bool publishes, const std::optional<PublisherSignature>& signature) = 0;
  void Offer(const ContentSummary& content, ProgressSource progress, uint32_t max_peers,
             bool publishes = false) {
    Offer(content, std::move(progress), max_peers, publishes, std::nullopt);
  }
  // Ends the offer and its lease. The ProgressSource may be called once more after this, so it must own what
  // it uses.
  virtual void Withdraw(const ContentId& content) = 0;
  // Reports a bad peer of an offered content with the next heartbeat. Reports that do not fit into the
  // message are dropped: the tracker needs a sign, not a count.
  virtual void Report(const ContentId& content, const PeerId& peer, PeerReport::Reason reason) = 0;
  // Returns whether the tracker has registered every offered content.
  virtual bool all_registered() const = 0;

  static std::unique_ptr<Announcer> Start(std::shared_ptr<TrackerClient> client, Options options);
};

}  // namespace shoal::tracking
