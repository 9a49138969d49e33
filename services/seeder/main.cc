#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/seeder/seeder.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/service/grpc/health_endpoint.h"
#include "shoal/service/log/log.h"
#include "shoal/service/signals.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/site.h"

namespace shoal::seeder {
namespace {

constexpr int kExitRuntime = 1;
constexpr int kExitUsage = 2;

constexpr char kFooter[] = R"(
Every file directly in the shared folder is published as one content, and so is every sub-folder; hidden
names, links and *.shoal files are left out. What appears, changes or goes while it runs is picked up.

Examples:
  shoal-seeder --tracker=tracker.example:50051 --share=/srv/models
  shoal-seeder --tracker=grpc://a:50051,udp://b:6969 --share=. --listen=0.0.0.0:7000 --advertise=seed1.example
  shoal-seeder --tracker=tracker:50051 --share=/data --limit-up=100Mbit --parallel-uploads=2
  shoal-seeder --tracker=tracker:50051 --share=/data --grpc=0.0.0.0:50052 --http=0.0.0.0:8080
  shoal-seeder --health-check=localhost:50052

Every flag can also come from the environment: SHOAL_TRACKER, SHOAL_SHARE, SHOAL_MAX_UPLOADS and so on.

Exit codes: 0 stopped by SIGTERM or SIGINT (or: healthy), 1 a failure while starting or running (or: not
healthy), 2 a mistake in the flags.)";

// The flags as they were written.
struct Flags {
  std::string tracker;
  std::string share;
  std::string listen = "0.0.0.0:0";
  std::string advertise;
  std::string site;
  uint32_t max_uploads = 256;
  uint32_t parallel_uploads = 4;
  std::string limit_up = "none";
  std::string settle = "2s";
  std::string state;
  std::string grpc = "none";
  std::string http = "none";
  std::string health_check;
  std::string log_level = "info";
  std::string log_format = "text";
};

void Declare(CLI::App& app, Flags& flags, CLI::Option*& health_check) {
  app.add_option("--tracker", flags.tracker,
                 "Trackers to tell: grpc://HOST:PORT, udp://HOST:PORT or HOST:PORT (gRPC)")
      ->type_name("URL[,URL...]")
      ->envname("SHOAL_TRACKER");
  app.add_option("--share", flags.share, "The folder to publish")->type_name("DIR")->envname("SHOAL_SHARE");
  app.add_option("--listen", flags.listen, "Where peers connect; port 0: the system chooses one")
      ->type_name("ADDRESS:PORT")
      ->capture_default_str()
      ->envname("SHOAL_LISTEN");
  app.add_option(
         "--advertise", flags.advertise,
         "Name or address under which peers reach this machine; without it trackers take the one they see")
      ->type_name("HOST")
      ->envname("SHOAL_ADVERTISE");
  app.add_option(
         "--site", flags.site,
         "Where this machine stands, in your own words (a rack, a city): trackers name peers of one site "
         "to each other first")
      ->type_name("NAME")
      ->envname("SHOAL_SITE");
  app.add_option("--max-uploads", flags.max_uploads, "Peers served at a time; others are told to come back")
      ->type_name("N")
      ->check(CLI::Range(1u, 65535u))
      ->capture_default_str()
      ->envname("SHOAL_MAX_UPLOADS");
  app.add_option("--parallel-uploads", flags.parallel_uploads,
                 "Peers that are sent a chunk at a time; the others wait for their turn")
      ->type_name("N")
      ->check(CLI::Range(1u, 65535u))
      ->capture_default_str()
      ->envname("SHOAL_PARALLEL_UPLOADS");
  app.add_option("--limit-up", flags.limit_up,
                 "Send at most so much per second, to all peers together: 800KiB, 20Mbit")
      ->type_name("RATE|none")
      ->capture_default_str()
      ->envname("SHOAL_LIMIT_UP");
  app.add_option("--settle", flags.settle, "How long a file must have been left alone before it is published")
      ->type_name("TIME")
      ->capture_default_str()
      ->envname("SHOAL_SETTLE");
  app.add_option("--state", flags.state,
                 "Where to remember hashes across restarts, or 'none' "
                 "[$XDG_CACHE_HOME/shoal-seeder or ~/.cache/shoal-seeder]")
      ->type_name("DIR")
      ->envname("SHOAL_STATE");
  app.add_option("--grpc", flags.grpc, "Serve grpc.health.v1 and server reflection here")
      ->type_name("ADDRESS:PORT|none")
      ->capture_default_str()
      ->envname("SHOAL_GRPC");
  app.add_option("--http", flags.http, "Serve /healthz, /readyz and /metrics here")
      ->type_name("ADDRESS:PORT|none")
      ->capture_default_str()
      ->envname("SHOAL_HTTP");
  health_check = app.add_option("--health-check", flags.health_check,
                                "Only ask a running seeder whether it is healthy [at the port of --grpc]")
                     ->type_name("HOST:PORT")
                     ->expected(0, 1);
  app.add_option("--log-level", flags.log_level, "debug, info, warning or error")
      ->type_name("LEVEL")
      ->capture_default_str()
      ->envname("SHOAL_LOG_LEVEL");
  app.add_option("--log-format", flags.log_format, "text or json")
      ->type_name("FORMAT")
      ->capture_default_str()
      ->envname("SHOAL_LOG_FORMAT");
  app.set_version_flag("--version", absl::StrCat("shoal-seeder ", SHOAL_VERSION));
  app.footer(kFooter);
}

// The address of a listener that may be disabled.
absl::StatusOr<std::optional<Endpoint>> ParseDoor(const std::string& text) {
  if (text.empty() || text == "none") return std::nullopt;
  SHOAL_ASSIGN_OR_RETURN(const Endpoint endpoint, Endpoint::Parse(text));
  return endpoint;
}

std::string DefaultStateFolder() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const std::string cache = variable("XDG_CACHE_HOME"); !cache.empty()) return cache + "/shoal-seeder";
  if (const std::string home = variable("HOME"); !home.empty()) return home + "/.cache/shoal-seeder";
  return "";
}

