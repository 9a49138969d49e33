#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/clock.h"
#include "shoal/net/tls/tls_context.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/messages.h"
#include "shoal/tracking/tickets/ticket_verifier.h"

namespace shoal::tracking {

// A connection to one tracker, over gRPC or datagrams. Calls block until the response arrives or `timeout`
// has passed.
//
// Makes each call once; over datagrams, with the retries that lost datagrams need. Does not retry later, keep
// leases alive or find another tracker: see Announcer.
//
// Errors: those of protos/shoal/tracker/v1/tracker.proto, UNAVAILABLE (unknown host, or no tracker at that
// address) and DEADLINE_EXCEEDED. Messages name the tracker.
//
// Thread safety: thread-safe. Calls of several threads run at the same time over gRPC; over datagrams they
// take turns.
class TrackerClient {
 public:
  virtual ~TrackerClient() = default;

  virtual absl::StatusOr<RegisterResponse> Register(const RegisterRequest& request,
                                                    absl::Duration timeout) = 0;
  // Registers many contents, each with an outcome of its own. The base class makes one Register after the
  // other; once the tracker can't be reached, the remaining registrations get the same error.
  virtual absl::StatusOr<RegisterManyResponse> RegisterMany(const RegisterManyRequest& request,
                                                            absl::Duration timeout);
  virtual absl::StatusOr<HeartbeatResponse> Heartbeat(const HeartbeatRequest& request,
                                                      absl::Duration timeout) = 0;
  virtual absl::StatusOr<LookupResponse> Lookup(const LookupRequest& request, absl::Duration timeout) = 0;
  // Looks up many contents. The result of an unknown content has no contents. The base class makes one Lookup
  // after the other.
  virtual absl::StatusOr<LookupManyResponse> LookupMany(const LookupManyRequest& request,
                                                        absl::Duration timeout);
  // Several lookups, by name or by id, each with an outcome of its own, in the order of the requests. Over
  // gRPC all are under way at once, so that they take one round trip together; the base class makes one after
  // the other.
  virtual std::vector<absl::StatusOr<LookupResponse>> LookupEach(const std::vector<LookupRequest>& requests,
                                                                 absl::Duration timeout);
  virtual absl::StatusOr<ListContentsResponse> ListContents(const ListContentsRequest& request,
                                                            absl::Duration timeout) = 0;
  virtual absl::StatusOr<GetSwarmResponse> GetSwarm(const ContentKey& content, absl::Duration timeout) = 0;
  virtual absl::StatusOr<LeaveResponse> Leave(const LeaveRequest& request, absl::Duration timeout) = 0;

  virtual const TrackerUrl& url() const = 0;
};

// What a client shows to a tracker.
struct TrackerAccess {
  // Calls over gRPC speak TLS when this is not null (datagrams stay as they are). A client checks that the
  // tracker's certificate leads to one of the authorities, or to one of the system when there are none, and
  // names the host of the URL; it shows its own certificate. It connects again when this has changed; calls
  // under way end as they began.
  std::shared_ptr<net::TlsContext> tls = nullptr;
  // Calls over gRPC carry it ("authorization: Bearer TOKEN"), datagrams never do. Empty: none.
  std::string token = {};
  // Receives the key that verifies the tracker's tickets (TicketVerifier::Learn), if `tls` authenticates the
  // tracker. May be null.
  std::shared_ptr<TicketVerifier> tickets = nullptr;
};

// Returns: a client for `url`, which connects when it is first used: MakeUdpTrackerClient for udp://, and
// MakeGrpcTrackerClient otherwise.
std::unique_ptr<TrackerClient> MakeTrackerClient(const TrackerUrl& url, const TrackerAccess& access = {});
using MakeClient = std::function<std::unique_ptr<TrackerClient>(const TrackerUrl& url)>;

// Returns: a client over gRPC. A call fails at once when nothing listens. After an outage it reconnects
// within five seconds of the tracker's return. It ignores the proxy settings of the environment: most
// trackers are on the local network.
std::unique_ptr<TrackerClient> MakeGrpcTrackerClient(const TrackerUrl& url, const TrackerAccess& access = {});

// Returns: a client over datagrams. It retries a request after 250 ms, then after twice as long each time,
// until `timeout`; after three port-unreachable errors in a row the tracker is UNAVAILABLE. A heartbeat or
// Leave of many leases becomes several datagrams. What datagrams can't carry (ListContents, GetSwarm, large
// messages) goes to the gRPC listener of the tracker, whose port each response names, through a client that
// `make_grpc_client` makes.
std::unique_ptr<TrackerClient> MakeUdpTrackerClient(const TrackerUrl& url, MakeClient make_grpc_client);

}  // namespace shoal::tracking
