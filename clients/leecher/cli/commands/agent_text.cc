#include "clients/leecher/cli/commands/agent_text.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/terminal/progress_line.h"
#include "shoal/base/units.h"

namespace shoal::leecher::agent_text {
namespace {

using Align = TextTable::Align;

std::string TimeLeftOf(const Json& download) {
  double seconds = 0;
  const std::string text = Text(download, "timeLeft");
  if (text.empty() || !absl::SimpleAtod(text.substr(0, text.size() - 1), &seconds)) return "-";
  return shoal::FormatDuration(absl::Seconds(seconds));
}

}  // namespace

uint64_t Number(const Json& json, const char* field) {
  const auto found = json.find(field);
  if (found == json.end()) return 0;
  if (found->is_number()) return found->get<uint64_t>();
  uint64_t number = 0;
  return found->is_string() && absl::SimpleAtoi(found->get<std::string>(), &number) ? number : 0;
}
std::string Text(const Json& json, const char* field) {
  const auto found = json.find(field);
  return found == json.end() || !found->is_string() ? "" : found->get<std::string>();
}
bool Flag(const Json& json, const char* field) {
  const auto found = json.find(field);
  return found != json.end() && found->is_boolean() && found->get<bool>();
}
const Json& List(const Json& json, const char* field) {
  static const Json none = Json::array();
  const auto found = json.find(field);
  return found == json.end() ? none : *found;
}

std::string NameOf(const Json& download) {
  const std::string name = Text(download, "name");
  return Printable(name.empty() ? Text(download, "wanted") : name);
}

std::string StateOf(const Json& download) {
  const std::string state = Text(download, "state");
  if (state == "STATE_COMPLETE") return "complete";
  if (state == "STATE_FAILED") return "failed";
  if (Flag(download, "paused")) return "paused";
  if (state == "STATE_VERIFYING") return "verifying";
  if (state == "STATE_FINISHING") return "finishing";
  if (!Text(download, "waitingBecause").empty()) return "waiting";
  return state == "STATE_FETCHING" ? "fetching" : "finding";
}

std::string DoneOf(const Json& download) {
  const uint64_t wanted = Number(download, "wantedBytes");
  if (wanted == 0) return Text(download, "state") == "STATE_COMPLETE" ? "100%" : "-";
  return absl::StrCat(Number(download, "heldBytes") * 100 / wanted, "%");
}

std::string RateOf(uint64_t bytes_per_second) {
  return bytes_per_second == 0 ? "-" : FormatRate(static_cast<double>(bytes_per_second));
}

std::string LimitOf(uint64_t bytes_per_second) {
  return bytes_per_second == 0 ? "none" : FormatRate(static_cast<double>(bytes_per_second));
}

TextTable TableOf(const std::vector<Json>& downloads) {
  TextTable table({{"NR", Align::kRight},
                   {"NAME", Align::kLeft, true},
                   {"STATE", Align::kLeft},
                   {"DONE", Align::kRight},
                   {"SIZE", Align::kRight},
                   {"DOWN", Align::kRight},
                   {"UP", Align::kRight},
                   {"LEFT", Align::kRight},
                   {"PEERS", Align::kRight}});
  for (const Json& download : downloads) {
    const uint64_t size = Number(download, "wantedBytes");
    table.Add({absl::StrCat(Number(download, "id")), NameOf(download), StateOf(download), DoneOf(download),
               size == 0 ? "-" : FormatBytes(size), RateOf(Number(download, "receiveRateBytesPerSecond")),
               RateOf(Number(download, "sendRateBytesPerSecond")), TimeLeftOf(download),
               absl::StrCat(Number(download, "connectedPeers"))});
  }
  return table;
}

std::vector<std::string> ReasonsOf(const std::vector<Json>& downloads) {
  std::vector<std::string> reasons;
  for (const Json& download : downloads) {
    std::string why = Text(download, "waitingBecause");
    if (download.contains("failure")) why = Text(download["failure"], "message");
    if (!why.empty()) reasons.push_back(absl::StrCat(NameOf(download), ": ", Printable(why)));
  }
  return reasons;
}

std::string SumOf(const Json& totals) {
  std::string line = absl::StrCat(
      Plural(Number(totals, "downloads"), "download"), ", ", Number(totals, "active"), " active, down ",
      FormatRate(static_cast<double>(Number(totals, "receiveRateBytesPerSecond"))), ", up ",
      FormatRate(static_cast<double>(Number(totals, "sendRateBytesPerSecond"))), ", ",
      FormatBytes(Number(totals, "diskUsedBytes")), " on the disk");
  const uint64_t budget = Number(totals, "diskBudgetBytes");
  if (budget > 0) absl::StrAppend(&line, " of ", FormatBytes(budget));
  for (const Json& tracker : List(totals, "trackers")) {
    const std::string failure = Text(tracker, "failure");
    if (!failure.empty()) {
      absl::StrAppend(&line, "; tracker ", Printable(Text(tracker, "url")), " does not answer");
    }
  }
  return line;
}

TextTable PeerTableOf(const Json& peers, uint64_t chunk_count) {
  TextTable table({{"PEER", Align::kLeft},
                   {"HAS", Align::kRight},
                   {"DOWN", Align::kRight},
                   {"UP", Align::kRight},
                   {"RECEIVED", Align::kRight},
                   {"FAILURES", Align::kRight},
                   {"DROPPED", Align::kLeft, true}});
  for (const Json& peer : peers) {
    const uint64_t held = Number(peer, "chunksHeld");
    table.Add({Printable(Text(peer, "endpoint")),
               chunk_count == 0 || held == 0 ? "-" : absl::StrCat(held * 100 / chunk_count, "%"),
               RateOf(Number(peer, "receiveRateBytesPerSecond")),
               RateOf(Number(peer, "sendRateBytesPerSecond")), FormatBytes(Number(peer, "receivedBytes")),
               absl::StrCat(Number(peer, "failures")), Printable(Text(peer, "droppedBecause"))});
  }
  return table;
}

}  // namespace shoal::leecher::agent_text