// `flag`: which one was wrong, for the message.
absl::Status Wrong(absl::string_view flag, const absl::Status& why) {
  return absl::Status(why.code(), absl::StrCat(flag, ": ", why.message()));
}

// All that can be checked without asking the network.
absl::StatusOr<Seeder::Options> ParseOptions(const Flags& flags) {
  Seeder::Options options;
  if (flags.tracker.empty())
    return absl::InvalidArgumentError("--tracker is missing (such as --tracker=localhost:50051)");
  if (flags.share.empty()) return absl::InvalidArgumentError("--share is missing: the folder to publish");
  options.share = flags.share;
  absl::StatusOr<std::vector<tracking::TrackerUrl>> trackers = tracking::TrackerUrl::ParseList(flags.tracker);
  if (!trackers.ok()) return Wrong("--tracker", trackers.status());
  options.trackers = *std::move(trackers);
  const absl::StatusOr<Endpoint> listen = Endpoint::Parse(flags.listen);
  if (!listen.ok()) return Wrong("--listen", listen.status());
  options.listen = *listen;
  if (const absl::Status site = tracking::CheckSite(flags.site); !site.ok()) return Wrong("--site", site);
  options.site = flags.site;
  options.max_uploads = flags.max_uploads;
  options.parallel_uploads = flags.parallel_uploads;
  const absl::StatusOr<uint64_t> limit_up = ParseRate(flags.limit_up);
  if (!limit_up.ok()) return Wrong("--limit-up", limit_up.status());
  options.limit_up_bytes_per_second = *limit_up;
  const absl::StatusOr<absl::Duration> settle = ParseDuration(flags.settle);
  if (!settle.ok()) return Wrong("--settle", settle.status());
  if (*settle > absl::Hours(1)) return absl::InvalidArgumentError("--settle: an hour at most");
  options.settle = *settle;
  options.state_folder = flags.state.empty()     ? DefaultStateFolder()
                         : flags.state == "none" ? ""
                                                 : flags.state;
  const absl::StatusOr<std::optional<Endpoint>> grpc = ParseDoor(flags.grpc);
  if (!grpc.ok()) return Wrong("--grpc", grpc.status());
  options.grpc = *grpc;
  const absl::StatusOr<std::optional<Endpoint>> http = ParseDoor(flags.http);
  if (!http.ok()) return Wrong("--http", http.status());
  options.http = *http;
  options.connect_tracker = tracking::MakeTrackerClient;
  options.open_health_endpoint = service::OpenHealthEndpoint;
  return options;
}

