#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "clients/leecher/download/model/download_status.h"

namespace shoal::leecher {

// The appearance of a line for people. A line is never wider than `width` columns.
struct LineStyle {
  int width = 79;
  int label_width = 0;   // labels are filled to this width, so that several lines align
  bool unicode = false;  // the terminal shows more than ASCII
  bool color = false;
};

// One download on one line of a terminal: label, percentage, bar, bytes, download rate, time left, upload
// rate, peers, failures. Cells that do not fit are left out, the least important first. While nothing moves,
// the reason replaces rate and time left. `label` names the download; it may hold any bytes and is escaped
// here.
std::string ProgressLine(const DownloadStatus& status, absl::string_view label, const LineStyle& style);

// The same facts as a sentence of any length, for logs and pipes.
std::string ProgressText(const DownloadStatus& status, absl::string_view label);

// A line for work that only counts bytes, such as hashing.
struct ByteProgress {
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;
  double rate_bytes_per_second = 0;
  std::optional<absl::Duration> eta;
};
std::string ByteProgressLine(const ByteProgress& progress, absl::string_view label, const LineStyle& style);

// 0 to 100, rounded down: 100 only when `done` has reached `total`.
int Percent(uint64_t done, uint64_t total);
// "1.36/3.12 GiB", or "512 KiB/3.12 GiB" when the units differ.
std::string FormatBytesOf(uint64_t done_bytes, uint64_t total_bytes);
// "16s left"
std::string FormatTimeLeft(absl::Duration eta);

}  // namespace shoal::leecher
