#include "clients/leecher/cli/commands/arguments.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/commands/content_argument.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/tracking/messages/site.h"

namespace shoal::leecher {
namespace {

absl::Status About(absl::string_view flag, const absl::Status& status) {
  return absl::InvalidArgumentError(absl::StrCat(flag, ": ", status.message()));
}

absl::StatusOr<std::vector<tracking::TrackerUrl>> Trackers(const Words& words) {
  std::vector<tracking::TrackerUrl> trackers;
  for (const std::string& text : words.trackers) {
    absl::StatusOr<std::vector<tracking::TrackerUrl>> more = tracking::TrackerUrl::ParseList(text);
    if (!more.ok()) return About("--tracker", more.status());
    trackers.insert(trackers.end(), more->begin(), more->end());
  }
  return trackers;
}

absl::StatusOr<std::vector<tracking::TrackerUrl>> AtLeastOneTracker(const Words& words) {
  SHOAL_ASSIGN_OR_RETURN(std::vector<tracking::TrackerUrl> trackers, Trackers(words));
  if (trackers.empty()) {
    return absl::InvalidArgumentError(
        "no tracker: give one with --tracker=HOST:PORT (or udp://HOST:PORT), or set SHOAL_TRACKER");
  }
  return trackers;
}

std::optional<FilePriority> PriorityNamed(const std::string& name) {
  if (name == "high") return FilePriority::kHigh;
  if (name == "normal") return FilePriority::kNormal;
  if (name == "low") return FilePriority::kLow;
  if (name == "skip") return FilePriority::kSkip;
  return std::nullopt;
}

bool NamesItsTrackers(const std::string& content) {
  return Classify(content) == ContentWord::kManifestFile;
}

absl::StatusOr<std::optional<HostPort>> AddressOrNone(absl::string_view flag, const std::string& text) {
  if (text.empty() || text == "none") return std::optional<HostPort>();
  absl::StatusOr<HostPort> address = HostPort::Parse(text);
  if (!address.ok()) return About(flag, address.status());
  return std::optional<HostPort>(*std::move(address));
}

absl::StatusOr<ServeOptions> Serve(const Words& words) {
  ServeOptions serve;
  SHOAL_ASSIGN_OR_RETURN(serve.listen, AddressOrNone("--listen", words.listen));
  SHOAL_ASSIGN_OR_RETURN(serve.grpc, AddressOrNone("--grpc", words.grpc));
  serve.advertise = words.advertise;
  if (const absl::Status site = tracking::CheckSite(words.site); !site.ok()) return About("--site", site);
  serve.site = words.site;
  return serve;
}

absl::StatusOr<absl::Duration> Time(absl::string_view flag, const std::string& text) {
  const absl::StatusOr<absl::Duration> duration = shoal::ParseDuration(text);
  if (!duration.ok()) return About(flag, duration.status());
  return *duration;
}

// SHOAL_SEED comes from compose files, where "yes" and "no" are natural.
absl::StatusOr<std::optional<absl::Duration>> Seed(const std::string& text) {
  if (text.empty()) return std::optional<absl::Duration>();
  if (text == "no" || text == "false") return std::optional<absl::Duration>(absl::ZeroDuration());
  if (text == "yes" || text == "true") return std::optional<absl::Duration>(absl::InfiniteDuration());
  SHOAL_ASSIGN_OR_RETURN(const absl::Duration duration, Time("--seed", text));
  return std::optional<absl::Duration>(duration);
}

absl::StatusOr<uint64_t> Rate(absl::string_view flag, const std::string& text) {
  const absl::StatusOr<uint64_t> rate = ParseRate(text);
  if (!rate.ok()) return About(flag, rate.status());
  return *rate;
}

// At the commas; one behind a backslash belongs to the glob, which reads it so too.
absl::StatusOr<std::vector<std::string>> Globs(absl::string_view flag,
                                               const std::vector<std::string>& texts) {
  std::vector<std::string> globs;
  for (const std::string& text : texts) {
    globs.emplace_back();
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == ',') {
        globs.emplace_back();
        continue;
      }
      globs.back().push_back(text[i]);
      if (text[i] == '\\' && i + 1 < text.size()) globs.back().push_back(text[++i]);
    }
  }
  for (const std::string& glob : globs) {
    if (glob.empty()) return absl::InvalidArgumentError(absl::StrCat(flag, ": a glob can't be empty"));
  }
  return globs;
}

absl::StatusOr<SelectionRules> Selection(const Words& words) {
  SelectionRules rules;
  SHOAL_ASSIGN_OR_RETURN(rules.include, Globs("--include", words.include));
  SHOAL_ASSIGN_OR_RETURN(rules.exclude, Globs("--exclude", words.exclude));
  SHOAL_ASSIGN_OR_RETURN(const std::vector<std::string> priorities, Globs("--priority", words.priority));
  for (const std::string& text : priorities) {
    const size_t equals = text.rfind('=');
    const std::optional<FilePriority> priority =
        equals == std::string::npos ? std::nullopt : PriorityNamed(text.substr(equals + 1));
    if (!priority.has_value() || equals == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--priority: '", text, "' is not GLOB=high, =normal, =low or =skip"));
    }
    rules.priorities.push_back({text.substr(0, equals), *priority});
  }
  return rules;
}

