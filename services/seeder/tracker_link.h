#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/seeder/catalog.h"
#include "shoal/base/clock.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/announce/announcer.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/client/tracker_url.h"

namespace shoal::seeder {

// One tracker as the seeder sees it: an announcer, whether the tracker is away, and the log lines about that.
// Methods are thread-safe; the destructor tells the tracker that we leave.
class TrackerLink {
 public:
  TrackerLink(std::unique_ptr<tracking::TrackerClient> client, PeerId self, const Endpoint& endpoint,
              const std::string& site);

  tracking::Announcer& announcer() { return *announcer_; }
  // The tracker has taken all that is offered, or it is away and can't.
  bool told_or_away() const { return away_ || announcer_->all_registered(); }
  bool away() const { return away_; }

 private:
  void OnReachable(const tracking::TrackerUrl& tracker, const absl::Status& status);

  std::atomic<bool> away_ = false;
  std::unique_ptr<tracking::Announcer> announcer_;  // last: its thread uses the rest
};

// What one tracker is told of a content with each heartbeat: all chunks are held; how much went out and how
// fast, since it was told last. `free_slots` and `clock` must outlive the function.
tracking::Announcer::ProgressSource UploadProgress(std::shared_ptr<const OfferedSource> source,
                                                   std::function<uint32_t()> free_slots, const Clock& clock);

}  // namespace shoal::seeder
