#include "clients/leecher/cli/terminal/download_screen.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/terminal/progress_line.h"
#include "clients/leecher/cli/terminal/summary.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "clients/leecher/session/json_events.h"
#include "shoal/base/clock.h"
#include "shoal/base/units.h"

namespace shoal::leecher {
namespace {

constexpr absl::Duration kRedrawInterval = absl::Milliseconds(200);
constexpr absl::Duration kLineInterval = absl::Seconds(5);
constexpr absl::Duration kSameLineInterval = absl::Minutes(1);

std::string LimitText(const net::RateLimit& limit) {
  return limit.limited() ? FormatRate(static_cast<double>(limit.bytes_per_second())) : "none";
}

}  // namespace

void DownloadScreen::ShowLimits(const RateLimits& limits) {
  if (!limits.down->limited() && !limits.up->limited()) return;
  console_.Say(absl::StrCat("limits: down ", LimitText(*limits.down), ", up ", LimitText(*limits.up)));
}

void DownloadScreen::ShowEvent(DownloadKey key, const DownloadRecord& record, const DownloadEvent& event) {
  if (std::holds_alternative<DownloadFinished>(event)) return;
  console_.Object(JsonEvent(record.argument(), event, Clock::Real().Now()));
  // The live line has the reason for waiting.
  const bool in_live_line = console_.live() && std::holds_alternative<Waiting>(event);
  const std::optional<std::string> sentence = sentences_[key.value()].Describe(event);
  if (sentence.has_value() && !in_live_line) {
    console_.Say(absl::StrCat(Printable(record.label()), ": ", *sentence));
  }
}

bool DownloadScreen::IsProgressDue(absl::Duration now) const {
  return !drawn_.has_value() || now - *drawn_ >= kRedrawInterval;
}

bool DownloadScreen::IsNews(DownloadKey key, const DownloadStatus& status) {
  std::string json = JsonProgress("", status, absl::UnixEpoch());
  std::string& last = last_status_[key.value()];
  if (json == last) return false;
  last = std::move(json);
  return true;
}

void DownloadScreen::ShowProgress(const std::vector<Row>& rows, absl::Duration now) {
  if (!IsProgressDue(now)) return;
  drawn_ = now;
  if (!last_line_.has_value()) last_line_ = now;  // the first line comes after an interval
  const bool line_is_due = now - *last_line_ >= kLineInterval;
  if (line_is_due) last_line_ = now;

  LineStyle style = console_.style();
  for (const Row& row : rows) {
    style.label_width = std::max(style.label_width, DisplayWidth(Printable(row.record->label())));
  }
  std::vector<std::string> lines;
  for (const Row& row : rows) {
    const DownloadRecord& record = *row.record;
    if (record.finished()) continue;
    if (console_.live()) {
      lines.push_back(ProgressLine(row.status, record.label(), style));
    } else if (console_.json()) {
      if (IsNews(row.key, row.status)) {
        console_.Object(JsonProgress(record.argument(), row.status, Clock::Real().Now()));
      }
    } else if (line_is_due) {
      std::string text = ProgressText(row.status, record.label());
      Line& last = lines_[row.key.value()];
      if (text == last.text && now - last.said < kSameLineInterval) continue;
      console_.Say(text);
      last = {std::move(text), now};
    }
  }
  const auto room = static_cast<size_t>(console_.max_live_lines());
  if (lines.size() > room) {
    const size_t hidden = lines.size() - room + 1;
    lines.resize(room - 1);
    lines.push_back(absl::StrCat("and ", hidden, " more"));
  }
  if (!lines.empty()) console_.Draw(lines);
}

void DownloadScreen::ShowOutcome(const DownloadRecord& record, const DownloadStatus& status) {
  const LineStyle style = console_.style();
  if (!record.outcome().ok()) {
    for (const std::string& line : FailureLines(record, status, Clock::Real().Now(), style.width)) {
      console_.Error(line);
    }
    return;
  }
  if (console_.live()) console_.Say(ProgressLine(status, record.label(), style));
  bool first = true;
  for (const std::string& line : SummaryLines(record, status, style.width)) {
    if (first) {
      console_.Headline(line);
    } else {
      console_.Say(line);
    }
    first = false;
  }
}

}  // namespace shoal::leecher
