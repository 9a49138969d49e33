#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "clients/leecher/download/model/download_status.h"

namespace shoal::leecher {

// How a line for people may look. Lines never get wider than `width` columns.
struct LineStyle {
  int width = 79;
  int label_width = 0;   // labels are filled to this, so that several lines stand under each other
  bool unicode = false;  // the terminal shows more than ASCII
  bool color = false;
};

// One download on one line of a terminal: label, percentage, bar, bytes, rate, time left, what goes up,
// peers, failures. What does not fit goes, the least important first; while nothing moves, the reason takes
// the place of rate and time left. `label` is what the download is called (any bytes; escaped here).
std::string ProgressLine(const DownloadStatus& status, absl::string_view label, const LineStyle& style);

// The same as words, of any length, for logs and pipes.
std::string ProgressText(const DownloadStatus& status, absl::string_view label);

// A line for work whose progress is bytes alone (hashing).
struct ByteProgress {
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;
  double rate_bytes_per_second = 0;
  std::optional<absl::Duration> eta;
};
std::string ByteProgressLine(const ByteProgress& progress, absl::string_view label, const LineStyle& style);

// 0 to 100, rounded down: 100 only when all is there.
int Percent(uint64_t done, uint64_t total);
// "1.36/3.12 GiB", or "512 KiB/3.12 GiB" when the units differ.
std::string FormatBytesOf(uint64_t done_bytes, uint64_t total_bytes);
// "16s left"
std::string FormatTimeLeft(absl::Duration eta);

}  // namespace shoal::leecher
