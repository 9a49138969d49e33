#include "services/tracker/metrics/listener_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <string>

namespace shoal::tracker {
namespace {

constexpr std::array kListeners = {"grpc", "udp", "http"};
constexpr std::array kCalls = {"register",      "register_many", "heartbeat", "lookup", "lookup_many",
                               "list_contents", "get_swarm",     "watch",     "leave"};
constexpr std::array kDatagrams = {"answered",  "cookie_given", "unproven",  "refused",
                                   "over_rate", "malformed",    "too_short", "unsendable"};
static_assert(kDatagrams.size() == kDatagramKinds);
constexpr size_t kCodes = 17;

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

static_assert(kCalls.size() == kCallKinds);

Histogram::BucketBoundaries Bounds() {
  Histogram::BucketBoundaries bounds;
  for (const int64_t bound : LatencyHistogram::kBoundsMicroseconds) {
    bounds.push_back(static_cast<double>(bound) / 1e6);
  }
  return bounds;
}

// Raises a counter to the total of another one.
void CatchUp(uint64_t total, Counter* counter) {
  counter->Increment(static_cast<double>(total) - counter->Value());
}

Gauge* MakeGauge(prometheus::Registry* registry, const char* name, const char* help) {
  return &prometheus::BuildGauge().Name(name).Help(help).Register(*registry).Add({});
}

}  // namespace

struct ListenerMetrics::Families {
  explicit Families(prometheus::Registry* registry)
      : calls(prometheus::BuildCounter()
                  .Name("shoal_tracker_calls_total")
                  .Help("Calls answered, by listener, call and status code.")
                  .Register(*registry)),
        peers(prometheus::BuildGauge()
                  .Name("shoal_tracker_peers")
                  .Help("Leases that are alive, by whether the peer has every chunk.")
                  .Register(*registry)),
        ended(prometheus::BuildCounter()
                  .Name("shoal_tracker_leases_ended_total")
                  .Help("Leases that ended, by how.")
                  .Register(*registry)),
        limits(prometheus::BuildGauge()
                   .Name("shoal_tracker_limit")
                   .Help("The most that this tracker takes, by limit.")
                   .Register(*registry)),
        limit_used(prometheus::BuildGauge()
                       .Name("shoal_tracker_limit_used")
                       .Help("How much of a limit is used, by limit.")
                       .Register(*registry)),
        state_file_usable(
            prometheus::BuildGauge()
                .Name("shoal_tracker_state_file_usable")
                .Help("Whether the state file was usable at the start: 1, also if there was none.")
                .Register(*registry)),
        state_file_peers(prometheus::BuildGauge()
                             .Name("shoal_tracker_state_file_peers")
                             .Help("Peers that were read from the state file at the start.")
                             .Register(*registry)),
        refused(prometheus::BuildCounter()
                    .Name("shoal_tracker_refused_total")
                    .Help("What was refused because a limit was reached, by limit.")
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
    auto& latency =
        prometheus::BuildHistogram()
            .Name("shoal_tracker_call_duration_seconds")
            .Help(
                "From a call's message to its response; of a datagram, from when its batch was looked at "
                "to when the batch was answered.")
            .Register(*registry);
    for (size_t call = 0; call < kCalls.size(); ++call) {
      latencies[call].series = &latency.Add({{"listener", "grpc"}, {"call", kCalls[call]}}, Bounds());
    }
    latencies.back().series = &latency.Add({{"listener", "udp"}, {"call", "datagram"}}, Bounds());
    auto& over_rate =
        prometheus::BuildCounter()
            .Name("shoal_tracker_over_rate_total")
            .Help("Calls and datagrams that were refused because too many came, by whose rate it was.")
            .Register(*registry);
    over_rate_source = &over_rate.Add({{"rate", "address"}});
    over_rate_unproven = &over_rate.Add({{"rate", "unproven"}});
    auto& family = prometheus::BuildCounter()
                       .Name("shoal_tracker_datagrams_total")
                       .Help("Datagrams received, by what became of them.")
                       .Register(*registry);
    for (size_t i = 0; i < kDatagrams.size(); ++i) datagrams[i] = &family.Add({{"result", kDatagrams[i]}});
  }

  // A series for each code that occurs, created at its first use: most combinations never occur.
  Counter* CallCounter(size_t listener, size_t call, absl::StatusCode code) {
    const size_t at = std::min(static_cast<size_t>(code), kCodes - 1);
    std::atomic<Counter*>& slot = call_counters[listener][call][at];
    Counter* counter = slot.load(std::memory_order_acquire);
    if (counter == nullptr) {
      counter = &calls.Add({{"listener", kListeners[listener]},
                            {"call", kCalls[call]},
                            {"code", absl::StatusCodeToString(code)}});
      slot.store(counter, std::memory_order_release);  // two threads store the same
    }
    return counter;
  }

  prometheus::Family<Counter>& calls;
  prometheus::Family<Gauge>& peers;
  prometheus::Family<Counter>& ended;
  prometheus::Family<Gauge>& limits;
  prometheus::Family<Gauge>& limit_used;
  prometheus::Family<Gauge>& state_file_usable;
  prometheus::Family<Gauge>& state_file_peers;
  prometheus::Family<Counter>& refused;
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
  Counter* over_rate_source = nullptr;
  Counter* over_rate_unproven = nullptr;

