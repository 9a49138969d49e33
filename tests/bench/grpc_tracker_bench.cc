// Measures the tracker's gRPC door: a shoal-tracker on one core, this program on another, and for comparison,
// in the same run, two bare services of the same API that answer with ready-made replies of the same sizes:
// one as gRPC generates it (callback API), and one behind the tracker's own door, which shows what the
// registry and the messages cost.
//
//   grpc_tracker_bench TRACKER_BINARY [unary|batch|seeders|watch|memory]
//
// unary:   Heartbeat and Lookup, one lease or content a call, tracker and bare service in turns
// batch:   Heartbeats of 10,000 leases
// seeders: 100,000 seeders with a heartbeat each 10 s, and lookups between
// watch:   how long after a registration a watcher hears of it
// memory:  what 1,000,000 seeders, each with an id and an address of its own, take of the tracker's memory
//
// Replies are checked, not only counted. Rates are bound by what this program can send; the CPU time that the
// server spends on a call is not, so both are printed.

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "services/tracker/test_requests.h"
#include "services/tracker/tracker_service.h"
#include "shoal/service/grpc_server.h"
#include "shoal/tracker/v1/tracker.grpc.pb.h"
#include "shoal/tracking/proto_conversion.h"

namespace shoal::tracker {
namespace {

constexpr int kServerCore = 0;
constexpr int kLoadCore = 1;
constexpr char kService[] = "/shoal.tracker.v1.TrackerService/";
constexpr int kPeersPerReply = 50;
constexpr uint64_t kWarmUpCalls = 20'000;
// Where nobody beats for all the leases there are.
constexpr char kLongLease[] = "--lease=10m";

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "grpc_tracker_bench: %s\n", why.c_str());
  std::exit(1);
}

void PinTo(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  sched_setaffinity(0, sizeof cores, &cores);
}

HeartbeatReply SampleHeartbeat() {
  return {absl::Seconds(30), absl::Seconds(10), {}};
}

