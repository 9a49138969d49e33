#include "services/seeder/tracker_link.h"

#include <string>
#include <utility>

#include "shoal/service/log/log.h"

namespace shoal::seeder {
namespace {

// Short enough that an outstanding call does not delay shutdown.
constexpr absl::Duration kCallTimeout = absl::Seconds(3);

}  // namespace

TrackerLink::TrackerLink(std::unique_ptr<tracking::TrackerClient> client, PeerId self,
                         const Endpoint& endpoint, const std::string& site) {
  tracking::Announcer::Options options;
  options.self = self;
  options.endpoint = endpoint;
  options.site = site;
  options.call_timeout = kCallTimeout;
  options.on_reachable = [this](const tracking::TrackerUrl& tracker, const absl::Status& status) {
    OnReachable(tracker, status);
  };
  options.on_rejected = [tracker = client->url().ToString()](const tracking::ContentSummary& content,
                                                             const absl::Status& why) {
    service::LogWarning("a tracker does not take a content", {{"tracker", tracker},
                                                              {"name", content.name},
                                                              {"id", content.id.ToHex()},
                                                              {"why", std::string(why.message())}});
  };
  announcer_ = tracking::Announcer::Start(std::move(client), std::move(options));
}

void TrackerLink::OnReachable(const tracking::TrackerUrl& tracker, const absl::Status& status) {
  away_ = !status.ok();
  if (status.ok()) {
    service::LogInfo("tracker is back", {{"tracker", tracker.ToString()}});
  } else {
    service::LogWarning("tracker is away, trying again until it is back",
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