absl::StatusOr<Command> Get(const Words& words) {
  GetOptions get;
  get.contents = words.contents;
  if (!words.output.empty()) get.output_folder = words.output;
  get.max_peers = words.max_peers;
  get.on_complete = words.on_complete;
  get.verify = words.verify;
  get.json = words.json;
  get.quiet = words.quiet;
  SHOAL_ASSIGN_OR_RETURN(get.serve, Serve(words));
  SHOAL_ASSIGN_OR_RETURN(get.wait, Time("--wait", words.wait));
  SHOAL_ASSIGN_OR_RETURN(get.seed, Seed(words.seed));
  SHOAL_ASSIGN_OR_RETURN(get.limit_down_bytes_per_second, Rate("--limit-down", words.limit_down));
  SHOAL_ASSIGN_OR_RETURN(get.limit_up_bytes_per_second, Rate("--limit-up", words.limit_up));
  SHOAL_ASSIGN_OR_RETURN(get.selection, Selection(words));
  get.sequential = words.sequential;
  if (get.seed.value_or(absl::ZeroDuration()) > absl::ZeroDuration() && !get.serve.listen.has_value()) {
    return absl::InvalidArgumentError("--seed and --listen=none contradict each other");
  }
  if (get.max_peers == 0) return absl::InvalidArgumentError("--peers-max: at least 1");
  bool need_trackers = false;
  for (const std::string& content : get.contents) {
    if (content.empty()) return absl::InvalidArgumentError("the name of a content can't be empty");
    need_trackers = need_trackers || !NamesItsTrackers(content);
  }
  SHOAL_ASSIGN_OR_RETURN(get.trackers, need_trackers ? AtLeastOneTracker(words) : Trackers(words));
  return Command(std::move(get));
}

absl::StatusOr<Command> Make(const Words& words) {
  MakeOptions make;
  make.path = words.subject;
  make.output_path = words.output;
  make.json = words.json;
  make.quiet = words.quiet;
  SHOAL_ASSIGN_OR_RETURN(make.trackers, Trackers(words));
  if (!words.chunk_size.empty()) {
    const absl::StatusOr<uint64_t> bytes = ParseBytes(words.chunk_size);
    if (!bytes.ok()) return About("--chunk-size", bytes.status());
    if (*bytes < kMinChunkSizeBytes || *bytes > kMaxChunkSizeBytes || (*bytes & (*bytes - 1)) != 0) {
      return absl::InvalidArgumentError(absl::StrCat("--chunk-size: a power of two from ",
                                                     FormatBytes(kMinChunkSizeBytes), " to ",
                                                     FormatBytes(kMaxChunkSizeBytes)));
    }
    make.chunk_size_bytes = static_cast<uint32_t>(*bytes);
  }
  return Command(std::move(make));
}

absl::StatusOr<Command> SeedPath(const Words& words) {
  SeedOptions seed;
  seed.path = words.subject;
  seed.json = words.json;
  seed.quiet = words.quiet;
  SHOAL_ASSIGN_OR_RETURN(seed.trackers, AtLeastOneTracker(words));
  SHOAL_ASSIGN_OR_RETURN(seed.serve, Serve(words));
  SHOAL_ASSIGN_OR_RETURN(seed.limit_up_bytes_per_second, Rate("--limit-up", words.limit_up));
  SHOAL_ASSIGN_OR_RETURN(seed.duration, Time("--for", words.serve_for));
  if (!seed.serve.listen.has_value())
    return absl::InvalidArgumentError("--listen=none: nothing could be seeded");
  return Command(std::move(seed));
}

absl::StatusOr<Command> HealthCheck(const Words& words) {
  if (!words.health_check.empty()) {
    absl::StatusOr<HostPort> address = HostPort::Parse(words.health_check);
    if (!address.ok()) return About("--health-check", address.status());
    return Command(HealthCheckOptions{*std::move(address)});
  }
  // Without an address: on this machine, at the port that the environment gives to the health service.
  SHOAL_ASSIGN_OR_RETURN(const std::optional<HostPort> service, AddressOrNone("SHOAL_GRPC", words.grpc));
  if (!service.has_value())
    return absl::InvalidArgumentError("--health-check: give an address, or set SHOAL_GRPC");
  return Command(HealthCheckOptions{HostPort{"127.0.0.1", service->port}});
}

}  // namespace

absl::StatusOr<Command> Interpret(const Words& words) {
  switch (words.command) {
    case CommandName::kGet:
      return Get(words);
    case CommandName::kList: {
      SHOAL_ASSIGN_OR_RETURN(std::vector<tracking::TrackerUrl> trackers, AtLeastOneTracker(words));
      return Command(ListOptions{std::move(trackers), words.subject, words.json});
    }
    case CommandName::kInfo: {
      SHOAL_ASSIGN_OR_RETURN(std::vector<tracking::TrackerUrl> trackers,
                             NamesItsTrackers(words.subject) ? Trackers(words) : AtLeastOneTracker(words));
      return Command(InfoOptions{words.subject, std::move(trackers), words.json});
    }
    case CommandName::kMake:
      return Make(words);
    case CommandName::kSeed:
      return SeedPath(words);
    case CommandName::kHealthCheck:
      return HealthCheck(words);
  }
  return absl::InternalError("no such command");
}

}  // namespace shoal::leecher