int Complain(const absl::Status& why, int code) {
  std::fprintf(stderr, "shoal-seeder: %s\n", std::string(why.message()).c_str());
  return code;
}

// Asks the seeder that runs with the same --grpc, or at the address given.
int HealthCheck(const Flags& flags) {
  std::string at = flags.health_check;
  if (at.empty()) {
    const absl::StatusOr<std::optional<Endpoint>> grpc = ParseDoor(flags.grpc);
    if (!grpc.ok()) return Complain(Wrong("--grpc", grpc.status()), kExitUsage);
    if (!grpc->has_value()) {
      return Complain(absl::InvalidArgumentError("--health-check: needs HOST:PORT, or --grpc"), kExitUsage);
    }
    at = (*grpc)->ip.is_unspecified() ? absl::StrCat("localhost:", (*grpc)->port) : (*grpc)->ToString();
  }
  const absl::StatusOr<HostPort> address = HostPort::Parse(at);
  if (!address.ok()) return Complain(Wrong("--health-check", address.status()), kExitUsage);
  const absl::Status healthy = service::CheckHealth(*address, absl::Seconds(3));
  return healthy.ok() ? 0 : Complain(healthy, kExitRuntime);
}

// Each peer and each open file takes a descriptor, and the usual soft limit of 1024 is for programs that use
// select().
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65536);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int Run(const Flags& flags) {
  absl::StatusOr<Seeder::Options> options = ParseOptions(flags);
  if (!options.ok()) return Complain(options.status(), kExitUsage);
  const absl::StatusOr<service::LogLevel> level = service::ParseLogLevel(flags.log_level);
  if (!level.ok()) return Complain(Wrong("--log-level", level.status()), kExitUsage);
  const absl::StatusOr<service::LogFormat> format = service::ParseLogFormat(flags.log_format);
  if (!format.ok()) return Complain(Wrong("--log-format", format.status()), kExitUsage);

  service::SignalWaiter signals({SIGTERM, SIGINT});
  service::StartLog("shoal-seeder", *level, *format);
  RaiseDescriptorLimit();
  if (!flags.advertise.empty()) {
    const absl::StatusOr<IpAddress> advertise = ResolveHost(flags.advertise);
    if (!advertise.ok()) return Complain(Wrong("--advertise", advertise.status()), kExitRuntime);
    options->advertise = *advertise;
  }
  absl::StatusOr<std::unique_ptr<Seeder>> seeder = Seeder::Start(*std::move(options));
  if (!seeder.ok()) return Complain(seeder.status(), kExitRuntime);
  const int signal = signals.Wait();
  service::LogInfo("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
  (*seeder)->Stop();
  service::LogInfo("stopped");
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app("Publishes a folder: tells trackers what lies in it, and serves its chunks to peers.",
               "shoal-seeder");
  Flags flags;
  CLI::Option* health_check = nullptr;
  Declare(app, flags, health_check);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  return health_check->count() > 0 ? HealthCheck(flags) : Run(flags);
}

}  // namespace
}  // namespace shoal::seeder

int main(int argc, char** argv) {
  return shoal::seeder::Main(argc, argv);
}
