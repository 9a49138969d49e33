#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "services/tracker/limits/rate_limiter.h"
#include "services/tracker/metrics/latency_histogram.h"
#include "services/tracker/state/tracker_state.h"
#include "shoal/service/metrics/metrics.h"

namespace shoal::tracker {

enum class Listener { kGrpc, kUdp, kHttp };
enum class Call {
  kRegister,
  kRegisterMany,
  kHeartbeat,
  kLookup,
  kLookupMany,
  kListContents,
  kGetSwarm,
  kWatch,
  kLeave
};
enum class Datagram {
  kAnswered,
  kCookieGiven,  // or a connection id: the source address was unproven
  kUnproven,     // dropped: no valid connection id
  kRefused,      // answered with an error: an ill-formed body, over a limit, or BitTorrent's port 0
  kOverRate,     // dropped: over the rate of the source, or of all unproven ones
  kMalformed,    // dropped
  kTooShort,     // dropped: shorter than the cookie that it would get
  kUnsendable,   // the response could not be sent
};
inline constexpr size_t kDatagramKinds = 8;

inline constexpr size_t kCallKinds = 9;

// A limit of the tracker, its use, and how many requests it refused.
struct LimitUse {
  const char* name;              // as in tracker_limits.h
  std::optional<uint64_t> used;  // unset: the limit is of each content or swarm
  uint64_t limit = 0;
  uint64_t refused = 0;
};
std::vector<LimitUse> LimitUses(const TrackerState& state);

// The tracker's metrics for Prometheus (shoal_tracker_...). Counting is an atomic addition. Thread-safe.
class ListenerMetrics {
 public:
  // Requires: all pointers outlive this.
  ListenerMetrics(service::Metrics* metrics, const TrackerState* state, const RateLimiter* limiter);
  ~ListenerMetrics();

  void CountCall(Listener listener, Call call, absl::StatusCode code);
  // A gRPC call, from its message to its response.
  void RecordCall(Call call, absl::Duration took) { call_latency_[static_cast<size_t>(call)].Record(took); }
  // A batch of datagrams, from the start of its processing to its last response.
  void RecordDatagrams(absl::Duration took, uint64_t count) { datagram_latency_.Record(took, count); }
  // Since the start, for display.
  uint64_t grpc_calls() const;
  uint64_t datagrams() const;
  void CountDatagrams(Datagram kind, uint64_t count = 1);
  // How the start used the state file. Without a call there are no such series.
  void SetStateFile(bool usable, uint64_t peers);
  // Updates the gauges from the state. Requires: called before each Metrics::Render.
  void Refresh();

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
  const TrackerState* const state_;
  const RateLimiter* const limiter_;
  std::array<LatencyHistogram, kCallKinds> call_latency_;
  LatencyHistogram datagram_latency_;
};

}  // namespace shoal::tracker
