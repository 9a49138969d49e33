#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/seeder/catalog.h"
#include "shoal/base/clock.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/peer_identity.h"
#include "shoal/tracking/announce/announcer.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/client/tracker_url.h"

namespace shoal::seeder {

// The seeder's connection to one tracker: an announcer, whether the tracker is away, and the log lines about
// that. The destructor sends a leave to the tracker.
//
// Thread safety: methods are thread-safe.
class TrackerLink {
 public:
  TrackerLink(std::unique_ptr<tracking::TrackerClient> client, const PeerIdentity& self,
              const std::vector<Endpoint>& endpoints, const std::string& site);

  tracking::Announcer& announcer() { return *announcer_; }
  // Returns: whether the tracker has registered all offered contents or is away.
  bool told_or_away() const { return away_ || announcer_->all_registered(); }
  bool away() const { return away_; }
  const std::string& url() const { return url_; }
  // Returns: why the tracker is away; empty: it is not.
  std::string failure() const;

 private:
  void OnReachable(const tracking::TrackerUrl& tracker, const absl::Status& status);

  const std::string url_;
  std::atomic<bool> away_ = false;
  mutable Mutex mutex_;
  std::string failure_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<tracking::Announcer> announcer_;  // last: its thread uses the rest
};

// Returns: the function that reports a content to one tracker with each heartbeat: all chunks are held; the
// bytes sent, and the rate since the last report. Requires: `free_slots` and `clock` outlive the function.
tracking::Announcer::ProgressSource UploadProgress(std::shared_ptr<const OfferedSource> source,
                                                   std::function<uint32_t()> free_slots, const Clock& clock);

}  // namespace shoal::seeder
