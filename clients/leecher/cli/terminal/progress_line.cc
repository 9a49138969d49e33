#include "clients/leecher/cli/terminal/progress_line.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "shoal/base/units.h"

namespace shoal::leecher {
namespace {

using Phase = DownloadStatus::Phase;

constexpr int kMaxLabel = 24;
constexpr int kMinLabel = 8;
constexpr int kMinBar = 6;
constexpr int kMaxBar = 40;

std::string Bar(double fraction, int cells, const LineStyle& style) {
  const int inner = style.unicode ? cells : cells - 2;
  const int filled = std::clamp(static_cast<int>(std::floor(fraction * inner)), 0, inner);
  std::string bar;
  if (!style.unicode) {
    bar.push_back('[');
    for (int i = 0; i < inner; ++i) bar.push_back(i < filled ? '=' : (i == filled ? '>' : ' '));
    bar.push_back(']');
    return bar;
  }
  if (style.color) bar.append("\x1b[36m");
  for (int i = 0; i < filled; ++i) bar.append("\u2501");
  if (style.color) bar.append("\x1b[90m");
  for (int i = filled; i < inner; ++i) bar.append("\u2500");
  if (style.color) bar.append("\x1b[0m");
  return bar;
}

// A cell of the line. When the line is too narrow for all, cells are left out in the order of `keep`, the
// smallest first.
struct Cell {
  std::string text;
  int columns = 0;  // filled to this, from the left
  int keep = 0;

  int width() const { return std::max(columns, DisplayWidth(text)); }
};

// Label, percentage, bar, cells. The label and the bar shrink before a cell is left out.
std::string Compose(absl::string_view label, uint64_t done, uint64_t total, std::vector<Cell> cells,
                    const LineStyle& style) {
  const std::string shown = Printable(label);
  const int wanted_label = std::clamp(std::max(DisplayWidth(shown), style.label_width), 1, kMaxLabel);
  const std::string percent = PadLeft(absl::StrCat(Percent(done, total), "%"), 4);
  const double fraction =
      total == 0 ? 1.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));

  for (;;) {
    int fixed = DisplayWidth(percent) + 1;
    for (const Cell& cell : cells) fixed += cell.width() + 2;
    const int room = style.width - fixed;  // for the label, the bar and the two spaces around the bar
    const bool last = cells.empty();
    if (room < std::min(wanted_label, kMinLabel) + kMinBar + 2 && !last) {
      const auto least = std::min_element(cells.begin(), cells.end(),
                                          [](const Cell& a, const Cell& b) { return a.keep < b.keep; });
      cells.erase(least);
      continue;
    }
    const int bar = std::clamp(room - wanted_label - 1, kMinBar, kMaxBar);
    const int label_columns = std::clamp(room - bar - 1, 1, wanted_label);
    std::string line = absl::StrCat(PadRight(Shorten(shown, label_columns), label_columns), " ", percent);
    if (label_columns + 1 + DisplayWidth(percent) + 1 + bar <= style.width) {
      absl::StrAppend(&line, " ", Bar(fraction, bar, style));
    }
    for (const Cell& cell : cells) absl::StrAppend(&line, "  ", PadLeft(cell.text, cell.columns));
    return line;
  }
}

uint64_t Failures(const DownloadStatus& status) {
  uint64_t failures = 0;
  for (const DownloadStatus::Peer& peer : status.peers) failures += peer.failures;
  return failures;
}

// The present activity while there is nothing to measure yet; empty while bytes are fetched.
std::string Activity(const DownloadStatus& status, absl::string_view ellipsis) {
  if (status.paused) return "paused";
  if (!status.waiting_because.empty()) return absl::StrCat("waiting: ", Printable(status.waiting_because));
  switch (status.phase) {
    case Phase::kFindingContent:
      return absl::StrCat("asking the trackers", ellipsis);
    case Phase::kFindingPeers:
      return absl::StrCat("looking for peers", ellipsis);
    case Phase::kFetchingManifest:
      return absl::StrCat("fetching the manifest", ellipsis);
    case Phase::kFinishing:
      return absl::StrCat("putting it into place", ellipsis);
    case Phase::kFailed:
      return "failed";
    case Phase::kStopped:
      return "stopped";
    case Phase::kFetching:
    case Phase::kDone:
      return "";
  }
  return "";
}

// Empty while nothing is sent.
std::string Upload(const DownloadStatus& status) {
  if (status.phase == Phase::kDone || status.send_rate_bytes_per_second < 1) return "";
  return absl::StrCat("up ", FormatRate(status.send_rate_bytes_per_second));
}

