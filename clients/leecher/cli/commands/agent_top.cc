#include "clients/leecher/cli/commands/agent_top.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/terminal/progress_line.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"

namespace shoal::leecher {
namespace {

using agent_text::Flag;
using agent_text::List;
using agent_text::Number;
using agent_text::Text;

// How soon a key has an effect while nothing changes.
constexpr absl::Duration kLookEvery = absl::Milliseconds(100);
constexpr size_t kEvents = 5;
constexpr std::array kOrderNames = {"rate", "name", "what is done", "size", "number"};

uint64_t RateSum(const agent_text::Json& download) {
  return Number(download, "receiveRateBytesPerSecond") + Number(download, "sendRateBytesPerSecond");
}

double DoneShare(const agent_text::Json& download) {
  const auto wanted = static_cast<double>(std::max<uint64_t>(1, Number(download, "wantedBytes")));
  return static_cast<double>(Number(download, "heldBytes")) / wanted;
}

}  // namespace

absl::Status AgentTop::Run() {
  interrupts_.Catch();
  KeyReader keys;
  const absl::Status ended = agent_.Watch("{}", kLookEvery, [&](const std::string& text) {
    bool changed = !text.empty();
    if (changed) {
      const Json message = Json::parse(text, nullptr, /*allow_exceptions=*/false);
      if (message.is_discarded()) return false;
      Apply(message);
    }
    for (const Key key : keys.Take()) {
      const absl::Status pressed = Press(key);
      trouble_ = pressed.ok() ? "" : Printable(pressed.message());
      changed = true;
    }
    if (changed) Draw();
    return !over_ && interrupts_.signal() == 0;
  });
  console_.EndDraw(/*keep=*/true);
  return ended;
}

void AgentTop::Apply(const Json& message) {
  if (Flag(message, "snapshot")) downloads_.clear();
  for (const Json& download : List(message, "changed")) downloads_[Number(download, "id")] = download;
  for (const Json& id : List(message, "removed")) downloads_.erase(Number({{"id", id}}, "id"));
  if (message.contains("totals")) totals_ = message["totals"];
  Sort();
}

void AgentTop::Sort() {
  shown_.clear();
  for (const auto& [id, download] : downloads_) shown_.push_back(id);
  // What moves, or is unfinished, or is large, is of the most interest.
  const auto before = [this](const Json& a, const Json& b) {
    switch (order_) {
      case Order::kRate:
        return RateSum(a) > RateSum(b);
      case Order::kName:
        return agent_text::NameOf(a) < agent_text::NameOf(b);
      case Order::kDone:
        return DoneShare(a) < DoneShare(b);
      case Order::kSize:
        return Number(a, "wantedBytes") > Number(b, "wantedBytes");
      case Order::kAdded:
        return false;
    }
    return false;
  };
  std::sort(shown_.begin(), shown_.end(), [&](uint64_t a_id, uint64_t b_id) {
    const Json& a = downloads_.at(a_id);
    const Json& b = downloads_.at(b_id);
    return before(a, b) || (!before(b, a) && a_id < b_id);
  });
  if (chosen_.has_value() && !downloads_.contains(*chosen_)) {
    chosen_.reset();
    inside_ = false;
  }
  if (!chosen_.has_value() && !shown_.empty()) chosen_ = shown_.front();
}

void AgentTop::Move(int by) {
  const auto at = std::find(shown_.begin(), shown_.end(), chosen_.value_or(0));
  if (at == shown_.end()) return;
  const auto to = std::clamp<ptrdiff_t>(at - shown_.begin() + by, 0, std::ssize(shown_) - 1);
  chosen_ = shown_[static_cast<size_t>(to)];
}

const AgentTop::Json* AgentTop::Chosen() const {
  return chosen_.has_value() ? &downloads_.at(*chosen_) : nullptr;
}

absl::Status AgentTop::Press(Key key) {
  if (key.kind == Key::Kind::kUp || key == Key{Key::Kind::kLetter, 'k'}) {
    Move(-1);
  } else if (key.kind == Key::Kind::kDown || key == Key{Key::Kind::kLetter, 'j'}) {
    Move(1);
  } else if (key.kind == Key::Kind::kEnter) {
    inside_ = !inside_ && Chosen() != nullptr;
  } else if (key.letter == 's') {
    order_ = static_cast<Order>((static_cast<int>(order_) + 1) % kOrders);
    Sort();
  } else if (key.letter == 'p' && Chosen() != nullptr) {
    const bool resume = Flag(*Chosen(), "paused") || Text(*Chosen(), "state") == "STATE_FAILED";
    const Json request = {{"ids", {*chosen_}}};
    return agent_.Call(resume ? "Resume" : "Pause", request.dump()).status();
  } else if (key.letter == 'q') {
    over_ = true;
  }
  return absl::OkStatus();
}

void AgentTop::Draw() {
  const int width = console_.style().width;
  const auto most = static_cast<size_t>(std::max(3, console_.max_live_lines()));
  std::vector<std::string> lines;
  if (inside_) {
    absl::StatusOr<std::vector<std::string>> inside = Inside(width);
    if (inside.ok()) {
      lines = *std::move(inside);
    } else {
      trouble_ = Printable(inside.status().message());
    }
  } else {
    lines = Overview(width, most - 1);
  }
  if (lines.size() > most - 1) lines.resize(most - 1);
  const std::string help =
      inside_ ? "Enter: back, p: pause or resume, q: end"
              : absl::StrCat("arrows: choose, Enter: look into it, p: pause or resume, s: sort (now by ",
                             kOrderNames[static_cast<size_t>(order_)], "), q: end");
  lines.push_back(CutEnd(trouble_.empty() ? help : trouble_, width));
  console_.Draw(lines);
}

std::vector<std::string> AgentTop::Overview(int width, size_t most) const {
  std::vector<Json> downloads;
  size_t chosen_row = 0;
  for (const uint64_t id : shown_) {
    if (id == chosen_) chosen_row = downloads.size();
    downloads.push_back(downloads_.at(id));
  }
  std::vector<std::string> lines = {CutEnd(agent_text::SumOf(totals_), width)};
  const std::vector<std::string> table = agent_text::TableOf(downloads).Render(width - 2);
  lines.push_back(absl::StrCat("  ", table.front()));
  // The rows around the chosen one, as far as there is room.
  const size_t room = most > 2 ? most - 2 : 1;
  const size_t first = chosen_row < room ? 0 : chosen_row - room + 1;
  for (size_t row = first; row < std::min(downloads.size(), first + room); ++row) {
    lines.push_back(absl::StrCat(row == chosen_row ? "> " : "  ", table[row + 1]));
  }
  return lines;
}

absl::StatusOr<std::vector<std::string>> AgentTop::Inside(int width) {
  const Json request = {{"id", *chosen_}};
  SHOAL_ASSIGN_OR_RETURN(const std::string response, agent_.Call("Get", request.dump()));
  const Json details = Json::parse(response, nullptr, /*allow_exceptions=*/false);
  if (details.is_discarded()) return absl::InternalError("the agent's response is no JSON");
  const Json download = details.value("download", Json::object());
  std::vector<std::string> lines = {
      CutEnd(absl::StrCat(agent_text::NameOf(download), ": ", agent_text::StateOf(download), ", ",
                          agent_text::DoneOf(download), " of ", FormatBytes(Number(download, "wantedBytes")),
                          ", down ", agent_text::RateOf(Number(download, "receiveRateBytesPerSecond")),
                          ", up ", agent_text::RateOf(Number(download, "sendRateBytesPerSecond"))),
             width),
      CutEnd(Printable(Text(download, "targetPath")), width)};
  for (const std::string& reason : agent_text::ReasonsOf({download})) lines.push_back(CutEnd(reason, width));
  const uint64_t chunk_count = Number(details.value("chunks", Json::object()), "chunkCount");
  for (std::string& line : agent_text::PeerTableOf(List(details, "peers"), chunk_count).Render(width)) {
    lines.push_back(std::move(line));
  }
  const Json& events = List(details, "events");
  for (size_t i = events.size() > kEvents ? events.size() - kEvents : 0; i < events.size(); ++i) {
    lines.push_back(CutEnd(Printable(Text(events[i], "text")), width));
  }
  return lines;
}

}  // namespace shoal::leecher
