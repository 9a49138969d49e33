#include "clients/leecher/cli/commands/arguments.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/content/manifest/content_path.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/manifest/signing_key.h"
#include "shoal/tracking/announce/advertised_addresses.h"
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

// A name that no content can have is refused here, with a hint: no tracker can know it.
absl::Status CheckContentWord(const std::string& content) {
  if (content.empty()) return absl::InvalidArgumentError("the name of a content can't be empty");
  if (NamesItsTrackers(content)) return absl::OkStatus();
  const absl::Status name = CheckContentName(content);
  if (name.ok()) return name;
  if (content.size() > kMaxNameBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", absl::CHexEscape(content.substr(0, 32)), "...' has ", content.size(),
        " bytes, and the name of a content has at most ", kMaxNameBytes, "; `list` shows the names and ids"));
  }
  if (absl::StrContains(content, "://")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", absl::CHexEscape(content),
        "' is a URL, and a content has a name, an id or a .shoal file; `list` shows what trackers offer"));
  }
  const size_t slash = content.find('/');
  if (slash != std::string::npos) {
    const std::string first = content.substr(0, slash);
    const std::string rest = content.substr(slash + 1);
    if (!first.empty() && !rest.empty() && CheckContentName(first).ok()) {
      return absl::InvalidArgumentError(absl::StrCat(name.message(), ": to fetch one file of the content '",
                                                     first, "', say `get ", first, " --include='",
                                                     absl::CHexEscape(rest), "'`"));
    }
    return absl::InvalidArgumentError(
        absl::StrCat(name.message(), ": give a name, an id, or a file that ends in .shoal"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(name.message(), ": give the id instead, or the beginning of it; `list` shows the ids"));
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
  SHOAL_ASSIGN_OR_RETURN(serve.http, AddressOrNone("--http", words.http));
  SHOAL_ASSIGN_OR_RETURN(serve.grpc, AddressOrNone("--grpc", words.grpc));
  if (!words.advertise.empty()) {
    const absl::Status advertise = tracking::ParseAdvertised(words.advertise).status();
    if (!advertise.ok()) return About("--advertise", advertise);
  }
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

// SHOAL_SEED is set in compose files, where "yes" and "no" are natural.
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

// Splits at the commas. A comma behind a backslash belongs to the glob, which reads the backslash too.
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

// Of keys only their form is checked: files are read later.
absl::StatusOr<std::vector<std::string>> Trust(const Words& words) {
  std::vector<std::string> trust;
  for (const std::string& several : words.trust) {
    for (absl::string_view word : absl::StrSplit(several, ',')) {
      if (word.empty()) return absl::InvalidArgumentError("--trust: name a key or a file of keys");
      const bool is_key = absl::StartsWith(word, "ed25519:");
      const absl::Status key = is_key ? PublicKey::Parse(word).status() : absl::OkStatus();
      if (!key.ok()) return About("--trust", key);
      trust.emplace_back(word);
    }
  }
  return trust;
}

absl::StatusOr<Command> Get(const Words& words) {
  GetOptions get;
  get.tracker_token_file = words.tracker_token_file;
  get.contents = words.contents;
  if (!words.output.empty()) get.output_folder = words.output;
  get.max_peers = words.max_peers;
  get.on_complete = words.on_complete;
  get.verify = words.verify;
  get.dry_run = words.dry_run;
  get.repair = words.repair;
  get.json = words.json;
  get.quiet = words.quiet;
  SHOAL_ASSIGN_OR_RETURN(get.serve, Serve(words));
  if (!words.wait.empty()) {
    SHOAL_ASSIGN_OR_RETURN(get.wait, Time("--wait", words.wait));
  }
  SHOAL_ASSIGN_OR_RETURN(get.seed, Seed(words.seed));
  SHOAL_ASSIGN_OR_RETURN(get.limit_down_bytes_per_second, Rate("--limit-down", words.limit_down));
  SHOAL_ASSIGN_OR_RETURN(get.limit_up_bytes_per_second, Rate("--limit-up", words.limit_up));
  SHOAL_ASSIGN_OR_RETURN(get.selection, Selection(words));
  get.sequential = words.sequential;
  SHOAL_ASSIGN_OR_RETURN(get.trust, Trust(words));
  if (get.seed.value_or(absl::ZeroDuration()) > absl::ZeroDuration() && !get.serve.listen.has_value()) {
    return absl::InvalidArgumentError("--seed and --listen=none contradict each other");
  }
  if (get.max_peers == 0) return absl::InvalidArgumentError("--peers-max: at least 1");
  bool need_trackers = false;
  for (const std::string& content : get.contents) {
    SHOAL_RETURN_IF_ERROR(CheckContentWord(content));
    need_trackers = need_trackers || !NamesItsTrackers(content);
  }
  SHOAL_ASSIGN_OR_RETURN(get.trackers, need_trackers ? AtLeastOneTracker(words) : Trackers(words));
  return Command(std::move(get));
}

absl::StatusOr<LinkPolicy> Links(const Words& words) {
  if (words.links == "keep") return LinkPolicy::kKeepInside;
  if (words.links == "follow") return LinkPolicy::kFollow;
  return absl::InvalidArgumentError(absl::StrCat("--links: keep or follow, not '", words.links, "'"));
}

absl::StatusOr<Command> Make(const Words& words) {
  MakeOptions make;
  make.path = words.subject;
  make.output_path = words.output;
  make.json = words.json;
  make.quiet = words.quiet;
  SHOAL_ASSIGN_OR_RETURN(make.trackers, Trackers(words));
  SHOAL_ASSIGN_OR_RETURN(make.links, Links(words));
  make.sign_key = words.sign_key;
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

absl::StatusOr<Command> Save(const Words& words) {
  SaveOptions save;
  save.tracker_token_file = words.tracker_token_file;
  save.content = words.subject;
  save.output_path = words.output;
  save.json = words.json;
  save.quiet = words.quiet;
  SHOAL_RETURN_IF_ERROR(CheckContentWord(save.content));
  if (NamesItsTrackers(save.content)) {
    return absl::InvalidArgumentError(absl::StrCat("'", save.content, "' is a .shoal file already"));
  }
  SHOAL_ASSIGN_OR_RETURN(save.trackers, AtLeastOneTracker(words));
  SHOAL_ASSIGN_OR_RETURN(save.trust, Trust(words));
  if (!words.wait.empty()) {
    SHOAL_ASSIGN_OR_RETURN(save.wait, Time("--wait", words.wait));
  }
  return Command(std::move(save));
}

absl::StatusOr<Command> SeedPath(const Words& words) {
  SeedOptions seed;
  seed.tracker_token_file = words.tracker_token_file;
  seed.path = words.subject;
  seed.json = words.json;
  seed.quiet = words.quiet;
  SHOAL_ASSIGN_OR_RETURN(seed.trackers, AtLeastOneTracker(words));
  SHOAL_ASSIGN_OR_RETURN(seed.serve, Serve(words));
  SHOAL_ASSIGN_OR_RETURN(seed.links, Links(words));
  seed.sign_key = words.sign_key;
  SHOAL_ASSIGN_OR_RETURN(seed.limit_up_bytes_per_second, Rate("--limit-up", words.limit_up));
  SHOAL_ASSIGN_OR_RETURN(seed.duration, Time("--for", words.serve_for));
  if (!seed.serve.listen.has_value())
    return absl::InvalidArgumentError("--listen=none: seed needs a listener");
  return Command(std::move(seed));
}

absl::StatusOr<Command> Agent(const Words& words) {
  AgentOptions agent;
  agent.tracker_token_file = words.tracker_token_file;
  SHOAL_ASSIGN_OR_RETURN(agent.trackers, Trackers(words));
  if (!words.output.empty()) agent.output_folder = words.output;
  agent.state_folder = words.state;
  agent.unix_socket = words.socket;
  agent.token_file = words.token_file;
  agent.http_names = words.http_names;
  SHOAL_ASSIGN_OR_RETURN(agent.follow, Globs("--follow", words.follow));
  if (!agent.follow.empty() && agent.trackers.empty()) {
    return absl::InvalidArgumentError("--follow: name a tracker with --tracker=HOST:PORT");
  }
  agent.keep_versions = words.keep;
  SHOAL_ASSIGN_OR_RETURN(agent.trust, Trust(words));
  if (words.disk != "none") {
    const absl::StatusOr<uint64_t> bytes = ParseBytes(words.disk);
    if (!bytes.ok()) return About("--disk", bytes.status());
    agent.disk_budget_bytes = *bytes;
  }
  SHOAL_ASSIGN_OR_RETURN(agent.serve, Serve(words));
  SHOAL_ASSIGN_OR_RETURN(agent.serve.http, AddressOrNone("--http", words.agent_http));
  agent.max_peers = words.max_peers;
  SHOAL_ASSIGN_OR_RETURN(agent.limit_down_bytes_per_second, Rate("--limit-down", words.limit_down));
  SHOAL_ASSIGN_OR_RETURN(agent.limit_up_bytes_per_second, Rate("--limit-up", words.limit_up));
  agent.on_complete = words.on_complete;
  agent.log_format = words.log_format;
  return Command(std::move(agent));
}

absl::StatusOr<Command> AgentCommand(const Words& words) {
  using Action = AgentCommandOptions::Action;
  AgentCommandOptions command;
  command.action = words.action;
  command.subjects = words.contents;
  if (words.action == Action::kPriority) command.subjects = {words.subject};
  command.unix_socket = words.socket;
  command.output_folder = words.output;
  command.keep_versions = words.keep;
  SHOAL_ASSIGN_OR_RETURN(command.trust, Trust(words));
  command.sequential = words.sequential;
  command.paused = words.paused;
  command.repair = words.repair;
  command.with_data = words.with_data;
  command.names_only = words.names_only;
  command.json = words.json;
  SHOAL_ASSIGN_OR_RETURN(command.selection, Selection(words));
  if (words.action == Action::kAdd) {
    for (const std::string& content : command.subjects) SHOAL_RETURN_IF_ERROR(CheckContentWord(content));
    SHOAL_ASSIGN_OR_RETURN(command.trackers, Trackers(words));
  }
  if (!words.new_limit_down.empty()) {
    const char* const flag = words.action == Action::kAdd ? "--limit-down" : "--down";
    SHOAL_ASSIGN_OR_RETURN(command.limit_down_bytes_per_second, Rate(flag, words.new_limit_down));
  }
  if (!words.new_limit_up.empty()) {
    const char* const flag = words.action == Action::kAdd ? "--limit-up" : "--up";
    SHOAL_ASSIGN_OR_RETURN(command.limit_up_bytes_per_second, Rate(flag, words.new_limit_up));
  }
  return Command(std::move(command));
}

absl::StatusOr<Command> Token(const Words& words) {
  TokenOptions token;
  token.rights = words.rights;
  token.json = words.json;
  for (const absl::string_view right : absl::StrSplit(words.rights, ',')) {
    if (right != "publish" && right != "fetch" && right != "list" && right != "admin") {
      return absl::InvalidArgumentError(
          absl::StrCat("--rights: '", absl::CHexEscape(right), "' is not publish, fetch, list or admin"));
    }
  }
  SHOAL_ASSIGN_OR_RETURN(token.names, Globs("--names", words.names));
  for (const std::string& name : token.names) {
    // A line of the tracker's file has spaces between globs, and comments.
    if (!std::all_of(name.begin(), name.end(), absl::ascii_isgraph) || absl::StrContains(name, '#')) {
      return absl::InvalidArgumentError(
          absl::StrCat("--names: '", absl::CHexEscape(name),
                       "' has a space, a # or what is not printable ASCII: a ? stands for each"));
    }
  }
  return Command(std::move(token));
}

absl::StatusOr<Command> HealthCheck(const Words& words) {
  if (absl::StrContains(words.health_check, '/'))
    return Command(HealthCheckOptions{absl::StrCat("unix:", words.health_check)});
  if (!words.health_check.empty()) {
    absl::StatusOr<HostPort> address = HostPort::Parse(words.health_check);
    if (!address.ok()) return About("--health-check", address.status());
    return Command(HealthCheckOptions{address->ToString()});
  }
  // Without an address: this machine, at the port that the environment gives to the health service.
  SHOAL_ASSIGN_OR_RETURN(const std::optional<HostPort> service, AddressOrNone("SHOAL_GRPC", words.grpc));
  if (!service.has_value())
    return absl::InvalidArgumentError("--health-check: give an address, or set SHOAL_GRPC");
  return Command(HealthCheckOptions{absl::StrCat("127.0.0.1:", service->port)});
}

}  // namespace

ContentWord Classify(absl::string_view word) {
  if (word.size() > 6 && absl::EndsWith(word, ".shoal")) return ContentWord::kManifestFile;
  return ContentId::FromHex(word).ok() ? ContentWord::kId : ContentWord::kName;
}

absl::StatusOr<Command> Interpret(const Words& words) {
  switch (words.command) {
    case CommandName::kGet:
      return Get(words);
    case CommandName::kList: {
      // Any part of a name is a name, but for those that are no name alone.
      const bool is_dots = words.subject == "." || words.subject == "..";
      if (!words.subject.empty() && !is_dots && !CheckContentName(words.subject).ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("no name can have '", absl::CHexEscape(words.subject), "' in it"));
      }
      SHOAL_ASSIGN_OR_RETURN(std::vector<tracking::TrackerUrl> trackers, AtLeastOneTracker(words));
      return Command(ListOptions{std::move(trackers), words.subject, words.json, nullptr,
                                 words.tracker_token_file, words.names_only});
    }
    case CommandName::kInfo: {
      SHOAL_RETURN_IF_ERROR(CheckContentWord(words.subject));
      SHOAL_ASSIGN_OR_RETURN(std::vector<tracking::TrackerUrl> trackers,
                             NamesItsTrackers(words.subject) ? Trackers(words) : AtLeastOneTracker(words));
      return Command(
          InfoOptions{words.subject, std::move(trackers), words.json, nullptr, words.tracker_token_file});
    }
    case CommandName::kMake:
      return Make(words);
    case CommandName::kSave:
      return Save(words);
    case CommandName::kSeed:
      return SeedPath(words);
    case CommandName::kKey:
      return Command(KeyOptions{words.subject, words.if_missing, words.json});
    case CommandName::kServe:
      return Agent(words);
    case CommandName::kAgent:
      return AgentCommand(words);
    case CommandName::kCerts:
      return Command(CertsOptions{words.subject, words.hosts, words.if_missing, words.json, words.quiet});
    case CommandName::kToken:
      return Token(words);
    case CommandName::kHealthCheck:
      return HealthCheck(words);
  }
  return absl::InternalError("no such command");
}

}  // namespace shoal::leecher
