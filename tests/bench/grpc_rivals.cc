#include "tests/bench/grpc_rivals.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include "grpcpp/grpcpp.h"
#include "services/tracker/grpc/tracker_service.h"
#include "services/tracker/registry/test_requests.h"
#include "shoal/service/grpc/grpc_server.h"
#include "shoal/tracker/v1/tracker.grpc.pb.h"
#include "shoal/tracking/messages/proto_conversion.h"

namespace shoal::tracker {
namespace {

tracking::HeartbeatResponse SampleHeartbeat() {
  return {absl::Seconds(30), absl::Seconds(10), {}};
}

tracking::LookupResponse SampleLookup() {
  tracking::LookupResponse response;
  response.contents.push_back(
      {TestContent(1), absl::FromUnixSeconds(1'700'000'000), kPeersPerResponse + 1, 0});
  for (uint32_t peer = 1; peer <= kPeersPerResponse; ++peer) {
    response.peers.push_back({TestPeerId(peer), TestEndpoint(peer), true, 10, 4});
  }
  return response;
}

// Answers at once with ready-made responses.
class BareService final : public v1::TrackerService::CallbackService {
 public:
  BareService() {
    tracking::ToProto(SampleHeartbeat(), &heartbeat_);
    tracking::ToProto(SampleLookup(), &lookup_);
  }

 private:
  grpc::ServerUnaryReactor* Heartbeat(grpc::CallbackServerContext* context, const v1::HeartbeatRequest*,
                                      v1::HeartbeatResponse* out) override {
    *out = heartbeat_;
    return Done(context);
  }
  grpc::ServerUnaryReactor* Lookup(grpc::CallbackServerContext* context, const v1::LookupRequest*,
                                   v1::LookupResponse* out) override {
    *out = lookup_;
    return Done(context);
  }
  static grpc::ServerUnaryReactor* Done(grpc::CallbackServerContext* context) {
    auto* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  v1::HeartbeatResponse heartbeat_;
  v1::LookupResponse lookup_;
};

void Announce(int port) {
  std::printf("grpc://127.0.0.1:%d\n", port);
  std::fflush(stdout);
}

}  // namespace

void Die(const std::string& why) {
  std::fprintf(stderr, "grpc_tracker_bench: %s\n", why.c_str());
  std::exit(1);
}

void PinTo(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  sched_setaffinity(0, sizeof cores, &cores);
}

Server::Server(const std::function<void()>& run) {
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

Server::~Server() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

double Server::cpu_seconds() const {
  std::ifstream stat("/proc/" + std::to_string(pid_) + "/stat");
  std::string word;
  long user = 0;
  long system = 0;
  for (int field = 1; field <= 13; ++field) stat >> word;
  stat >> user >> system;
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double Server::resident_mib() const {
  std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
  double all = 0;
  double resident = 0;
  statm >> all >> resident;
  return resident * 4096 / (1 << 20);
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

Server StartBareListener() {
  return Server([] {
    v1::HeartbeatResponse heartbeat;
    tracking::ToProto(SampleHeartbeat(), &heartbeat);
    v1::LookupResponse lookup;
    tracking::ToProto(SampleLookup(), &lookup);
    service::GrpcMethods methods;
    for (const auto& [name, response] : {std::pair("Heartbeat", heartbeat.SerializeAsString()),
                                         std::pair("Lookup", lookup.SerializeAsString())}) {
      methods.Add(TrackerService::kName, name,
                  service::GrpcMethods::Unary{[bytes = response](service::GrpcCall*, ByteView) {
                    return absl::StatusOr<std::string>(bytes);
                  }});
    }
    service::GrpcServer::Options options;
    options.listen = {IpAddress::V4({127, 0, 0, 1}), 0};
    const auto server = service::GrpcServer::Start(options, std::move(methods));
    if (!server.ok()) Die(std::string(server.status().message()));
    Announce((*server)->port());
    pause();
  });
}

}  // namespace shoal::tracker