  // A series, and the values last added to it: it accepts increments only.
  struct Latency {
    Histogram* series = nullptr;
    LatencyHistogram::Snapshot told;

    void Tell(const LatencyHistogram::Snapshot& now) {
      std::vector<double> more(LatencyHistogram::kBuckets);
      for (size_t i = 0; i < more.size(); ++i) more[i] = static_cast<double>(now.counts[i] - told.counts[i]);
      series->ObserveMultiple(more, static_cast<double>(now.nanoseconds - told.nanoseconds) / 1e9);
      told = now;
    }
  };
  std::array<Latency, kCalls.size() + 1> latencies;
  std::atomic<Counter*> call_counters[kListeners.size()][kCalls.size()][kCodes] = {};
};

ListenerMetrics::ListenerMetrics(service::Metrics* metrics, const TrackerState* state,
                                 const RateLimiter* limiter)
    : families_(std::make_unique<Families>(&metrics->registry())), state_(state), limiter_(limiter) {}

ListenerMetrics::~ListenerMetrics() = default;

void ListenerMetrics::CountCall(Listener listener, Call call, absl::StatusCode code) {
  families_->CallCounter(static_cast<size_t>(listener), static_cast<size_t>(call), code)->Increment();
}

void ListenerMetrics::CountDatagrams(Datagram kind, uint64_t count) {
  families_->datagrams[static_cast<size_t>(kind)]->Increment(static_cast<double>(count));
}

void ListenerMetrics::SetStateFile(bool usable, uint64_t peers) {
  families_->state_file_usable.Add({}).Set(usable ? 1 : 0);
  families_->state_file_peers.Add({}).Set(static_cast<double>(peers));
}

void ListenerMetrics::Refresh() {
  const TrackerState::Stats all = state_->stats();
  const Registry::Stats& stats = all.registry;
  families_->contents->Set(static_cast<double>(stats.contents));
  families_->known_contents->Set(static_cast<double>(stats.known_contents));
  families_->complete->Set(static_cast<double>(stats.complete_peers));
  families_->partial->Set(static_cast<double>(stats.partial_peers));
  families_->watchers->Set(static_cast<double>(stats.watchers));
  families_->chunk_set_bytes->Set(static_cast<double>(stats.chunk_set_bytes));
  families_->bittorrent_swarms->Set(static_cast<double>(all.bittorrent_swarms));
  families_->bittorrent_peers->Set(static_cast<double>(all.bittorrent_peers));
  // These are counted elsewhere, and counters accept increments only.
  CatchUp(stats.lapsed_leases, families_->lapsed);
  CatchUp(stats.left_leases, families_->left);
  CatchUp(limiter_->refused(), families_->over_rate_source);
  CatchUp(limiter_->refused_unproven(), families_->over_rate_unproven);
  for (const LimitUse& use : LimitUses(*state_)) {
    families_->limits.Add({{"limit", use.name}}).Set(static_cast<double>(use.limit));
    if (use.used.has_value()) {
      families_->limit_used.Add({{"limit", use.name}}).Set(static_cast<double>(*use.used));
    }
    CatchUp(use.refused, &families_->refused.Add({{"limit", use.name}}));
  }
  const RateLimiter& new_contents = state_->registry().new_contents();
  const prometheus::Labels of_new_contents = {{"limit", "new-contents-per-address"}};
  families_->limits.Add(of_new_contents).Set(new_contents.rates().per_source_per_second);
  CatchUp(new_contents.refused(), &families_->refused.Add(of_new_contents));
  for (size_t call = 0; call < kCallKinds; ++call) {
    families_->latencies[call].Tell(call_latency_[call].Read());
  }
  families_->latencies.back().Tell(datagram_latency_.Read());
}

uint64_t ListenerMetrics::grpc_calls() const {
  uint64_t calls = 0;
  for (const LatencyHistogram& call : call_latency_) calls += call.Read().calls();
  return calls;
}

uint64_t ListenerMetrics::datagrams() const {
  return datagram_latency_.Read().calls();
}

std::vector<LimitUse> LimitUses(const TrackerState& state) {
  const RegistryUsage& usage = state.registry().usage();
  const BitTorrentUsage& bittorrent = state.bittorrent().usage();
  const auto of = [](const char* name, const BoundedCount& count) {
    return LimitUse{name, count.count(), count.limit(), count.refused()};
  };
  return {of("max-contents", usage.contents),
          of("max-leases", usage.leases),
          {"max-peers-per-content", std::nullopt, usage.max_peers_per_content, usage.full_contents},
          {"max-signatures", std::nullopt, usage.max_signatures, usage.unkept_signatures},
          of("max-chunk-set-bytes", usage.chunk_set_bytes),
          of("max-watchers", usage.watchers),
          of("max-bittorrent-swarms", bittorrent.swarms),
          of("max-bittorrent-peers", bittorrent.peers),
          {"max-peers-per-bittorrent-swarm", std::nullopt, bittorrent.max_peers_per_swarm,
           bittorrent.full_swarms}};
}

}  // namespace shoal::tracker