LookupReply SampleLookup() {
  LookupReply reply;
  reply.contents.push_back({TestContent(1), absl::FromUnixSeconds(1'700'000'000), kPeersPerReply + 1, 0});
  for (uint32_t peer = 1; peer <= kPeersPerReply; ++peer) {
    reply.peers.push_back({TestPeerId(peer), TestEndpoint(peer), true, 10, 4});
  }
  return reply;
}

// Answers at once with what was made before.
class BareService final : public v1::TrackerService::CallbackService {
 public:
  BareService() {
    ToProto(SampleHeartbeat(), &heartbeat_);
    ToProto(SampleLookup(), &lookup_);
  }

 private:
  grpc::ServerUnaryReactor* Heartbeat(grpc::CallbackServerContext* context, const v1::HeartbeatRequest*,
                                      v1::HeartbeatReply* out) override {
    *out = heartbeat_;
    return Done(context);
  }
  grpc::ServerUnaryReactor* Lookup(grpc::CallbackServerContext* context, const v1::LookupRequest*,
                                   v1::LookupReply* out) override {
    *out = lookup_;
    return Done(context);
  }
  static grpc::ServerUnaryReactor* Done(grpc::CallbackServerContext* context) {
    auto* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  v1::HeartbeatReply heartbeat_;
  v1::LookupReply lookup_;
};

// A server in a process of its own on its own core, which ends with this one. It prints a line with its
// address ("...//127.0.0.1:PORT...").
class Server {
 public:
  explicit Server(const std::function<void()>& run) {
    int out[2];
    if (pipe(out) != 0) Die("no pipe");
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      dup2(out[1], STDOUT_FILENO);
      PinTo(kServerCore);
      run();
      _exit(127);
    }
    close(out[1]);
    FILE* const lines = fdopen(out[0], "r");
    char line[256];
    while (port_ == 0 && std::fgets(line, sizeof line, lines)) {
      if (const char* at = std::strstr(line, "grpc://127.0.0.1:")) port_ = std::atoi(at + 17);
    }
    std::fclose(lines);
    if (port_ == 0) Die("the server did not start");
  }
  ~Server() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  double cpu_seconds() const {
    std::ifstream stat("/proc/" + std::to_string(pid_) + "/stat");
    std::string word;
    long user = 0;
    long system = 0;
    for (int field = 1; field <= 13; ++field) stat >> word;
    stat >> user >> system;
    return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  double resident_mib() const {
    std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
    double all = 0;
    double resident = 0;
    statm >> all >> resident;
    return resident * 4096 / (1 << 20);
  }

 private:
  pid_t pid_ = 0;
  int port_ = 0;
};

void Announce(int port) {
  std::printf("grpc://127.0.0.1:%d\n", port);
  std::fflush(stdout);
}

Server StartTracker(const std::string& binary, const char* lease) {
  return Server([&] {
    execl(binary.c_str(), binary.c_str(), "--grpc=127.0.0.1:0", "--udp=none", "--http=none",
          "--log-level=warning", lease, nullptr);
  });
}

Server StartGenerated() {
  return Server([] {
    BareService service;
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    const auto server = builder.BuildAndStart();
    Announce(port);
    server->Wait();
  });
}

Server StartBareDoor() {
  return Server([] {
    v1::HeartbeatReply heartbeat;
    ToProto(SampleHeartbeat(), &heartbeat);
    v1::LookupReply lookup;
    ToProto(SampleLookup(), &lookup);
    GrpcMethods methods;
    for (const auto& [name, reply] : {std::pair("Heartbeat", heartbeat.SerializeAsString()),
                                      std::pair("Lookup", lookup.SerializeAsString())}) {
      methods.Add(TrackerService::kName, name, GrpcMethods::Unary{[reply = reply](GrpcCall*, ByteView) {
                    return absl::StatusOr<std::string>(reply);
                  }});
    }
    GrpcServer::Options options;
    options.listen = {IpAddress::V4({127, 0, 0, 1}), 0};
    const auto server = GrpcServer::Start(options, std::move(methods));
    if (!server.ok()) Die(std::string(server.status().message()));
    Announce((*server)->port());
    pause();
  });
}

std::shared_ptr<grpc::Channel> Connect(const Server& server, int number = 0) {
  grpc::ChannelArguments arguments;
  arguments.SetInt("bench.number", number);  // else all channels would share one connection
  return grpc::CreateCustomChannel(server.address(), grpc::InsecureChannelCredentials(), arguments);
}

grpc::ByteBuffer Bytes(const google::protobuf::Message& message) {
  const std::string bytes = message.SerializeAsString();
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

template <typename Message>
Message Parse(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) Die("an empty reply");
  std::string bytes;
  for (const grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  Message message;
  if (!message.ParseFromString(bytes)) Die("a reply that is none");
  return message;
}

// Keeps a number of calls in flight until told to stop. The next request is asked for at each.
class Load {
 public:
  struct Call {
    std::string method;
    grpc::ByteBuffer request;
    std::function<void(const grpc::ByteBuffer&)> check;
  };
  using Next = std::function<Call(uint64_t number)>;

  Load(const Server& server, int channels, Next next) : next_(std::move(next)) {
    for (int i = 0; i < channels; ++i)
      stubs_.push_back(std::make_unique<grpc::GenericStub>(Connect(server, i)));
  }

  void Begin() { Send(); }
  // Waits for what is in flight.
  void End() {
    stopping_ = true;
    while (in_flight_ > 0) absl::SleepFor(absl::Milliseconds(1));
  }
  uint64_t done() const { return done_; }
  uint64_t in_flight() const { return in_flight_; }
  void Send() {
    struct Flight {
      grpc::ClientContext context;
      grpc::ByteBuffer request;
      grpc::ByteBuffer reply;
      Call call;
    };
    const uint64_t number = started_++;
    ++in_flight_;
    auto* const flight = new Flight;
    flight->call = next_(number);
    flight->request = flight->call.request;
    stubs_[number % stubs_.size()]->UnaryCall(&flight->context, kService + flight->call.method, {},
                                              &flight->request, &flight->reply,
                                              [this, flight](const grpc::Status& status) {
                                                if (!status.ok())
                                                  Die(flight->call.method + ": " + status.error_message());
                                                flight->call.check(flight->reply);
                                                delete flight;
                                                ++done_;
                                                if (keep_going_ && !stopping_) Send();
                                                --in_flight_;
                                              });
  }
  void KeepGoing() { keep_going_ = true; }

 private:
  const Next next_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::atomic<bool> keep_going_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> started_{0};
  std::atomic<uint64_t> done_{0};
  std::atomic<uint64_t> in_flight_{0};
};

struct Measured {
  double calls_per_second = 0;
  double cpu_us_per_call = 0;
};

Measured Run(const Server& server, int channels, int in_flight, absl::Duration length,
             const Load::Next& next) {
  Load load(server, channels, next);
  load.KeepGoing();
  for (int i = 0; i < in_flight; ++i) load.Begin();
  absl::SleepFor(absl::Milliseconds(300));
  const uint64_t done = load.done();
  const double cpu = server.cpu_seconds();
  const absl::Time began = absl::Now();
  absl::SleepFor(length);
  const auto calls = static_cast<double>(load.done() - done);
  const Measured measured{calls / absl::ToDoubleSeconds(absl::Now() - began),
                          (server.cpu_seconds() - cpu) / calls * 1e6};
  load.End();
  return measured;
}

// Registers seeders 1 to `peers` of contents 1 to `contents`; lease ids by peer, then content.
std::vector<std::vector<LeaseId>> Fill(const Server& server, uint32_t peers, uint32_t contents) {
  std::vector<std::vector<LeaseId>> leases(peers, std::vector<LeaseId>(contents));
  const uint64_t all = uint64_t{peers} * contents;
  Load load(server, 4, [&](uint64_t number) {
    const uint64_t at = number % all;
    v1::RegisterRequest request;
    ToProto(TestSeeder(static_cast<uint32_t>(at / contents + 1),
                       TestContent(static_cast<uint32_t>(at % contents + 1))),
            &request);
    return Load::Call{"Register", Bytes(request), [&leases, at, contents](const grpc::ByteBuffer& reply) {
                        leases[at / contents][at % contents] =
                            LeaseId(Parse<v1::RegisterReply>(reply).lease_id());
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
  return {"Heartbeat", request, [check](const grpc::ByteBuffer& reply) {
            if (!check) return;
            const auto parsed = Parse<v1::HeartbeatReply>(reply);
            if (parsed.directives_size() > 0) Die("a lease was lost");
            if (parsed.ttl().seconds() < 30) Die("a wrong reply to Heartbeat");
          }};
}

Load::Call LookupCall(const grpc::ByteBuffer& request, int peers, bool check) {
  return {"Lookup", request, [peers, check](const grpc::ByteBuffer& reply) {
            if (!check) return;
            const auto parsed = Parse<v1::LookupReply>(reply);
            if (parsed.peers_size() < peers || parsed.contents_size() != 1) Die("a wrong reply to Lookup");
          }};
}

grpc::ByteBuffer HeartbeatBytes(uint32_t peer, const std::vector<LeaseId>& leases) {
  v1::HeartbeatRequest request;
  ToProto(TestHeartbeat(peer, leases), &request);
  return Bytes(request);
}

grpc::ByteBuffer LookupBytes(uint32_t content) {
  v1::LookupRequest request;
  ToProto(LookupRequest{TestContentId(content), TestPeerId(1), kPeersPerReply}, &request);
  return Bytes(request);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Unary(const std::string& binary) {
  const Server tracker = StartTracker(binary, kLongLease);
  const Server generated = StartGenerated();
  const Server door = StartBareDoor();
  const auto leases = Fill(tracker, 200, 1);
  const grpc::ByteBuffer heartbeat = HeartbeatBytes(1, leases[0]);
  const grpc::ByteBuffer lookup = LookupBytes(1);
  const struct {
    const char* name;
    const Server* server;
  } rivals[] = {{"tracker", &tracker}, {"generated", &generated}, {"bare door", &door}};
  for (const bool is_lookup : {false, true}) {
    const auto next = [&](uint64_t number) {
      const bool check = number % 16 == 0;
      return is_lookup ? LookupCall(lookup, kPeersPerReply * 9 / 10, check) : HeartbeatCall(heartbeat, check);
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
  std::vector<LeaseId> leases(kSeeders);
  std::vector<grpc::ByteBuffer> lookups;
  for (uint32_t content = 1; content <= kContents; ++content) lookups.push_back(LookupBytes(content));
  std::atomic<uint64_t> looked_up = 0;
  // Seeder n registers once and then beats, each in its own hundred-thousandth of the interval.
  Load load(tracker, 32, [&](uint64_t number) {
    const uint64_t beat = number / 11 * 10 + number % 11;
    // Not before all contents are known; registering the next seeder twice does no harm.
    if (number % 11 == 10 && beat >= kSeeders) {
      const uint64_t lookup = looked_up++;
      return LookupCall(lookups[lookup % kContents], kPeersPerReply * 9 / 10, lookup % 16 == 0);
    }
    const auto seeder = static_cast<uint32_t>(beat % kSeeders);
    if (beat >= kSeeders) return HeartbeatCall(HeartbeatBytes(seeder + 1, {leases[seeder]}), true);
    v1::RegisterRequest request;
    ToProto(TestSeeder(seeder + 1, TestContent(seeder % kContents + 1)), &request);
    return Load::Call{"Register", Bytes(request), [&leases, seeder](const grpc::ByteBuffer& reply) {
                        leases[seeder] = LeaseId(Parse<v1::RegisterReply>(reply).lease_id());
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
    ToProto(TestSeeder(peer, TestContent(1)), &in);
    const absl::Time began = absl::Now();
    absl::Time heard;
    std::thread listening([&] {
      v1::SwarmEvent event;
      if (!watch->Read(&event) || event.peer().peer_id() != TestPeerId(peer).ToString()) Die("a wrong event");
      heard = absl::Now();
    });
    grpc::ClientContext call;
    v1::RegisterReply out;
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
    // What is said first is said again later: the tracker's buffers are there before anything is measured.
    const auto peer = static_cast<uint32_t>(number < kWarmUpCalls ? 0 : number - kWarmUpCalls);
    v1::RegisterRequest request;
    ToProto(TestSeeder(peer + 1, TestContent(peer % contents + 1)), &request);
    return Load::Call{"Register", Bytes(request), [](const grpc::ByteBuffer& reply) {
                        if (Parse<v1::RegisterReply>(reply).lease_id() == 0) Die("not registered");
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
