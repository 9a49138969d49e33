#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "shoal/base/mutex.h"
#include "shoal/service/grpc/grpc_methods.h"

namespace shoal::service {

// The service grpc.health.v1.Health: reports whether this process serves, as a whole ("") and for each of its
// services, which all have the same state. Check answers at once; Watch sends the state and each change of
// it.
//
// Thread safety: all methods are thread-safe.
class GrpcHealth {
 public:
  explicit GrpcHealth(const std::vector<std::string>& services);

  // Adds the methods of the service. This must outlive the server that has them.
  void AddTo(GrpcMethods* methods);
  void SetServing(bool serving);
  // Sets NOT_SERVING for good. Each watch gets the change, and then ends with UNAVAILABLE.
  void ShutDown();

 private:
  class Watcher;
  enum class State { kNotServing, kServing, kShutDown };

  State state() const;
  absl::StatusOr<std::string> Check(ByteView request) const;
  std::unique_ptr<GrpcStreamSource> Watch(ByteView request, const std::shared_ptr<GrpcStream>& stream);
  void Change(State state);

  const absl::flat_hash_set<std::string> services_;
  mutable Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kNotServing;
  std::vector<std::weak_ptr<GrpcStream>> watching_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::service
