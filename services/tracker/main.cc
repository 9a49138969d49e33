#include <algorithm>
#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "services/tracker/access/token_table.h"
#include "services/tracker/registry/reserved_names.h"
#include "services/tracker/state_file/state_file.h"
#include "services/tracker/tracker.h"
#include "services/tracker/tracker_limits.h"
#include "shoal/base/output_path.h"
#include "shoal/base/process_limits.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/content/manifest/signing_key.h"
#include "shoal/service/command_line.h"
#include "shoal/service/grpc/grpc_lazy_engine.h"
#include "shoal/service/grpc/health_endpoint.h"
#include "shoal/service/log/log.h"
#include "shoal/service/open_listeners.h"
#include "shoal/service/signals.h"
#include "shoal/service/systemd.h"
#include "shoal/service/tls_flags.h"

namespace {

using shoal::tracker::Tracker;

constexpr int kExitOk = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

// The time that calls in flight have to finish. They take milliseconds, but gRPC also waits for connections,
// and an idle client's stays open until this has passed: so a stop takes this long.
constexpr absl::Duration kGrace = absl::Seconds(1);
// The listeners, their loops and gRPC take about 50, each connection one more.
constexpr uint32_t kMinDescriptors = 128;
// Two cores need about 20.
constexpr uint32_t kMinThreads = 32;
constexpr absl::Duration kHealthTimeout = absl::Seconds(3);

constexpr char kExamples[] = R"(
Examples:
  shoal-tracker
      all listeners at their usual ports
  shoal-tracker --grpc=127.0.0.1:0 --udp=none --http=none
      gRPC alone, at a port that the system chooses; it is printed
  shoal-tracker --lease=10s --log-format=json
      removes silent peers after ten seconds; log lines as JSON
  shoal-tracker --state=/var/lib/shoal/tracker.state --limits=/etc/shoal/limits
      keeps its peers over a restart; SIGHUP reads the limits file again
  shoal-tracker --tokens=/etc/shoal/tokens
      only those with a token may publish, fetch and list
  shoal-tracker --rate-per-address=200 --max-leases=1000000
      limits the calls of one address, and the number of leases
  shoal-tracker --tls-cert=cert.pem --tls-key=key.pem --tls-ca=ca.pem
      TLS everywhere, for peers with a certificate of that CA; `shoal certs` makes some to try it
  shoal-tracker --health-check
      asks the tracker on this machine for its health; for containers

Exit codes:
    0  stopped by SIGTERM or SIGINT, or healthy
    1  could not start (an address that is in use, for example), or not healthy
    2  wrong usage
)";

struct Flags {
  std::string grpc = "0.0.0.0:50051";
  std::string udp = "0.0.0.0:6969";
  std::string http = "0.0.0.0:8080";
  std::string lease = "30s";
  std::string bittorrent_interval = "5m";
  std::string limits_file;
  std::string state;
  bool trusts_addresses = false;
  std::string reserve_file;
  std::string tokens;
  std::string ticket_key;
  std::string ticket_lifetime = "10m";
  bool open_bittorrent = false;
  shoal::tracker::TrackerLimits limits;
  std::string log_level = "info";
  std::string log_format = "text";
  std::string health_check;
  shoal::net::TlsFiles tls;
  bool plain_udp = false;
  bool udp_is_default = true;
  // Adds to a message about a flag where its value stands.
  std::function<std::string(absl::string_view message)> with_place;
};

absl::Status Named(const char* flag, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(flag, ": ", status.message()));
}

absl::StatusOr<shoal::Endpoint> ParseListen(const char* flag, const std::string& text) {
  const auto address = shoal::HostPort::Parse(text);
  if (!address.ok()) return Named(flag, address.status());
  const auto listener = shoal::ResolveListener(*address);
  return listener.ok() ? listener : Named(flag, listener.status());
}

absl::StatusOr<std::shared_ptr<const shoal::tracker::ReservedNames>> ReadReserved(const Flags& flags) {
  auto reserved = shoal::tracker::ReservedNames::Read(flags.reserve_file);
  if (!reserved.ok()) return Named("--reserve", reserved.status());
  return std::make_shared<const shoal::tracker::ReservedNames>(*std::move(reserved));
}

