#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "shoal/base/clock.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// Keeps one tracker told of what this process serves: registers each content, sends one heartbeat for all of
// them, does again what the tracker asks for again, and goes on trying with backoff (1 s doubling to 30 s or
// to the heartbeat interval, each drawn at random between half and the whole of it) while the tracker is
// away. A tracker that goes away is reported once, and once more when it is back.
//
// It runs on a thread of its own; all methods are thread-safe and none of them blocks but the destructor
// (which waits for the call in flight, then leaves with a timeout of a second). The callbacks may call any
// method but the destructor.
class Announcer {
 public:
  struct Options {
    PeerId self;
    Endpoint endpoint;  // ip unspecified: as the tracker sees us
    std::string site;   // as CheckSite lets it through; empty: none
    absl::Duration call_timeout = absl::Seconds(5);
    // Told from the announcer's thread: the tracker is away (why), or back (OK).
    std::function<void(const TrackerUrl& tracker, const absl::Status& status)> on_reachable;
    // A content that the tracker will not take (ALREADY_EXISTS, INVALID_ARGUMENT): it is not offered again.
    // Or that it does not take for now (RESOURCE_EXHAUSTED): told once, and offered again with backoff.
    std::function<void(const ContentSummary& content, const absl::Status& why)> on_rejected;
    // Peers that the tracker named in answer to Register, when the content asked for some.
    std::function<void(const ContentId& content, const std::vector<PeerInfo>& peers)> on_peers;
  };

  // What changes between two heartbeats of a content; asked for when one is due, from the announcer's thread.
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

  // Begins to offer a content (again: replaces what was said of it). `max_peers`: how many peers to ask for.
  virtual void Offer(const ContentSummary& content, ProgressSource progress, uint32_t max_peers) = 0;
  // Ends it, and tells the tracker. The ProgressSource may be asked once more after this, if it was about to
  // be: so it owns what it looks at.
  virtual void Withdraw(const ContentId& content) = 0;
  // Tells the tracker, with the next heartbeat, that a peer of a content that is offered was no good. What
  // does not fit into a message is left out: the tracker wants a sign, not a count.
  virtual void Report(const ContentId& content, const PeerId& peer, PeerReport::Reason reason) = 0;
  // The tracker has taken every content that is offered.
  virtual bool all_registered() const = 0;

  static std::unique_ptr<Announcer> Start(std::shared_ptr<TrackerClient> client, Options options);
};

}  // namespace shoal::tracking
