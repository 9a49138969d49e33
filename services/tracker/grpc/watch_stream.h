#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "services/tracker/registry/registry.h"
#include "services/tracker/registry/swarm_watcher.h"
#include "services/tracker/state/peer_addresses.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/mutex.h"
#include "shoal/service/grpc/grpc_methods.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

// All open Watch calls. One source (IpAddress::SourcePrefix) may have a 16th of those that the registry
// permits, but at least one; all callers on this machine (PeerAddresses::IsHere) are one source, and may have
// half of them. Thread-safe.
class WatchStreams {
 public:
  // Requires: `registry` and `addresses` outlive this, and this outlives every stream.
  WatchStreams(Registry* registry, const CurrentPeerAddresses* addresses)
      : registry_(registry), addresses_(addresses) {}

  // Returns: the messages of one call: the peers of its swarm, then each change. Errors: those of
  // Registry::Watch; RESOURCE_EXHAUSTED when the caller's source has its share.
  absl::StatusOr<std::unique_ptr<service::GrpcStreamSource>> Open(
      const tracking::WatchRequest& request, const Caller& caller,
      const std::shared_ptr<service::GrpcStream>& stream);
  // Ends all present and future streams with UNAVAILABLE: they would hold up a server that drains.
  void End();

 private:
  class Source;
  class Share;

  bool ended() const;

  Registry* const registry_;
  const CurrentPeerAddresses* const addresses_;
  mutable Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  // Open calls; those of this machine under the unspecified address.
  absl::flat_hash_map<IpAddress, uint32_t> by_source_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<service::GrpcStream>> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::tracker