absl::Status ParseTickets(const Flags& flags, Tracker::Options* options) {
  options->ticket_key_file = flags.ticket_key;
  if (!flags.ticket_key.empty()) {
    const auto key = shoal::SigningKey::Read(flags.ticket_key);
    if (!key.ok()) return Named("--ticket-key", key.status());
  }
  const auto lifetime = shoal::ParseDuration(flags.ticket_lifetime);
  if (!lifetime.ok()) return Named("--ticket-lifetime", lifetime.status());
  if (*lifetime < absl::Minutes(1) || *lifetime > absl::Hours(24)) {
    return absl::InvalidArgumentError("--ticket-lifetime: needs to be from 1m to 24h");
  }
  options->ticket_lifetime = *lifetime;
  return absl::OkStatus();
}

absl::StatusOr<Tracker::Options> ParseOptions(const Flags& flags) {
  Tracker::Options options;
  SHOAL_ASSIGN_OR_RETURN(options.grpc, ParseListen("--grpc", flags.grpc));
  SHOAL_ASSIGN_OR_RETURN(options.tls, shoal::service::LoadTls(flags.tls, shoal::service::TlsRole::kServer));
  const bool udp_is_closed = options.tls != nullptr && !flags.plain_udp;
  if (flags.udp != "none" && !(udp_is_closed && flags.udp_is_default)) {
    if (udp_is_closed) {
      return absl::InvalidArgumentError(
          "--udp: datagrams are not encrypted, so with --tls-cert they need --tls-plain-udp as well");
    }
    SHOAL_ASSIGN_OR_RETURN(options.udp, ParseListen("--udp", flags.udp));
  }
  if (flags.http != "none") {
    SHOAL_ASSIGN_OR_RETURN(options.http, ParseListen("--http", flags.http));
  }
  const auto lease = shoal::ParseDuration(flags.lease);
  if (!lease.ok()) return Named("--lease", lease.status());
  if (*lease < absl::Seconds(1) || *lease > absl::Hours(24)) {
    return absl::InvalidArgumentError("--lease: needs to be from 1s to 24h");
  }
  options.lease = *lease;
  const auto interval = shoal::ParseDuration(flags.bittorrent_interval);
  if (!interval.ok()) return Named("--bittorrent-interval", interval.status());
  if (*interval < absl::Seconds(10) || *interval > absl::Hours(6)) {
    return absl::InvalidArgumentError("--bittorrent-interval: needs to be from 10s to 6h");
  }
  options.bittorrent_interval = *interval;
  options.limits = flags.limits;
  if (!flags.limits_file.empty()) {
    SHOAL_ASSIGN_OR_RETURN(options.limits, shoal::tracker::ReadLimitsFile(flags.limits_file, flags.limits));
  }
  options.tokens_file = flags.tokens;
  options.open_bittorrent = flags.open_bittorrent;
  SHOAL_RETURN_IF_ERROR(ParseTickets(flags, &options));
  if (!flags.tokens.empty()) {
    const auto tokens = shoal::tracker::TokenTable::Read(flags.tokens);
    if (!tokens.ok()) return Named("--tokens", tokens.status());
  }
  if (!flags.reserve_file.empty()) {
    SHOAL_ASSIGN_OR_RETURN(options.reserved, ReadReserved(flags));
  }
  options.state_file = flags.state;
  if (!flags.state.empty()) {
    if (!flags.limits_file.empty()) {
      SHOAL_RETURN_IF_ERROR(shoal::CheckOutputOutsideInput(flags.state, flags.limits_file));
    }
    if (!flags.reserve_file.empty()) {
      SHOAL_RETURN_IF_ERROR(shoal::CheckOutputOutsideInput(flags.state, flags.reserve_file));
    }
    const absl::Status state = shoal::tracker::CheckStateFile(flags.state);
    if (!state.ok()) return Named("--state", state);
  }
  options.trusts_addresses = flags.trusts_addresses;
  options.version = SHOAL_VERSION;
  return options;
}

absl::Status BeginLog(const Flags& flags) {
  const auto level = shoal::service::ParseLogLevel(flags.log_level);
  if (!level.ok()) return Named("--log-level", level.status());
  const auto format = shoal::service::ParseLogFormat(flags.log_format);
  if (!format.ok()) return Named("--log-format", format.status());
  shoal::service::StartLog("shoal-tracker", *level, *format);
  return absl::OkStatus();
}

// "max-leases" as "SHOAL_MAX_LEASES".
std::string EnvName(absl::string_view flag) {
  return absl::StrCat("SHOAL_", absl::AsciiStrToUpper(absl::StrReplaceAll(flag, {{"-", "_"}})));
}

int Fail(const absl::Status& status, int exit_code) {
  shoal::service::ReportFatal(status.message());
  return exit_code;
}

