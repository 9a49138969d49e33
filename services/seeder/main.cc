#include <fcntl.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/seeder/seeder.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/output_path.h"
#include "shoal/base/process_limits.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/service/command_line.h"
#include "shoal/service/grpc/grpc_lazy_engine.h"
#include "shoal/service/grpc/grpc_server.h"
#include "shoal/service/grpc/health_endpoint.h"
#include "shoal/service/log/log.h"
#include "shoal/service/signals.h"
#include "shoal/service/systemd.h"
#include "shoal/service/ticket_flags.h"
#include "shoal/service/tls_flags.h"
#include "shoal/stream/upload/upload_turns.h"
#include "shoal/tracking/announce/advertised_addresses.h"
#include "shoal/tracking/client/tracker_token.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/site.h"

namespace shoal::seeder {
namespace {

constexpr int kExitRuntime = 1;
constexpr int kExitUsage = 2;
// The listeners, their loops, gRPC and the watch of the folder take about 60; each peer and each open file
// takes one more.
constexpr uint32_t kMinDescriptors = 128;
// Two cores need about 20.
constexpr uint32_t kMinThreads = 32;

constexpr char kFooter[] = R"(
Every file directly in the shared folder is published as one content, and so is every sub-folder, with all
that is in it; hidden names, links and *.shoal files directly in the shared folder are not. What is left out of
a sub-folder is named in the log. Changes of the folder are picked up while it runs.

Examples:
  shoal-seeder --tracker=tracker.example:50051 --share=/srv/models
  shoal-seeder --tracker=grpc://a:50051,udp://b:6969 --share=. --listen=0.0.0.0:7000 --advertise=seed1.example
  shoal-seeder --tracker=tracker:50051 --share=/data --limit-up=100Mbit --parallel-uploads=2
  shoal-seeder --tracker=tracker:50051 --share=/data --grpc=0.0.0.0:50052 --http=0.0.0.0:8080
  shoal-seeder --tracker=tracker:50051 --share=/data --tls-cert=cert.pem --tls-key=key.pem --tls-ca=ca.pem
  shoal-seeder --health-check=localhost:50052

Every flag can also come from the environment: SHOAL_TRACKER, SHOAL_SHARE, SHOAL_MAX_UPLOADS and so on.

Exit codes:
    0  stopped by SIGTERM or SIGINT, or healthy
    1  a failure while starting or running, or not healthy
    2  wrong usage)";

// The flags as the command line or the environment has them.
struct Flags {
  std::string tracker;
  std::string tracker_token_file;
  std::string share;
  std::string listen = "0.0.0.0:0";
  std::string advertise;
  std::string site;
  uint32_t max_uploads = 256;
  uint32_t parallel_uploads = stream::kParallelUploads;
  std::string limit_up = "none";
  std::string settle = "2s";
  std::string patience = "30s";
  std::string rescan = "1m";
  std::string links = "keep";
  std::string sign_key;
  std::string state;
  std::string grpc = "none";
  std::string http = "none";
  std::string health_check;
  std::string log_level = "info";
  std::string log_format = "text";
  net::TlsFiles tls;
  service::TicketFlags tickets;
  // Adds to a message about a flag where its value stands.
  std::function<std::string(absl::string_view message)> with_place;
};

void Declare(CLI::App& app, Flags& flags, CLI::Option*& health_check) {
  app.add_option("--tracker", flags.tracker,
                 "Trackers to register with: grpc://HOST:PORT, udp://HOST:PORT or HOST:PORT (gRPC)")
      ->type_name("URL[,URL...]")
      ->join(',')
      ->envname("SHOAL_TRACKER");
  app.add_option("--tracker-token-file", flags.tracker_token_file,
                 "The token for these trackers, if they ask for one")
      ->type_name("FILE")
      ->envname("SHOAL_TRACKER_TOKEN_FILE");
  app.add_option("--share", flags.share, "The folder to publish")->type_name("DIR")->envname("SHOAL_SHARE");
  app.add_option("--listen", flags.listen, "Where peers connect; port 0: the system chooses one")
      ->type_name("ADDRESS:PORT")
      ->capture_default_str()
      ->envname("SHOAL_LISTEN");
  app.add_option(
         "--advertise", flags.advertise,
         "Where peers reach this machine, with the port if it is mapped to another one; several are tried "
         "one "
         "after the other. Without it: the address that trackers see, and those of the network interfaces")
      ->type_name("HOST[:PORT][,...]")
      ->join(',')
      ->envname("SHOAL_ADVERTISE");
  app.add_option("--site", flags.site,
                 "Where this machine is, in your own words (a rack, a city): trackers name peers of one site "
                 "to each other first")
      ->type_name("NAME")
      ->envname("SHOAL_SITE");
  app.add_option("--max-uploads", flags.max_uploads,
                 "Peers that may be connected; others are asked to try again later")
      ->type_name("N")
      ->check(CLI::Range(1u, 65535u))
      ->capture_default_str()
      ->envname("SHOAL_MAX_UPLOADS");
  app.add_option("--parallel-uploads", flags.parallel_uploads,
                 "Peers that are sent a chunk at the same time; the others wait for their turn")
      ->type_name("N")
      ->check(CLI::Range(1u, 65535u))
      ->capture_default_str()
      ->envname("SHOAL_PARALLEL_UPLOADS");
  app.add_option("--limit-up", flags.limit_up,
                 "The upload limit per second for all peers together: 800KiB, 20Mbit")
      ->type_name("RATE|none")
      ->capture_default_str()
      ->envname("SHOAL_LIMIT_UP");
  app.add_option("--settle", flags.settle, "How long a file must be unchanged before it is published")
      ->type_name("DURATION")
      ->capture_default_str()
      ->envname("SHOAL_SETTLE");
  app.add_option("--patience", flags.patience,
                 "How long a folder waits for a file in it that is still being written; then it is published "
                 "without that file")
      ->type_name("DURATION")
      ->capture_default_str()
      ->envname("SHOAL_PATIENCE");
  app.add_option("--rescan", flags.rescan,
                 "How often the folder is examined for changes that the system did not report")
      ->type_name("DURATION")
      ->capture_default_str()
      ->envname("SHOAL_RESCAN");
  app.add_option(
         "--links", flags.links,
         "Symbolic links that lead out of a folder: keep publishes without them (links that stay inside "
         "travel as links), follow publishes what they lead to")
      ->type_name("keep|follow")
      ->capture_default_str()
      ->envname("SHOAL_LINKS");
  app.add_option("--sign-key", flags.sign_key,
                 "A private key, as `shoal key` makes it, with which everything is signed that is published")
      ->type_name("FILE")
      ->envname("SHOAL_SIGN_KEY");
  app.add_option("--state", flags.state,
                 "Where to keep hashes across restarts "
                 "[$XDG_CACHE_HOME/shoal-seeder or ~/.cache/shoal-seeder]")
      ->type_name("DIR|none")
      ->envname("SHOAL_STATE");
  app.add_option("--grpc", flags.grpc, "Serve grpc.health.v1 and server reflection here")
      ->type_name("ADDRESS:PORT|none")
      ->capture_default_str()
      ->envname("SHOAL_GRPC");
  app.add_option("--http", flags.http, "Serve the page, /healthz, /readyz and /metrics here")
      ->type_name("ADDRESS:PORT|none")
      ->capture_default_str()
      ->envname("SHOAL_HTTP");
  health_check =
      app.add_option("--health-check", flags.health_check,
                     "Don't run; ask a running seeder whether it is healthy [at the port of --grpc]")
          ->type_name("[=HOST:PORT]")
          ->expected(0, 1);
  app.add_option("--log-level", flags.log_level, "The least level of the log's lines")
      ->type_name("debug|info|warning|error")
      ->capture_default_str()
      ->envname("SHOAL_LOG_LEVEL");
  app.add_option("--log-format", flags.log_format, "Format of the log's lines")
      ->type_name("text|json")
      ->capture_default_str()
      ->envname("SHOAL_LOG_FORMAT");
  service::AddTicketFlags(app, &flags.tickets);
  service::AddTlsFlags(app, &flags.tls);
  service::AddTlsHttpFlag(app, &flags.tls);
  service::AddConfigFile(app);
  app.footer(kFooter);
}

// Returns: the address of a listener; nullopt if it is disabled.
absl::StatusOr<std::optional<Endpoint>> ParseListener(const std::string& text) {
  if (text.empty() || text == "none") return std::nullopt;
  SHOAL_ASSIGN_OR_RETURN(const HostPort address, HostPort::Parse(text));
  SHOAL_ASSIGN_OR_RETURN(const Endpoint endpoint, ResolveListener(address));
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

// Prefixes the message with the flag that is wrong.
absl::Status Wrong(absl::string_view flag, const absl::Status& why) {
  return absl::Status(why.code(), absl::StrCat(flag, ": ", why.message()));
}

// All that can be checked without the network, but for names of listeners.
absl::StatusOr<Seeder::Options> ParseOptions(const Flags& flags) {
  Seeder::Options options;
  if (flags.tracker.empty())
    return absl::InvalidArgumentError("--tracker is missing (such as --tracker=localhost:50051)");
  if (flags.share.empty()) return absl::InvalidArgumentError("--share is missing: the folder to publish");
  options.share = flags.share;
  absl::StatusOr<std::vector<tracking::TrackerUrl>> trackers = tracking::TrackerUrl::ParseList(flags.tracker);
  if (!trackers.ok()) return Wrong("--tracker", trackers.status());
  options.trackers = *std::move(trackers);
  const absl::StatusOr<std::optional<Endpoint>> listen = ParseListener(flags.listen);
  if (!listen.ok()) return Wrong("--listen", listen.status());
  if (!listen->has_value()) return absl::InvalidArgumentError("--listen=none: a seeder needs a listener");
  options.listen = **listen;
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
  const absl::StatusOr<absl::Duration> patience = ParseDuration(flags.patience);
  if (!patience.ok()) return Wrong("--patience", patience.status());
  options.patience = *patience;
  if (flags.links != "keep" && flags.links != "follow")
    return absl::InvalidArgumentError(absl::StrCat("--links: keep or follow, not '", flags.links, "'"));
  if (!flags.sign_key.empty()) {
    SHOAL_ASSIGN_OR_RETURN(options.sign_key, SigningKey::Read(flags.sign_key));
  }
  options.links = flags.links == "follow" ? LinkPolicy::kFollow : LinkPolicy::kKeepInside;
  const absl::StatusOr<absl::Duration> rescan = ParseDuration(flags.rescan);
  if (!rescan.ok()) return Wrong("--rescan", rescan.status());
  if (*rescan < absl::Seconds(1)) return absl::InvalidArgumentError("--rescan: a second at least");
  options.rescan = *rescan;
  options.state_folder = flags.state.empty()     ? DefaultStateFolder()
                         : flags.state == "none" ? ""
                                                 : flags.state;
  // A folder that was named needs to be usable. Without the default one everything is hashed again, no more.
  if (!flags.state.empty() && flags.state != "none") {
    if (const absl::Status outside = CheckOutputOutsideInput(flags.state, flags.share); !outside.ok()) {
      return Wrong("--state", outside);
    }
    if (const absl::Status folder = CheckOutputFolder(flags.state); !folder.ok())
      return Wrong("--state", folder);
  }
  const absl::StatusOr<std::optional<Endpoint>> grpc = ParseListener(flags.grpc);
  if (!grpc.ok()) return Wrong("--grpc", grpc.status());
  options.grpc = *grpc;
  const absl::StatusOr<std::optional<Endpoint>> http = ParseListener(flags.http);
  if (!http.ok()) return Wrong("--http", http.status());
  options.http = *http;
  options.version = SHOAL_VERSION;
  SHOAL_ASSIGN_OR_RETURN(options.tls, service::LoadTls(flags.tls, service::TlsRole::kPeer));
  const bool may_learn = options.tls != nullptr && tracking::TrackerUrl::AnyOverGrpc(options.trackers);
  SHOAL_ASSIGN_OR_RETURN(const auto issuers, service::LoadTicketIssuers(flags.tickets, may_learn));
  if (issuers.has_value()) {
    options.tickets = std::make_shared<tracking::TicketVerifier>(
        tracking::TicketVerifier::Options{.issuers = *issuers, .on_learned = service::LogTicketIssuer});
  }
  SHOAL_ASSIGN_OR_RETURN(options.connect_tracker,
                         tracking::TrackerClientsWithToken(flags.tracker_token_file, options.trackers,
                                                           options.tls, options.tickets));
  options.open_health_endpoint = service::OpenHealthEndpoint;
  return options;
}

int Complain(const absl::Status& why, int code) {
  service::ReportFatal(why.message());
  return code;
}

int ComplainOfUsage(const Flags& flags, const absl::Status& why) {
  service::ReportFatal(flags.with_place(why.message()));
  return kExitUsage;
}

// Checks the seeder at the given address, or else the one that runs with the same --grpc.
int HealthCheck(const Flags& flags) {
  std::string at = flags.health_check;
  if (at.empty()) {
    const absl::StatusOr<std::optional<Endpoint>> grpc = ParseListener(flags.grpc);
    if (!grpc.ok()) return ComplainOfUsage(flags, Wrong("--grpc", grpc.status()));
    if (!grpc->has_value()) {
      return ComplainOfUsage(flags, absl::InvalidArgumentError("--health-check: needs HOST:PORT, or --grpc"));
    }
    at = (*grpc)->ip.is_unspecified() ? absl::StrCat("localhost:", (*grpc)->port) : (*grpc)->ToString();
  }
  const absl::StatusOr<HostPort> address = HostPort::Parse(at);
  if (!address.ok()) return ComplainOfUsage(flags, Wrong("--health-check", address.status()));
  const absl::Status healthy = service::CheckHealth(address->ToString(), absl::Seconds(3));
  return healthy.ok() ? 0 : Complain(healthy, kExitRuntime);
}

void NoteNotice(const absl::Status& sent) {
  if (!sent.ok()) {
    service::LogWarning("systemd was not notified", {{"why", std::string(sent.message())}});
  }
}

int Run(const Flags& flags) {
  absl::StatusOr<Seeder::Options> options = ParseOptions(flags);
  if (!options.ok()) return ComplainOfUsage(flags, options.status());
  const absl::StatusOr<service::LogLevel> level = service::ParseLogLevel(flags.log_level);
  if (!level.ok()) return ComplainOfUsage(flags, Wrong("--log-level", level.status()));
  const absl::StatusOr<service::LogFormat> format = service::ParseLogFormat(flags.log_format);
  if (!format.ok()) return ComplainOfUsage(flags, Wrong("--log-format", format.status()));

  service::StartLog("shoal-seeder", *level, *format);
  // No wrong usage: it may be mounted later.
  const absl::Status share = FileDescriptor::Open(options->share, O_RDONLY | O_DIRECTORY).status();
  if (!share.ok()) return Complain(Wrong("--share", share), kExitRuntime);
  const absl::Status descriptors = RaiseDescriptorLimit(kMinDescriptors);
  if (!descriptors.ok()) return Complain(descriptors, kExitRuntime);
  const absl::Status threads = RequireThreads(kMinThreads);
  if (!threads.ok()) return Complain(threads, kExitRuntime);
  service::SignalWaiter signals({SIGTERM, SIGINT, SIGHUP});
  if (!flags.advertise.empty()) {
    const auto hosts = tracking::ParseAdvertised(flags.advertise);
    if (!hosts.ok()) return ComplainOfUsage(flags, Wrong("--advertise", hosts.status()));
    const auto advertise = tracking::ResolveAdvertised(*hosts);
    if (!advertise.ok()) return Complain(Wrong("--advertise", advertise.status()), kExitRuntime);
    options->advertise = *advertise;
  }
  const std::shared_ptr<net::TlsContext> tls = options->tls;
  absl::StatusOr<std::unique_ptr<Seeder>> seeder = Seeder::Start(*std::move(options));
  if (!seeder.ok()) return Complain(seeder.status(), kExitRuntime);
  // Contents that are hashed for the first time can take hours. They are published one by one, by a service
  // that runs.
  NoteNotice(service::NotifyReady());
  int signal = signals.Wait();
  // Without certificates to read again SIGHUP has its usual meaning: the terminal is gone.
  for (; signal == SIGHUP && tls != nullptr; signal = signals.Wait())
    (void)tls->Reload();  // logs the outcome
  service::LogInfo("stopping", {{"signal", service::SignalName(signal)}});
  NoteNotice(service::NotifyStopping());
  (*seeder)->Stop();
  service::LogInfo("stopped");
  return 0;
}

int Main(int argc, char** argv) {
  service::ReserveStandardDescriptors();
  const service::LogFormat format = service::EarlyLogFormat(argc, argv);
  service::StartLog("shoal-seeder", service::LogLevel::kInfo, format);
  service::ExitWhenResourcesEnd(kExitRuntime);
  service::RouteLibraryLogs();
  service::GrpcLazyEngine::Install();
  CLI::App app("Publishes a folder: registers its entries with trackers, and serves their chunks to peers.",
               "shoal-seeder");
  Flags flags;
  CLI::Option* health_check = nullptr;
  Declare(app, flags, health_check);
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  flags.with_place = [&](absl::string_view message) { return service::WithPlace(app, words, message); };
  const std::optional<int> end = service::ParseCommandLine(
      app, {"shoal-seeder", SHOAL_VERSION, format == service::LogFormat::kJson}, words);
  if (end.has_value()) return *end;
  return health_check->count() > 0 ? HealthCheck(flags) : Run(flags);
}

}  // namespace
}  // namespace shoal::seeder

int main(int argc, char** argv) {
  return shoal::seeder::Main(argc, argv);
}