// A line without a bar: the reason needs the room.
std::string WaitingLine(const DownloadStatus& status, absl::string_view label, const std::string& activity,
                        const LineStyle& style) {
  const std::string shown = Printable(label);
  const int columns =
      std::min({kMaxLabel, std::max(DisplayWidth(shown), style.label_width), std::max(1, style.width / 4)});
  const std::string line =
      absl::StrCat(PadRight(Shorten(shown, columns), columns), " ",
                   PadLeft(absl::StrCat(Percent(status.held_bytes, status.wanted_bytes), "%"), 4), "  ",
                   FormatBytesOf(status.held_bytes, status.wanted_bytes), "  ", activity);
  return CutEnd(line, style.width);
}

bool KnowsTotals(const DownloadStatus& status) {
  return status.chunk_count > 0 || status.phase == Phase::kDone;
}

}  // namespace

int Percent(uint64_t done, uint64_t total) {
  if (done >= total) return 100;
  return static_cast<int>(static_cast<double>(done) / static_cast<double>(total) * 100.0);
}

std::string FormatBytesOf(uint64_t done_bytes, uint64_t total_bytes) {
  const std::string done = FormatBytes(done_bytes);
  const std::string total = FormatBytes(total_bytes);
  const std::vector<std::string> done_words = absl::StrSplit(done, ' ');
  const std::vector<std::string> total_words = absl::StrSplit(total, ' ');
  const bool same_unit = done_words.size() == 2 && total_words.size() == 2 && done_words[1] == total_words[1];
  return absl::StrCat(same_unit ? done_words[0] : done, "/", total);
}

std::string FormatTimeLeft(absl::Duration eta) {
  // A forecast has no tenths of a second.
  if (eta < absl::Minutes(1)) return absl::StrCat(std::max<int64_t>(1, absl::ToInt64Seconds(eta)), "s left");
  return absl::StrCat(shoal::FormatDuration(eta), " left");
}

std::string ProgressLine(const DownloadStatus& status, absl::string_view label, const LineStyle& style) {
  const std::string activity = Activity(status, style.unicode ? "\u2026" : "...");
  if (!KnowsTotals(status)) {
    const int label_columns =
        std::min({kMaxLabel, std::max(DisplayWidth(Printable(label)), style.label_width),
                  std::max(1, style.width / 2)});
    return absl::StrCat(PadRight(Shorten(Printable(label), label_columns), label_columns), "  ",
                        CutEnd(activity, style.width - label_columns - 2));
  }

  if (!status.waiting_because.empty() && !status.paused) return WaitingLine(status, label, activity, style);

  std::vector<Cell> cells;
  cells.push_back({FormatBytesOf(status.held_bytes, status.wanted_bytes), 13, 5});
  if (!activity.empty()) {
    cells.push_back({activity, 0, 6});
  } else if (status.phase != Phase::kDone) {
    cells.push_back({FormatRate(status.rate_bytes_per_second), 10, 4});
    cells.push_back({status.eta.has_value() ? FormatTimeLeft(*status.eta) : "", 8, 3});
  }
  if (const std::string upload = Upload(status); !upload.empty()) cells.push_back({upload, 0, 1});
  if (status.phase != Phase::kDone) cells.push_back({Plural(status.connected_peers, "peer"), 7, 2});
  if (const uint64_t failures = Failures(status); failures > 0)
    cells.push_back({Plural(failures, "failure"), 0, 0});
  return Compose(label, status.held_bytes, status.wanted_bytes, std::move(cells), style);
}

std::string ProgressText(const DownloadStatus& status, absl::string_view label) {
  const std::string activity = Activity(status, "");
  if (!KnowsTotals(status)) return absl::StrCat(Printable(label), ": ", activity);
  std::vector<std::string> words = {
      absl::StrCat(Percent(status.held_bytes, status.wanted_bytes), "%"),
      absl::StrCat(FormatBytes(status.held_bytes), " of ", FormatBytes(status.wanted_bytes)),
  };
  if (!activity.empty()) {
    words.push_back(activity);
  } else {
    words.push_back(FormatRate(status.rate_bytes_per_second));
    if (status.eta.has_value()) words.push_back(FormatTimeLeft(*status.eta));
  }
  if (const std::string upload = Upload(status); !upload.empty()) words.push_back(upload);
  words.push_back(Plural(status.connected_peers, "peer"));
  if (const uint64_t failures = Failures(status); failures > 0) words.push_back(Plural(failures, "failure"));
  return absl::StrCat(Printable(label), ": ", absl::StrJoin(words, ", "));
}

std::string ByteProgressLine(const ByteProgress& progress, absl::string_view label, const LineStyle& style) {
  std::vector<Cell> cells;
  cells.push_back({FormatBytesOf(progress.done_bytes, progress.total_bytes), 13, 5});
  cells.push_back({FormatRate(progress.rate_bytes_per_second), 10, 4});
  if (progress.eta.has_value()) cells.push_back({FormatTimeLeft(*progress.eta), 8, 3});
  return Compose(label, progress.done_bytes, progress.total_bytes, std::move(cells), style);
}

}  // namespace shoal::leecher