int FailUsage(const Flags& flags, const absl::Status& status) {
  shoal::service::ReportFatal(flags.with_place(status.message()));
  return kExitUsage;
}

// The address to check: the flag's, or else the gRPC listener of this machine.
absl::StatusOr<shoal::HostPort> HealthAddress(const Flags& flags) {
  if (!flags.health_check.empty()) {
    const auto address = shoal::HostPort::Parse(flags.health_check);
    return address.ok() ? address : Named("--health-check", address.status());
  }
  SHOAL_ASSIGN_OR_RETURN(const shoal::Endpoint grpc, ParseListen("--grpc", flags.grpc));
  const std::string host = !grpc.ip.is_unspecified() ? grpc.ip.ToString()
                           : grpc.ip.is_v4()         ? "127.0.0.1"
                                                     : "::1";
  return shoal::HostPort{host, grpc.port};
}

int RunHealthCheck(const Flags& flags) {
  const auto address = HealthAddress(flags);
  if (!address.ok()) return FailUsage(flags, address.status());
  const auto tls = shoal::service::LoadTls(flags.tls, shoal::service::TlsRole::kServer);
  if (!tls.ok()) return FailUsage(flags, tls.status());
  const absl::Status health = shoal::service::CheckHealth(address->ToString(), kHealthTimeout, *tls);
  if (!health.ok()) return Fail(health, kExitFailed);
  if (flags.log_format == "json") {
    shoal::service::LogInfo("serving", {{"address", address->ToString()}});
  } else {
    std::printf("%s is serving\n", address->ToString().c_str());
  }
  return kExitOk;
}

void PrintListener(const char* scheme, const shoal::Endpoint& listen, uint16_t port, const char* what_for) {
  std::printf("listening on %s://%s (%s)\n", scheme, shoal::Endpoint{listen.ip, port}.ToString().c_str(),
              what_for);
}

// Announces the listeners: as text on stdout, for people and scripts that wait for it, or as one line of the
// log.
void TellListeners(const Flags& flags, const Tracker::Options& options, const Tracker& tracker) {
  if (flags.log_format == "json") {
    const auto port_or_none = [](bool open, uint16_t port) {
      return open ? shoal::service::LogValue(port) : shoal::service::LogValue("none");
    };
    return shoal::service::LogInfo(
        "tracker listens", {{"version", SHOAL_VERSION},
                            {"grpc", options.grpc.ip.ToString()},
                            {"grpc_port", tracker.grpc_port()},
                            {"tls", options.tls != nullptr},
                            {"udp_port", port_or_none(options.udp.has_value(), tracker.udp_port())},
                            {"http_port", port_or_none(options.http.has_value(), tracker.http_port())}});
  }
  std::printf("shoal-tracker %s\n", SHOAL_VERSION);
  PrintListener("grpc", options.grpc, tracker.grpc_port(),
                options.tls == nullptr ? "seeders, leechers, grpcurl" : "seeders, leechers, grpcurl; TLS");
  if (options.udp) PrintListener("udp", *options.udp, tracker.udp_port(), "the same in datagrams");
  if (options.http) {
    PrintListener(options.tls == nullptr ? "http" : "https", *options.http, tracker.http_port(),
                  "page for browsers, /metrics, /healthz, /readyz");
  }
  std::fflush(stdout);
}

// Names the listeners over which anyone may publish, if there are any. HTTP only shows what there is.
void TellWhoMayPublish(const Tracker::Options& options, const Tracker& tracker) {
  const bool needs_tokens = !options.tokens_file.empty();
  std::vector<shoal::service::ListenerTerms> listeners = {{.at = {options.grpc.ip, tracker.grpc_port()},
                                                           .tls = options.tls.get(),
                                                           .asks_for_permit = needs_tokens}};
  if (options.udp) {
    listeners.push_back(
        {.at = {options.udp->ip, tracker.udp_port()}, .scheme = "udp://", .asks_for_permit = needs_tokens});
  }
  const std::string open = shoal::service::DescribeOpenListeners(listeners, "publish here");
  if (!open.empty()) shoal::service::LogInfo(open);
}

// Applies the file's log level, or else the flag's. Requires: the flag is valid.
void UseLogLevel(const Flags& flags, const shoal::tracker::TrackerLimits& limits) {
  shoal::service::SetLogLevel(limits.log_level ? *limits.log_level
                                               : *shoal::service::ParseLogLevel(flags.log_level));
}

