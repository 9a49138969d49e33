#include "services/seeder/tracker_link.h"

#include <string>
#include <utility>

#include "shoal/service/log/log.h"

namespace shoal::seeder {
namespace {

// Short enough that a call which is in flight at the end does not hold up the end.
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

}  // namespace shoal::seeder
