#include "services/seeder/tracker_link.h"

#include <string>
#include <utility>

#include "shoal/service/log/log.h"

namespace shoal::seeder {
namespace {

// Short enough that a call which is in flight at the end does not hold up the end.
constexpr absl::Duration kCallTimeout = absl::Seconds(3);

}  // namespace

TrackerLink::TrackerLink(std::unique_ptr<TrackerClient> client, PeerId self, const Endpoint& endpoint,
                         const std::string& site) {
  Announcer::Options options;
  options.self = self;
  options.endpoint = endpoint;
  options.site = site;
  options.call_timeout = kCallTimeout;
  options.on_reachable = [this](const TrackerUrl& tracker, const absl::Status& status) {
    OnReachable(tracker, status);
  };
  options.on_rejected = [tracker = client->url().ToString()](const ContentSummary& content,
                                                             const absl::Status& why) {
    LogWarning("a tracker does not take a content", {{"tracker", tracker},
                                                     {"name", content.name},
                                                     {"id", content.id.ToHex()},
                                                     {"why", std::string(why.message())}});
  };
  announcer_ = Announcer::Start(std::move(client), std::move(options));
}

void TrackerLink::OnReachable(const TrackerUrl& tracker, const absl::Status& status) {
  away_ = !status.ok();
  if (status.ok()) {
    LogInfo("tracker is back", {{"tracker", tracker.ToString()}});
  } else {
    LogWarning("tracker is away, trying again until it is back",
               {{"tracker", tracker.ToString()}, {"why", std::string(status.message())}});
  }
}

}  // namespace shoal::seeder