void ReloadLimits(const Flags& flags, Tracker* tracker) {
  const auto limits = shoal::tracker::ReadLimitsFile(flags.limits_file, flags.limits);
  if (!limits.ok()) {
    return shoal::service::LogError("SIGHUP: the limits stay as they are",
                                    {{"why", std::string(limits.status().message())}});
  }
  tracker->SetLimits(*limits);
  UseLogLevel(flags, *limits);
  shoal::service::LogInfo("SIGHUP: new limits", {{"file", flags.limits_file}});
}

void ReloadReserved(const Flags& flags, Tracker* tracker) {
  auto reserved = ReadReserved(flags);
  if (!reserved.ok()) {
    return shoal::service::LogError("SIGHUP: the reserved names stay as they are",
                                    {{"why", std::string(reserved.status().message())}});
  }
  const size_t rules = (*reserved)->size();
  tracker->SetReserved(*std::move(reserved));
  shoal::service::LogInfo("SIGHUP: new reserved names", {{"file", flags.reserve_file}, {"rules", rules}});
}

void NoteNotice(const absl::Status& sent) {
  if (!sent.ok()) {
    shoal::service::LogWarning("systemd was not notified", {{"why", std::string(sent.message())}});
  }
}

int RunTracker(const Flags& flags) {
  const auto options = ParseOptions(flags);
  if (!options.ok()) return FailUsage(flags, options.status());
  const absl::Status descriptors = shoal::RaiseDescriptorLimit(kMinDescriptors);
  if (!descriptors.ok()) return Fail(descriptors, kExitFailed);
  const absl::Status threads = shoal::RequireThreads(kMinThreads);
  if (!threads.ok()) return Fail(threads, kExitFailed);

  // Before any thread starts, so that the signals come here and nowhere else.
  shoal::service::SignalWaiter signals({SIGTERM, SIGINT, SIGHUP});
  UseLogLevel(flags, options->limits);
  const auto tracker = Tracker::Start(*options);
  if (!tracker.ok()) return Fail(tracker.status(), kExitFailed);

  TellListeners(flags, *options, **tracker);
  TellWhoMayPublish(*options, **tracker);
  NoteNotice(shoal::service::NotifyReady());

  int signal = signals.Wait();
  // Without a file to read again SIGHUP has its usual meaning: the terminal is gone.
  const bool has_files = !flags.limits_file.empty() || !flags.reserve_file.empty() || !flags.tokens.empty() ||
                         !flags.ticket_key.empty() || options->tls != nullptr;
  for (; signal == SIGHUP && has_files; signal = signals.Wait()) {
    if (!flags.limits_file.empty()) ReloadLimits(flags, tracker->get());
    if (!flags.reserve_file.empty()) ReloadReserved(flags, tracker->get());
    (*tracker)->ReloadTokens();
    (*tracker)->ReloadTicketKey();
    if (options->tls != nullptr) (void)options->tls->Reload();  // logs the outcome
  }
  shoal::service::LogInfo("stopping", {{"signal", shoal::service::SignalName(signal)}});
  NoteNotice(shoal::service::NotifyStopping());
  (*tracker)->Stop(kGrace);
  shoal::service::LogInfo("stopped");
  return kExitOk;
}

}  // namespace

