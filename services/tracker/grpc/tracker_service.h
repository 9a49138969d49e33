#pragma once

#include <memory>

#include "services/tracker/access/access_control.h"
#include "services/tracker/access/ticket_issuer.h"
#include "services/tracker/limits/rate_limiter.h"
#include "services/tracker/metrics/listener_metrics.h"
#include "services/tracker/state/address_verifier.h"
#include "services/tracker/state/peer_addresses.h"
#include "services/tracker/state/tracker_state.h"
#include "shoal/base/clock.h"
#include "shoal/service/grpc/grpc_methods.h"

namespace shoal::tracker {

// The gRPC service shoal.tracker.v1.TrackerService over a TrackerState. Parses and validates messages,
// applies the rate limit of the caller's address, checks the rights of its token, completes the addresses of
// peers for the registry and for each caller, adds tickets to lookups, and counts calls. The state makes all
// decisions. It does not own the server or its threads: see service::GrpcServer.
//
// Thread safety: thread-safe; methods run on all threads of the server at the same time.
class TrackerService {
 public:
  static constexpr char kName[] = "shoal.tracker.v1.TrackerService";

  // Requires: all pointers outlive this, and this outlives the server that it is added to.
  static std::unique_ptr<TrackerService> Create(TrackerState* state, const CurrentPeerAddresses* addresses,
                                                AddressVerifier* verifier, ListenerMetrics* metrics,
                                                RateLimiter* limiter, const AccessControl* access,
                                                const TicketIssuer* tickets, const Clock* clock);
  virtual ~TrackerService() = default;

  // Adds the methods for calls that come in by `listener`, under which they are counted.
  virtual void AddTo(Listener listener, service::GrpcMethods* methods) = 0;
  // Ends all present and future Watch streams with UNAVAILABLE: they would hold up a server that drains.
  virtual void EndWatches() = 0;
};

}  // namespace shoal::tracker
