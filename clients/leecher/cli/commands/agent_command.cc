#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/leecher/agent/api/grpc_agent.h"
#include "clients/leecher/cli/commands/agent_place.h"
#include "clients/leecher/cli/commands/agent_text.h"
#include "clients/leecher/cli/commands/agent_top.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/commands/connecting.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/progress_line.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/content/manifest/id_prefix.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal::leecher {
namespace {

using agent_text::Flag;
using agent_text::Json;
using agent_text::LimitOf;
using agent_text::List;
using agent_text::NameOf;
using agent_text::Number;
using agent_text::ReasonsOf;
using agent_text::SumOf;
using agent_text::TableOf;
using agent_text::Text;
using Action = AgentCommandOptions::Action;

constexpr absl::Duration kCallTimeout = absl::Seconds(30);

// One command, from its options to its exit code.
class AgentCommand {
 public:
  AgentCommand(const AgentCommandOptions& options, Interrupts& interrupts)
      : options_(options),
        interrupts_(interrupts),
        console_(Console::VoiceFor(options.json && !options.names_only, /*quiet=*/false)),
        agent_(ConnectToAgent(options.unix_socket.empty() ? DefaultAgentSocket() : options.unix_socket,
                              kCallTimeout)) {}

  ExitCode Run() {
    const absl::Status done = Do();
    if (!done.ok()) return console_.Fail(done, CodeOf(done));
    return console_.End(ExitCode::kOk, /*text_is_the_result=*/true);
  }

 private:
  static ExitCode CodeOf(const absl::Status& error) {
    if (CauseOf(error) != ErrorCause::kNone) return ExitCodeFor(error);
    if (absl::IsInvalidArgument(error)) return ExitCode::kUsage;
    // Of the agent's API: a .shoal file that no trusted publisher signed.
    if (absl::IsPermissionDenied(error)) return ExitCode::kUntrusted;
    if (absl::IsUnauthenticated(error)) return ExitCode::kNotPermitted;
    return ExitCode::kOther;
  }

  absl::Status Do() {
    switch (options_.action) {
      case Action::kStatus:
        return ShowStatus();
      case Action::kAdd:
        return Add();
      case Action::kPause:
        return ForDownloads("Pause", Json::object(), "paused");
      case Action::kResume:
        return ForDownloads("Resume", Json::object(), "resumed");
      case Action::kRemove:
        return ForDownloads("Remove", {{"withData", options_.with_data}},
                            options_.with_data ? "removed, with its files" : "removed; its files stay");
      case Action::kVerify:
        return ForDownloads("Verify", Json::object(), "is read and checked; see `status`");
      case Action::kPin:
        return ForDownloads("Pin", {{"pinned", true}}, "pinned");
      case Action::kUnpin:
        return ForDownloads("Pin", {{"pinned", false}}, "not pinned any more");
      case Action::kPriority:
        return SetPriority();
      case Action::kLimit:
        return SetLimits();
      case Action::kFollow:
        return Follow();
      case Action::kUnfollow:
        return Unfollow();
      case Action::kTop:
        // Without a terminal: once.
        return console_.live() ? AgentTop(*agent_, console_, interrupts_).Run() : ShowStatus();
    }
    return absl::InternalError("no such command");
  }

  absl::StatusOr<Json> Call(const std::string& method, const Json& request) {
    SHOAL_ASSIGN_OR_RETURN(
        const std::string response,
        agent_->Call(method, request.dump(-1, ' ', false, Json::error_handler_t::replace)));
    Json json = Json::parse(response, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) return absl::InternalError("the agent's response is no JSON");
    return json;
  }

  // The downloads that a word of the command line means: a number, or else a name, or else an id (8 digits
  // or more of one).
  static std::vector<Json> Find(const Json& list, const std::string& word) {
    const std::string digits = absl::AsciiStrToLower(word);
    const bool may_be_id = ContentId::FromHex(word).ok() || IdPrefix::Parse(word).has_value();
    std::vector<Json> named;
    std::vector<Json> of_id;
    for (const Json& download : List(list, "downloads")) {
      if (absl::StrCat(Number(download, "id")) == word) return {download};
      if (Text(download, "name") == word || Text(download, "wanted") == word) {
        named.push_back(download);
      } else if (may_be_id && absl::StartsWith(Text(download, "contentHex"), digits)) {
        of_id.push_back(download);
      }
    }
    return named.empty() ? of_id : named;
  }

