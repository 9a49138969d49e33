#include "services/seeder/tracker_link.h"

#include <string>
#include <utility>

#include "shoal/service/log/log.h"
#include "shoal/tracking/client/refusal.h"

namespace shoal::seeder {
namespace {

// Short, so that an outstanding call does not delay shutdown for long.
constexpr absl::Duration kCallTimeout = absl::Seconds(3);

}  // namespace

TrackerLink::TrackerLink(std::unique_ptr<tracking::TrackerClient> client, const PeerIdentity& self,
                         const std::vector<Endpoint>& endpoints, const std::string& site)
    : url_(client->url().ToString()) {
  tracking::Announcer::Options options;
  options.self = self;
  options.endpoint = endpoints[0];
  options.other_endpoints.assign(endpoints.begin() + 1, endpoints.end());
  options.site = site;
  options.call_timeout = kCallTimeout;
  options.on_reachable = [this](const tracking::TrackerUrl& tracker, const absl::Status& status) {
    OnReachable(tracker, status);
  };
  options.on_rejected = [tracker = url_](const tracking::ContentSummary& content, const absl::Status& why) {
    service::LogWarning("a tracker refuses a content", {{"tracker", tracker},
                                                        {"name", content.name},
                                                        {"id", content.id.ToHex()},
                                                        {"why", std::string(why.message())}});
  };
  announcer_ = tracking::Announcer::Start(std::move(client), std::move(options));
}

std::string TrackerLink::failure() const {
  MutexLock lock(&mutex_);
  return failure_;
}

void TrackerLink::OnReachable(const tracking::TrackerUrl& tracker, const absl::Status& status) {
  away_ = !status.ok();
  {
    MutexLock lock(&mutex_);
    failure_ = std::string(status.message());
  }
  if (status.ok()) {
    service::LogInfo("tracker is back", {{"tracker", tracker.ToString()}});
  } else {
    service::LogWarning(tracking::IsRefusal(status) ? "tracker refuses, trying again until it accepts"
                                                    : "tracker is away, trying again until it is back",
                        {{"tracker", tracker.ToString()}, {"why", std::string(status.message())}});
  }
}

tracking::Announcer::ProgressSource UploadProgress(std::shared_ptr<const OfferedSource> source,
                                                   std::function<uint32_t()> free_slots, const Clock& clock) {
  struct Last {
    absl::Duration when;
    uint64_t sent_bytes;
  };
  // Shared, since copies of the function report one series.
  auto last = std::make_shared<Last>(Last{clock.Uptime(), source->opened_bytes()});
  return [source = std::move(source), free_slots = std::move(free_slots), &clock, last] {
    tracking::Announcer::Progress progress;
    progress.held = source->Held();
    progress.free_slots = free_slots();
    progress.sent_bytes = source->opened_bytes();
    const absl::Duration now = clock.Uptime();
    const double seconds = absl::ToDoubleSeconds(now - last->when);
    if (seconds > 0) {
      progress.send_rate_bytes_per_second =
          static_cast<uint64_t>(static_cast<double>(progress.sent_bytes - last->sent_bytes) / seconds);
    }
    *last = {now, progress.sent_bytes};
    return progress;
  };
}

}  // namespace shoal::seeder
