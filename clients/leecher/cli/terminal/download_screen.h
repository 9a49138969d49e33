#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/event_text.h"
#include "clients/leecher/session/downloads.h"

namespace shoal::leecher {

// Shows the downloads of a `get` on a console: live lines on a terminal, sentences elsewhere, objects with
// JSON. It does not control them and knows no exit code but the one that it is told.
//
// Thread safety: one thread. `console` must outlive the screen.
class DownloadScreen {
 public:
  // One download at one moment.
  struct Row {
    DownloadKey key;
    const DownloadRecord* record;
    DownloadStatus status;
  };

  explicit DownloadScreen(Console& console) : console_(console) {}

  // Shows the limits of all downloads together; nothing when there are none.
  void ShowLimits(const RateLimits& limits);
  // Shows an event. DownloadFinished is shown by ShowOutcome alone.
  void ShowEvent(DownloadKey key, const DownloadRecord& record, const DownloadEvent& event);
  // Shows how far the downloads are; those that have finished are left out. A terminal is redrawn and JSON is
  // printed at most every 200 ms, a log gets a line per download every 5 s, and the same line again every
  // minute. `now`: any steady origin.
  void ShowProgress(const std::vector<Row>& rows, absl::Duration now);
  // True when ShowProgress would show something at `now`.
  bool IsProgressDue(absl::Duration now) const;
  // Shows the summary, or the error and what to do about it. Requires: record.finished().
  void ShowOutcome(const DownloadRecord& record, const DownloadStatus& status);

 private:
  // True when `status` differs from the one that was printed last for this download.
  bool IsNews(DownloadKey key, const DownloadStatus& status);

  Console& console_;
  std::map<size_t, EventText> sentences_;      // by key
  std::map<size_t, std::string> last_status_;  // by key; as JSON
  struct Line {
    std::string text;
    absl::Duration said;
  };
  std::map<size_t, Line> lines_;  // of a log, the last one; by key
  std::optional<absl::Duration> drawn_;
  std::optional<absl::Duration> last_line_;
};

}  // namespace shoal::leecher