  absl::StatusOr<std::vector<Json>> Chosen() {
    SHOAL_ASSIGN_OR_RETURN(const Json list, Call("List", Json::object()));
    std::vector<Json> chosen;
    for (const std::string& word : options_.subjects) {
      const std::vector<Json> found = Find(list, word);
      if (found.empty()) {
        return WithCause(
            absl::NotFoundError(absl::StrCat("the agent has no download '", word, "'; see `status`")),
            ErrorCause::kUnknownContent);
      }
      if (found.size() > 1) {
        const std::string numbers = absl::StrJoin(found, ", ", [](std::string* out, const Json& each) {
          absl::StrAppend(out, Number(each, "id"));
        });
        return WithCause(
            absl::FailedPreconditionError(absl::StrCat(found.size(), " downloads are called '", word,
                                                       "'; name one by its number: ", numbers)),
            ErrorCause::kAmbiguousName);
      }
      const bool is_new = std::none_of(chosen.begin(), chosen.end(), [&](const Json& other) {
        return Number(other, "id") == Number(found.front(), "id");
      });
      if (is_new) chosen.push_back(found.front());
    }
    return chosen;
  }

  // Prints the downloads as they are now, for programs.
  absl::Status PrintAgain(const std::vector<Json>& chosen) {
    if (!console_.json()) return absl::OkStatus();
    SHOAL_ASSIGN_OR_RETURN(const Json list, Call("List", Json::object()));
    Json now = Json::array();
    for (const Json& download : List(list, "downloads")) {
      const bool is_chosen = std::any_of(chosen.begin(), chosen.end(), [&](const Json& one) {
        return Number(one, "id") == Number(download, "id");
      });
      if (is_chosen) now.push_back(download);
    }
    console_.Object(Json{{"downloads", now}}.dump());
    return absl::OkStatus();
  }

  absl::Status ForDownloads(const std::string& method, Json request, const std::string& what) {
    SHOAL_ASSIGN_OR_RETURN(const std::vector<Json> chosen, Chosen());
    request["ids"] = Json::array();
    for (const Json& download : chosen) request["ids"].push_back(Number(download, "id"));
    SHOAL_RETURN_IF_ERROR(Call(method, request).status());
    for (const Json& download : chosen) console_.Say(absl::StrCat(NameOf(download), ": ", what));
    return PrintAgain(chosen);
  }

  absl::Status ShowStatus() {
    SHOAL_ASSIGN_OR_RETURN(Json list, Call("List", Json::object()));
    std::vector<Json> downloads(List(list, "downloads").begin(), List(list, "downloads").end());
    if (!options_.subjects.empty()) {
      SHOAL_ASSIGN_OR_RETURN(downloads, Chosen());
      list["downloads"] = downloads;
    }
    console_.Object(list.dump());
    if (options_.names_only) {
      for (const Json& download : downloads) console_.Say(NameOf(download));
      return absl::OkStatus();
    }
    if (downloads.empty()) {
      console_.Say("the agent has no download; `add NAME` adds one");
    } else {
      bool title = true;
      for (const std::string& line :
           TableOf(downloads).Render(console_.live() ? console_.style().width : 0)) {
        if (std::exchange(title, false)) {
          console_.Headline(line);
        } else {
          console_.Say(line);
        }
      }
    }
    for (const std::string& reason : ReasonsOf(downloads)) console_.Say(reason);
    if (options_.subjects.empty() && list.contains("totals")) console_.Say(SumOf(list["totals"]));
    return absl::OkStatus();
  }

