#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "grpcpp/grpcpp.h"
#include "services/tracker/registry.h"
#include "services/tracker/swarm_watcher.h"
#include "shoal/base/mutex.h"
#include "shoal/tracker/v1/messages.pb.h"
#include "shoal/tracking/messages.h"

namespace shoal::tracker {

// One Watch call: writes a watcher's events to its client, one at a time, until either side ends it. Keeps
// itself alive until gRPC is done with it. Thread-safe.
class WatchStream final : public grpc::ServerWriteReactor<v1::SwarmEvent>,
                          public std::enable_shared_from_this<WatchStream> {
 public:
  // `on_done` runs when the call is over, however it ended.
  static std::shared_ptr<WatchStream> Start(Registry* registry, const WatchRequest& request,
                                            std::function<void(WatchStream*)> on_done);
  // Finishes the call with `status` once the write in flight is done.
  void End(const absl::Status& status);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  WatchStream(Registry* registry, const WatchRequest& request, std::function<void(WatchStream*)> on_done)
      : registry_(registry), content_(request.content), on_done_(std::move(on_done)) {}

  // Starts the next write, or the end, unless something is on its way.
  void Proceed();

  Registry* const registry_;
  const ContentId content_;
  const std::function<void(WatchStream*)> on_done_;
  std::shared_ptr<SwarmWatcher> watcher_;
  std::shared_ptr<WatchStream> self_;
  v1::SwarmEvent event_;  // of the write in flight

  Mutex mutex_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::tracker
