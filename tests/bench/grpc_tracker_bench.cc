// Measures the tracker's gRPC listener: a shoal-tracker on one core, this program on another, and for
// comparison, in the same run, two bare services of the same API that answer with ready-made responses of
// the same sizes: one as gRPC generates it (callback API), and one behind the tracker's own listener, which
// shows what the registry and the messages cost.
//
//   grpc_tracker_bench TRACKER_BINARY [unary|batch|seeders|watch|memory]
//
// unary:   Heartbeat and Lookup, one lease or content a call, tracker and bare services in alternation
// batch:   Heartbeats of 10,000 leases
// seeders: 100,000 seeders with a heartbeat each 10 s, and lookups between
// watch:   the delay from a registration to its watcher
// memory:  the tracker's memory for 1,000,000 seeders, each with an id and an address of its own
//
// Responses are checked, not only counted. Rates are bound by what this program can send; the CPU time that
// the server spends on a call is not, so both are printed.

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "services/tracker/registry/test_requests.h"
#include "shoal/tracker/v1/tracker.grpc.pb.h"
#include "shoal/tracking/messages/proto_conversion.h"
#include "tests/bench/grpc_load.h"
#include "tests/bench/grpc_rivals.h"

namespace shoal::tracker {
namespace {

constexpr uint64_t kWarmUpCalls = 20'000;
// For runs that do not renew every lease.
constexpr char kLongLease[] = "--lease=10m";

// Registers seeders 1 to `peers` of contents 1 to `contents`; lease ids by peer, then content.
std::vector<std::vector<tracking::LeaseId>> Fill(const Server& server, uint32_t peers, uint32_t contents) {
  std::vector<std::vector<tracking::LeaseId>> leases(peers, std::vector<tracking::LeaseId>(contents));
  const uint64_t all = uint64_t{peers} * contents;
  Load load(server, 4, [&](uint64_t number) {
    const uint64_t at = number % all;
    v1::RegisterRequest request;
    tracking::ToProto(TestSeeder(static_cast<uint32_t>(at / contents + 1),
                                 TestContent(static_cast<uint32_t>(at % contents + 1))),
                      &request);
    return Load::Call{"Register", Bytes(request), [&leases, at, contents](const grpc::ByteBuffer& response) {
                        leases[at / contents][at % contents] =
                            tracking::LeaseId(Parse<v1::RegisterResponse>(response).lease_id());
                      }};
  });
  for (uint64_t sent = 0; sent < all; ++sent) {
    while (load.in_flight() >= 64) absl::SleepFor(absl::Microseconds(20));
    load.Send();
  }
  load.End();
  return leases;
}

Load::Call HeartbeatCall(const grpc::ByteBuffer& request, bool check) {
  return {"Heartbeat", request, [check](const grpc::ByteBuffer& response) {
            if (!check) return;
            const auto parsed = Parse<v1::HeartbeatResponse>(response);
            if (parsed.directives_size() > 0) Die("a lease was lost");
            if (parsed.ttl().seconds() < 30) Die("a wrong response to Heartbeat");
          }};
}

Load::Call LookupCall(const grpc::ByteBuffer& request, int peers, bool check) {
  return {"Lookup", request, [peers, check](const grpc::ByteBuffer& response) {
            if (!check) return;
            const auto parsed = Parse<v1::LookupResponse>(response);
            if (parsed.peers_size() < peers || parsed.contents_size() != 1) Die("a wrong response to Lookup");
          }};
}

grpc::ByteBuffer HeartbeatBytes(uint32_t peer, const std::vector<tracking::LeaseId>& leases) {
  v1::HeartbeatRequest request;
  tracking::ToProto(TestHeartbeat(peer, leases), &request);
  return Bytes(request);
}

grpc::ByteBuffer LookupBytes(uint32_t content) {
  v1::LookupRequest request;
  tracking::ToProto(tracking::LookupRequest{TestContentId(content), TestPeerId(1), kPeersPerResponse},
                    &request);
  return Bytes(request);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Unary(const std::string& binary) {
  const Server tracker = StartTracker(binary, kLongLease);
  const Server generated = StartGenerated();
  const Server listener = StartBareListener();
  const auto leases = Fill(tracker, 200, 1);
  const grpc::ByteBuffer heartbeat = HeartbeatBytes(1, leases[0]);
  const grpc::ByteBuffer lookup = LookupBytes(1);
  const struct {
    const char* name;
    const Server* server;
  } rivals[] = {{"tracker", &tracker}, {"generated", &generated}, {"listener", &listener}};
  for (const bool is_lookup : {false, true}) {
    const auto next = [&](uint64_t number) {
      const bool check = number % 16 == 0;
      return is_lookup ? LookupCall(lookup, kPeersPerResponse * 9 / 10, check)
                       : HeartbeatCall(heartbeat, check);
    };
    std::vector<double> rates[3], costs[3], rate_ratios[3], cost_ratios[3];
    for (int round = 0; round < 5; ++round) {
      Measured of_tracker;
      for (size_t i = 0; i < std::size(rivals); ++i) {
        const Measured measured = Run(*rivals[i].server, 8, 64, absl::Seconds(2), next);
        if (i == 0) of_tracker = measured;
        rates[i].push_back(measured.calls_per_second);
        costs[i].push_back(measured.cpu_us_per_call);
        rate_ratios[i].push_back(of_tracker.calls_per_second / measured.calls_per_second);
        cost_ratios[i].push_back(measured.cpu_us_per_call / of_tracker.cpu_us_per_call);
      }
    }
    for (size_t i = 0; i < std::size(rivals); ++i) {
      std::printf("%-9s  %-9s %6.0f/s %5.1f us  tracker over it by rate %.2f, by CPU %.2f\n",
                  is_lookup ? "Lookup" : "Heartbeat", rivals[i].name, Median(rates[i]), Median(costs[i]),
                  Median(rate_ratios[i]), Median(cost_ratios[i]));
    }
  }
}

void Batch(const std::string& binary) {
  constexpr uint32_t kPeers = 10;
  constexpr uint32_t kLeases = 10'000;
  const Server tracker = StartTracker(binary, kLongLease);
  const auto leases = Fill(tracker, kPeers, kLeases);
  std::vector<grpc::ByteBuffer> requests;
  for (uint32_t peer = 0; peer < kPeers; ++peer) requests.push_back(HeartbeatBytes(peer + 1, leases[peer]));
  std::vector<double> rates, costs;
  for (int round = 0; round < 5; ++round) {
    const Measured measured = Run(tracker, 2, 4, absl::Seconds(2), [&](uint64_t number) {
      return HeartbeatCall(requests[number % kPeers], true);
    });
    rates.push_back(measured.calls_per_second * kLeases);
    costs.push_back(measured.cpu_us_per_call / kLeases);
  }
  std::printf("batches of %u: %.2fM leases/s; %.3f us of CPU each, so %.2fM/s and core\n", kLeases,
              Median(rates) / 1e6, Median(costs), 1 / Median(costs));
}

void Seeders(const std::string& binary) {
  constexpr uint32_t kSeeders = 100'000;
  constexpr uint32_t kContents = 100;
  constexpr absl::Duration kInterval = absl::Seconds(10);
  constexpr int kRounds = 6;
  const Server tracker = StartTracker(binary, "--lease=30s");
  std::vector<tracking::LeaseId> leases(kSeeders);
  std::vector<grpc::ByteBuffer> lookups;
  for (uint32_t content = 1; content <= kContents; ++content) lookups.push_back(LookupBytes(content));
  std::atomic<uint64_t> looked_up = 0;
  // Seeder n registers once and then beats, each in its own hundred-thousandth of the interval.
  Load load(tracker, 32, [&](uint64_t number) {
    const uint64_t beat = number / 11 * 10 + number % 11;
    // Not before all contents are known. Registering the next seeder twice is harmless.
    if (number % 11 == 10 && beat >= kSeeders) {
      const uint64_t lookup = looked_up++;
      return LookupCall(lookups[lookup % kContents], kPeersPerResponse * 9 / 10, lookup % 16 == 0);
    }
    const auto seeder = static_cast<uint32_t>(beat % kSeeders);
    if (beat >= kSeeders) return HeartbeatCall(HeartbeatBytes(seeder + 1, {leases[seeder]}), true);
    v1::RegisterRequest request;
    tracking::ToProto(TestSeeder(seeder + 1, TestContent(seeder % kContents + 1)), &request);
    return Load::Call{"Register", Bytes(request), [&leases, seeder](const grpc::ByteBuffer& response) {
                        leases[seeder] = tracking::LeaseId(Parse<v1::RegisterResponse>(response).lease_id());
                      }};
  });
  const uint64_t per_round = kSeeders * 11 / 10;
  double cpu = 0;
  absl::Time counted_from;
  const absl::Time began = absl::Now();
  for (uint64_t sent = 0; sent < kRounds * per_round; ++sent) {
    const absl::Time due = began + kInterval * (static_cast<double>(sent) / static_cast<double>(per_round));
    if (absl::Now() < due) absl::SleepFor(due - absl::Now());
    if (sent == per_round) {
      cpu = tracker.cpu_seconds();
      counted_from = absl::Now();
    }
    load.Send();
  }
  load.End();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - counted_from);
  std::printf(
      "%u seeders, a heartbeat each %.0f s, and %.0f lookups a second, for %.0f s: no lease lost, %.2f of a "
      "core, "
      "%.0f MiB\n",
      kSeeders, absl::ToDoubleSeconds(kInterval), per_round / 11.0 / absl::ToDoubleSeconds(kInterval),
      seconds, (tracker.cpu_seconds() - cpu) / seconds, tracker.resident_mib());
}

void Watch(const std::string& binary) {
  constexpr uint32_t kTrials = 300;
  const Server tracker = StartTracker(binary, kLongLease);
  const auto stub = v1::TrackerService::NewStub(Connect(tracker, 1));
  const auto registering = v1::TrackerService::NewStub(Connect(tracker, 2));
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_content_id(TestContentId(1).ToString());
  const auto watch = stub->Watch(&context, request);
  watch->WaitForInitialMetadata();
  std::vector<double> milliseconds;
  for (uint32_t peer = 1; peer <= kTrials; ++peer) {
    v1::RegisterRequest in;
    tracking::ToProto(TestSeeder(peer, TestContent(1)), &in);
    const absl::Time began = absl::Now();
    absl::Time heard;
    std::thread listening([&] {
      v1::SwarmEvent event;
      if (!watch->Read(&event) || event.peer().peer_id() != TestPeerId(peer).ToString()) Die("a wrong event");
      heard = absl::Now();
    });
    grpc::ClientContext call;
    v1::RegisterResponse out;
    if (!registering->Register(&call, in, &out).ok()) Die("not registered");
    listening.join();
    milliseconds.push_back(absl::ToDoubleMilliseconds(heard - began));
    absl::SleepFor(absl::Milliseconds(5));
  }
  context.TryCancel();
  std::sort(milliseconds.begin(), milliseconds.end());
  std::printf("from Register to a watcher, %u times: median %.2f ms, p99 %.2f ms, most %.2f ms\n", kTrials,
              Median(milliseconds), milliseconds[kTrials * 99 / 100], milliseconds.back());
}

// `peers` seeders of one content each, an equal number for each content.
void Memory(const std::string& binary, uint32_t peers, uint32_t contents) {
  const Server tracker = StartTracker(binary, kLongLease);
  double before = 0;
  Load load(tracker, 4, [&](uint64_t number) {
    // The first requests are repeated later: they warm up the tracker's buffers before the measurement.
    const auto peer = static_cast<uint32_t>(number < kWarmUpCalls ? 0 : number - kWarmUpCalls);
    v1::RegisterRequest request;
    tracking::ToProto(TestSeeder(peer + 1, TestContent(peer % contents + 1)), &request);
    return Load::Call{"Register", Bytes(request), [](const grpc::ByteBuffer& response) {
                        if (Parse<v1::RegisterResponse>(response).lease_id() == 0) Die("not registered");
                      }};
  });
  for (uint64_t sent = 0; sent < kWarmUpCalls + peers; ++sent) {
    while (load.in_flight() >= 64) absl::SleepFor(absl::Microseconds(20));
    if (sent == kWarmUpCalls) before = tracker.resident_mib();
    load.Send();
  }
  load.End();
  const double after = tracker.resident_mib();
  std::printf("%u seeders in %u contents: %.1f MiB before, %.1f MiB after, %.1f bytes a seeder\n", peers,
              contents, before, after, (after - before) * (1 << 20) / peers);
}

int Main(int argc, char** argv) {
  if (argc < 2) Die("usage: grpc_tracker_bench TRACKER_BINARY [unary|batch|seeders|watch|memory]");
  setenv("SHOAL_TRUST_ADDRESSES", "true", 1);  // the peers of the load are nowhere
  const std::string what = argc > 2 ? argv[2] : "";
  PinTo(kLoadCore);
  if (what.empty() || what == "unary") Unary(argv[1]);
  if (what.empty() || what == "batch") Batch(argv[1]);
  if (what.empty() || what == "watch") Watch(argv[1]);
  if (what.empty() || what == "memory") {
    Memory(argv[1], 1'000'000, 10'000);
    Memory(argv[1], 1'000'000, 100);
    Memory(argv[1], 200'000, 200'000);
  }
  if (what.empty() || what == "seeders") Seeders(argv[1]);
  return 0;
}

}  // namespace
}  // namespace shoal::tracker

int main(int argc, char** argv) {
  return shoal::tracker::Main(argc, argv);
}