  absl::Status Add() {
    for (const std::string& content : options_.subjects) {
      Json request = Json::object();
      switch (Classify(content)) {
        case ContentWord::kManifestFile: {
          SHOAL_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(content, kMaxManifestBytes + (1 << 20)));
          request["manifestFile"] = absl::Base64Escape(bytes);
          break;
        }
        case ContentWord::kId:
          request["contentHex"] = content;
          break;
        case ContentWord::kName:
          request["name"] = content;
          break;
      }
      for (const tracking::TrackerUrl& tracker : options_.trackers) {
        request["trackers"].push_back(tracker.ToString());
      }
      if (!options_.output_folder.empty()) request["outputFolder"] = Absolute(options_.output_folder);
      for (const std::string& glob : options_.selection.include) request["include"].push_back(glob);
      for (const std::string& glob : options_.selection.exclude) request["exclude"].push_back(glob);
      if (!options_.selection.priorities.empty()) request["priorities"] = Priorities();
      request["sequential"] = options_.sequential;
      if (options_.limit_down_bytes_per_second.has_value()) {
        request["receiveLimitBytesPerSecond"] = ToJson(*options_.limit_down_bytes_per_second);
      }
      if (options_.limit_up_bytes_per_second.has_value()) {
        request["sendLimitBytesPerSecond"] = ToJson(*options_.limit_up_bytes_per_second);
      }
      request["paused"] = options_.paused;
      request["repair"] = options_.repair;
      SHOAL_ASSIGN_OR_RETURN(const Json response, Call("Add", request));
      console_.Object(response.dump());
      const Json download = response.value("download", Json::object());
      console_.Say(absl::StrCat(NameOf(download),
                                Flag(response, "existed") ? " is there already, as " : " is added, as ",
                                Number(download, "id")));
    }
    return absl::OkStatus();
  }

  static std::string Absolute(const std::string& path) {
    std::error_code error;
    return std::filesystem::absolute(path, error).lexically_normal().string();
  }

  Json Priorities() const {
    static const std::map<FilePriority, const char*> names = {{FilePriority::kSkip, "FILE_PRIORITY_SKIP"},
                                                              {FilePriority::kLow, "FILE_PRIORITY_LOW"},
                                                              {FilePriority::kNormal, "FILE_PRIORITY_NORMAL"},
                                                              {FilePriority::kHigh, "FILE_PRIORITY_HIGH"}};
    Json rules = Json::array();
    for (const SelectionRules::Priority& rule : options_.selection.priorities) {
      rules.push_back({{"glob", rule.glob}, {"priority", names.at(rule.priority)}});
    }
    return rules;
  }

  absl::Status SetPriority() {
    SHOAL_ASSIGN_OR_RETURN(const std::vector<Json> chosen, Chosen());
    for (const Json& download : chosen) {
      SHOAL_RETURN_IF_ERROR(
          Call("SetFilePriority", {{"id", Number(download, "id")}, {"rules", Priorities()}}).status());
      console_.Say(absl::StrCat(NameOf(download), ": set"));
    }
    return PrintAgain(chosen);
  }

  // The value of a limit in a request.
  static uint64_t ToJson(uint64_t limit) { return limit == net::RateLimit::kUnlimited ? 0 : limit; }

  absl::Status SetDownloadLimits() {
    SHOAL_ASSIGN_OR_RETURN(std::vector<Json> chosen, Chosen());
    const auto& down = options_.limit_down_bytes_per_second;
    const auto& up = options_.limit_up_bytes_per_second;
    if (down.has_value() || up.has_value()) {
      for (const Json& download : chosen) {
        // What is not given stays as it is.
        const Json limits = {
            {"receiveBytesPerSecond",
             down.has_value() ? ToJson(*down) : Number(download, "receiveLimitBytesPerSecond")},
            {"sendBytesPerSecond",
             up.has_value() ? ToJson(*up) : Number(download, "sendLimitBytesPerSecond")}};
        SHOAL_RETURN_IF_ERROR(
            Call("SetLimits", {{"limits", limits}, {"ids", {Number(download, "id")}}}).status());
      }
      SHOAL_ASSIGN_OR_RETURN(chosen, Chosen());
    }
    console_.Object(Json{{"downloads", chosen}}.dump());
    for (const Json& download : chosen) {
      console_.Say(absl::StrCat(NameOf(download), ": down ",
                                LimitOf(Number(download, "receiveLimitBytesPerSecond")), ", up ",
                                LimitOf(Number(download, "sendLimitBytesPerSecond"))));
    }
    return absl::OkStatus();
  }