int main(int argc, char** argv) {
  shoal::service::ReserveStandardDescriptors();
  const shoal::service::LogFormat format = shoal::service::EarlyLogFormat(argc, argv);
  shoal::service::StartLog("shoal-tracker", shoal::service::LogLevel::kInfo, format);
  shoal::service::ExitWhenResourcesEnd(kExitFailed);
  shoal::service::GrpcLazyEngine::Install();
  Flags flags;
  CLI::App app(
      "The Shoal tracker: knows which peer has which chunks of which content, and names peers to those that "
      "ask.");
  app.add_option("--grpc", flags.grpc, "Address of the gRPC listener")
      ->envname("SHOAL_GRPC")
      ->type_name("ADDRESS:PORT")
      ->capture_default_str();
  const auto* udp = app.add_option("--udp", flags.udp, "Address of the datagram listener")
                        ->envname("SHOAL_UDP")
                        ->type_name("ADDRESS:PORT|none")
                        ->capture_default_str();
  app.add_option("--http", flags.http, "Address of the HTTP listener: page, health, metrics")
      ->envname("SHOAL_HTTP")
      ->type_name("ADDRESS:PORT|none")
      ->capture_default_str();
  app.add_option("--lease", flags.lease,
                 "A peer that is silent for this long is removed; heartbeats come each third of it")
      ->envname("SHOAL_LEASE")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option(
         "--bittorrent-interval", flags.bittorrent_interval,
         "Interval between two announces of a BitTorrent client; one that is silent for two and a half of "
         "them is removed")
      ->envname("SHOAL_BITTORRENT_INTERVAL")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--log-level", flags.log_level, "The least level of the log's lines")
      ->envname("SHOAL_LOG_LEVEL")
      ->type_name("debug|info|warning|error")
      ->capture_default_str();
  app.add_option("--log-format", flags.log_format, "Format of the log's lines")
      ->envname("SHOAL_LOG_FORMAT")
      ->type_name("text|json")
      ->capture_default_str();
  app.add_option("--state", flags.state,
                 "Keeps the tracker's state across a restart: written at the end, read at the start")
      ->envname("SHOAL_STATE")
      ->type_name("FILE");
  app.add_flag(
         "--trust-addresses", flags.trusts_addresses,
         "Hand out every address that a peer claims, also one at which it does not answer this tracker; "
         "for a tracker that can't reach its peers")
      ->envname("SHOAL_TRUST_ADDRESSES");
  app.add_option(
         "--limits", flags.limits_file,
         "A file of lines NAME=VALUE, with the names of the limits below and log-level; SIGHUP reads it "
         "again")
      ->envname("SHOAL_LIMITS")
      ->type_name("FILE");
  app.add_option("--reserve", flags.reserve_file,
                 "A file of lines NAME-GLOB KEY...: such names may be published by owners of these keys "
                 "alone; SIGHUP "
                 "reads it again")
      ->envname("SHOAL_RESERVE")
      ->type_name("FILE");
  app.add_option(
         "--tokens", flags.tokens,
         "Admits only those with a token of this file (`shoal token` makes its lines); read again when "
         "it changes, and with SIGHUP")
      ->envname("SHOAL_TOKENS")
      ->type_name("FILE");
  app.add_option("--ticket-key", flags.ticket_key,
                 "Lookups over gRPC bring a ticket that this private key signs (`shoal key` makes one), for "
                 "peers with "
                 "--require-ticket; SIGHUP reads it again")
      ->envname("SHOAL_TICKET_KEY")
      ->type_name("FILE");
  app.add_option("--ticket-lifetime", flags.ticket_lifetime, "How long a ticket is valid")
      ->envname("SHOAL_TICKET_LIFETIME")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_flag("--open-bittorrent", flags.open_bittorrent,
               "Admits BitTorrent clients beside --tokens; they have no token")
      ->envname("SHOAL_OPEN_BITTORRENT");
  for (const shoal::tracker::LimitName& limit : shoal::tracker::LimitNames()) {
    app.add_option_function<std::string>(
           absl::StrCat("--", limit.name),
           [&flags, &limit](const std::string& value) {
             const absl::Status set = shoal::tracker::SetLimit(limit.name, value, &flags.limits);
             if (!set.ok()) throw CLI::ValidationError("--" + std::string(set.message()));
           },
           limit.what)
        ->envname(EnvName(limit.name))
        ->type_name("N")
        ->default_str(shoal::tracker::LimitText(limit.name, {}))
        ->group("Limits");
  }
  auto* health_check =
      app.add_option("--health-check", flags.health_check,
                     "Do not run; ask the tracker at HOST:PORT (the --grpc port of this machine) "
                     "whether it serves")
          ->expected(0, 1)
          ->type_name("[=HOST:PORT]");
  shoal::service::AddTlsFlags(app, &flags.tls);
  shoal::service::AddTlsHttpFlag(app, &flags.tls);
  app.add_flag(
         "--tls-plain-udp", flags.plain_udp,
         "Open the datagram listener beside TLS, too: what is sent there can be read and changed on the way")
      ->envname("SHOAL_TLS_PLAIN_UDP")
      ->group("TLS");
  shoal::service::AddConfigFile(app);
  app.footer(kExamples);
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  flags.with_place = [&](absl::string_view message) {
    return shoal::service::WithPlace(app, words, message);
  };
  const std::optional<int> end = shoal::service::ParseCommandLine(
      app, {"shoal-tracker", SHOAL_VERSION, format == shoal::service::LogFormat::kJson}, words);
  if (end.has_value()) return *end;
  flags.udp_is_default = udp->count() == 0;
  if (const absl::Status log = BeginLog(flags); !log.ok()) return FailUsage(flags, log);
  return health_check->count() > 0 ? RunHealthCheck(flags) : RunTracker(flags);
}
