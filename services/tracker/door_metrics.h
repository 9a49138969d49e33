#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "services/tracker/registry.h"
#include "shoal/service/metrics.h"

namespace shoal::tracker {

enum class Door { kGrpc, kUdp };
enum class Call { kRegister, kHeartbeat, kLookup, kLookupMany, kListContents, kGetSwarm, kWatch, kLeave };
enum class Datagram {
  kAnswered,
  kCookieGiven,  // or a connection id: the source address was not proven
  kUnproven,     // dropped: no good connection id
  kRefused,      // answered with an error: over a limit, or BitTorrent's port 0
  kOverRate,     // dropped: the source, or all unproven ones together, ask too often
  kMalformed,    // dropped
  kTooShort,     // dropped: shorter than the cookie that it asks for
  kUnsendable,   // the reply could not be sent
};
inline constexpr size_t kDatagramKinds = 8;

// What the tracker counts, for Prometheus (shoal_tracker_...). Counting is an atomic addition. Thread-safe.
class DoorMetrics {
 public:
  // Both must outlive it.
  DoorMetrics(Metrics* metrics, const Registry* registry);
  ~DoorMetrics();

  void CountCall(Door door, Call call, absl::StatusCode code);
  void CountDatagrams(Datagram kind, uint64_t count = 1);
  // Brings the gauges up to what the registry says; before each Metrics::Render.
  void Refresh();

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
  const Registry* const registry_;
};

}  // namespace shoal::tracker