  // Of the agent.
  absl::StatusOr<Json> Limits() {
    SHOAL_ASSIGN_OR_RETURN(const Json list, Call("List", Json::object()));
    return list.value("totals", Json::object()).value("limits", Json::object());
  }

  absl::Status SetLimits() {
    if (!options_.subjects.empty()) return SetDownloadLimits();
    SHOAL_ASSIGN_OR_RETURN(Json limits, Limits());
    const auto set = [&](const char* field, const std::optional<uint64_t>& limit) {
      if (limit.has_value()) limits[field] = ToJson(*limit);
    };
    set("receiveBytesPerSecond", options_.limit_down_bytes_per_second);
    set("sendBytesPerSecond", options_.limit_up_bytes_per_second);
    if (options_.limit_down_bytes_per_second.has_value() || options_.limit_up_bytes_per_second.has_value()) {
      SHOAL_RETURN_IF_ERROR(Call("SetLimits", {{"limits", limits}}).status());
      SHOAL_ASSIGN_OR_RETURN(limits, Limits());  // as the agent writes them
    }
    console_.Object(limits.dump());
    console_.Say(absl::StrCat("down ", LimitOf(Number(limits, "receiveBytesPerSecond")), ", up ",
                              LimitOf(Number(limits, "sendBytesPerSecond"))));
    return absl::OkStatus();
  }

  absl::Status Follow() {
    SHOAL_ASSIGN_OR_RETURN(const TrustedKeys trusted, KeysOfTrust(options_.trust));
    for (const std::string& glob : options_.subjects) {
      Json rule = {{"glob", glob}, {"keepVersions", options_.keep_versions}};
      if (!options_.output_folder.empty()) rule["outputFolder"] = Absolute(options_.output_folder);
      for (const PublicKey& key : trusted.keys()) rule["trustedKeys"].push_back(key.ToText());
      SHOAL_RETURN_IF_ERROR(Call("Follow", {{"rule", rule}}).status());
      console_.Say(absl::StrCat("what is published as ", Printable(glob), " is fetched from now on"));
    }
    SHOAL_ASSIGN_OR_RETURN(const Json list, Call("List", Json::object()));
    console_.Object(Json{{"follows", List(list, "follows")}}.dump());
    if (!options_.subjects.empty()) return absl::OkStatus();
    if (List(list, "follows").empty()) console_.Say("nothing is followed; `follow GLOB` does it");
    for (const Json& rule : List(list, "follows")) {
      console_.Say(absl::StrCat(Printable(Text(rule, "glob")), ", ",
                                Plural(Number(rule, "keepVersions"), "version"), ", into ",
                                Printable(Text(rule, "outputFolder"))));
      for (const Json& key : List(rule, "trustedKeys"))
        console_.Say(absl::StrCat("  signed by ", Printable(key.get<std::string>())));
    }
    return absl::OkStatus();
  }

  absl::Status Unfollow() {
    SHOAL_ASSIGN_OR_RETURN(Json list, Call("List", Json::object()));
    std::vector<std::string> known;
    for (const Json& rule : List(list, "follows")) known.push_back(Text(rule, "glob"));
    for (const std::string& glob : options_.subjects) {
      SHOAL_RETURN_IF_ERROR(Call("Unfollow", {{"glob", glob}}).status());
      const bool was_followed = std::find(known.begin(), known.end(), glob) != known.end();
      console_.Say(absl::StrCat(Printable(glob), was_followed ? " is not followed any more"
                                                              : " was not followed; `follow` shows what is"));
    }
    if (console_.json()) {
      SHOAL_ASSIGN_OR_RETURN(list, Call("List", Json::object()));
      console_.Object(Json{{"follows", List(list, "follows")}}.dump());
    }
    return absl::OkStatus();
  }

  const AgentCommandOptions& options_;
  Interrupts& interrupts_;
  Console console_;
  const std::unique_ptr<AgentClient> agent_;
};

}  // namespace

ExitCode RunAgentCommand(const AgentCommandOptions& options, Interrupts& interrupts) {
  return AgentCommand(options, interrupts).Run();
}

}  // namespace shoal::leecher
