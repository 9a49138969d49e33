#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/clock.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// The client's end of a tracker, over gRPC or UDP. Calls block until the answer is there or `timeout`
// has passed, so they are made from a thread that may wait. Thread-safe: calls of several threads do not wait
// for each other over gRPC; over UDP they take turns.
//
// It makes each call once (over UDP: with the retries that a lost datagram needs). Trying again later,
// keeping leases alive and finding another tracker is not its business (see Announcer).
//
// Errors: what protos/shoal/tracker/v1/tracker.proto lists, UNAVAILABLE (no tracker at that address, name not
// known) and DEADLINE_EXCEEDED; messages name the tracker.
class TrackerClient {
 public:
  virtual ~TrackerClient() = default;

  virtual absl::StatusOr<RegisterResponse> Register(const RegisterRequest& request,
                                                    absl::Duration timeout) = 0;
  // For many contents at once, each with an outcome of its own. Where the protocol has no such message, one
  // Register after the other; when the tracker is away, the rest is not tried and has the same error.
  virtual absl::StatusOr<RegisterManyResponse> RegisterMany(const RegisterManyRequest& request,
                                                            absl::Duration timeout);
  virtual absl::StatusOr<HeartbeatResponse> Heartbeat(const HeartbeatRequest& request,
                                                      absl::Duration timeout) = 0;
  virtual absl::StatusOr<LookupResponse> Lookup(const LookupRequest& request, absl::Duration timeout) = 0;
  // For many contents at once. A content that the tracker does not know has a result without contents. The
  // base class makes one Lookup after the other.
  virtual absl::StatusOr<LookupManyResponse> LookupMany(const LookupManyRequest& request,
                                                        absl::Duration timeout);
  virtual absl::StatusOr<ListContentsResponse> ListContents(const ListContentsRequest& request,
                                                            absl::Duration timeout) = 0;
  virtual absl::StatusOr<GetSwarmResponse> GetSwarm(const ContentKey& content, absl::Duration timeout) = 0;
  virtual absl::StatusOr<LeaveResponse> Leave(const LeaveRequest& request, absl::Duration timeout) = 0;

  virtual const TrackerUrl& url() const = 0;
};

// A client for `url`; connects when it is first used. For udp:// it speaks datagrams, and goes to the
// tracker's gRPC listener for what datagrams don't carry (ListContents, GetSwarm) or what does not fit into one.
std::unique_ptr<TrackerClient> MakeTrackerClient(const TrackerUrl& url);

}  // namespace shoal::tracking
