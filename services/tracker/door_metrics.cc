#include "services/tracker/door_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <string>

namespace shoal::tracker {
namespace {

constexpr std::array kDoors = {"grpc", "udp"};
constexpr std::array kCalls = {"register",      "heartbeat", "lookup", "lookup_many",
                               "list_contents", "get_swarm", "watch",  "leave"};
constexpr std::array kDatagrams = {"answered",  "cookie_given", "unproven",  "refused",
                                   "over_rate", "malformed",    "too_short", "unsendable"};
static_assert(kDatagrams.size() == kDatagramKinds);
constexpr size_t kCodes = 17;

using prometheus::Counter;
using prometheus::Gauge;

Gauge* MakeGauge(prometheus::Registry* registry, const char* name, const char* help) {
  return &prometheus::BuildGauge().Name(name).Help(help).Register(*registry).Add({});
}

}  // namespace

struct DoorMetrics::Families {
  explicit Families(prometheus::Registry* registry)
      : calls(prometheus::BuildCounter()
                  .Name("shoal_tracker_calls_total")
                  .Help("Calls answered, by door, call and status code.")
                  .Register(*registry)),
        peers(prometheus::BuildGauge()
                  .Name("shoal_tracker_peers")
                  .Help("Leases that are alive, by whether the peer has every chunk.")
                  .Register(*registry)),
        ended(prometheus::BuildCounter()
                  .Name("shoal_tracker_leases_ended_total")
                  .Help("Leases that ended, by how.")
                  .Register(*registry)),
        complete(&peers.Add({{"kind", "complete"}})),
        partial(&peers.Add({{"kind", "partial"}})),
        lapsed(&ended.Add({{"how", "lapsed"}})),
        left(&ended.Add({{"how", "left"}})),
        contents(MakeGauge(registry, "shoal_tracker_contents", "Contents that have a peer.")),
        known_contents(MakeGauge(registry, "shoal_tracker_known_contents",
                                 "Contents with a peer, and those that had one a short while ago.")),
        watchers(MakeGauge(registry, "shoal_tracker_watchers", "Streams that watch a swarm.")),
        chunk_set_bytes(
            MakeGauge(registry, "shoal_tracker_chunk_set_bytes", "Memory for partial peers' chunk sets.")),
        bittorrent_swarms(
            MakeGauge(registry, "shoal_tracker_bittorrent_swarms", "Swarms of BitTorrent clients.")),
        bittorrent_peers(
            MakeGauge(registry, "shoal_tracker_bittorrent_peers",
                      "Peers in swarms of BitTorrent clients; one in two swarms counts twice.")) {
    auto& family = prometheus::BuildCounter()
                       .Name("shoal_tracker_datagrams_total")
                       .Help("Datagrams received, by what became of them.")
                       .Register(*registry);
    for (size_t i = 0; i < kDatagrams.size(); ++i) datagrams[i] = &family.Add({{"result", kDatagrams[i]}});
  }

  // A series for each code that occurs, made when it first does: most of the combinations never come.
  Counter* CallCounter(size_t door, size_t call, absl::StatusCode code) {
    const size_t at = std::min(static_cast<size_t>(code), kCodes - 1);
    std::atomic<Counter*>& slot = call_counters[door][call][at];
    Counter* counter = slot.load(std::memory_order_acquire);
    if (counter == nullptr) {
      counter = &calls.Add(
          {{"door", kDoors[door]}, {"call", kCalls[call]}, {"code", absl::StatusCodeToString(code)}});
      slot.store(counter, std::memory_order_release);  // two threads store the same
    }
    return counter;
  }

  prometheus::Family<Counter>& calls;
  prometheus::Family<Gauge>& peers;
  prometheus::Family<Counter>& ended;
  Gauge* complete;
  Gauge* partial;
  Counter* lapsed;
  Counter* left;
  Gauge* contents;
  Gauge* known_contents;
  Gauge* watchers;
  Gauge* chunk_set_bytes;
  Gauge* bittorrent_swarms;
  Gauge* bittorrent_peers;
  std::array<Counter*, kDatagrams.size()> datagrams;
  std::atomic<Counter*> call_counters[kDoors.size()][kCalls.size()][kCodes] = {};
};

DoorMetrics::DoorMetrics(Metrics* metrics, const Registry* registry)
    : families_(std::make_unique<Families>(&metrics->registry())), registry_(registry) {}

DoorMetrics::~DoorMetrics() = default;

void DoorMetrics::CountCall(Door door, Call call, absl::StatusCode code) {
  families_->CallCounter(static_cast<size_t>(door), static_cast<size_t>(call), code)->Increment();
}

void DoorMetrics::CountDatagrams(Datagram kind, uint64_t count) {
  families_->datagrams[static_cast<size_t>(kind)]->Increment(static_cast<double>(count));
}

void DoorMetrics::Refresh() {
  const Registry::Stats stats = registry_->stats();
  families_->contents->Set(static_cast<double>(stats.contents));
  families_->known_contents->Set(static_cast<double>(stats.known_contents));
  families_->complete->Set(static_cast<double>(stats.complete_peers));
  families_->partial->Set(static_cast<double>(stats.partial_peers));
  families_->watchers->Set(static_cast<double>(stats.watchers));
  families_->chunk_set_bytes->Set(static_cast<double>(stats.chunk_set_bytes));
  families_->bittorrent_swarms->Set(static_cast<double>(stats.bittorrent_swarms));
  families_->bittorrent_peers->Set(static_cast<double>(stats.bittorrent_peers));
  // Counters can only be added to, and the registry counts these itself.
  families_->lapsed->Increment(static_cast<double>(stats.lapsed_leases) - families_->lapsed->Value());
  families_->left->Increment(static_cast<double>(stats.left_leases) - families_->left->Value());
}

}  // namespace shoal::tracker
