#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "clients/leecher/cli/terminal/event_teller.h"
#include "clients/leecher/download/download.h"
#include "clients/leecher/session/download_record.h"

namespace shoal::leecher {

// One download as `get` looks on: the download itself, what is remembered of it, and the patience with it.
// One thread.
class DownloadView {
 public:
  DownloadView(std::string argument, std::vector<tracking::TrackerUrl> trackers, absl::Duration now);

  void Attach(std::unique_ptr<Download> download) { download_ = std::move(download); }
  Download& download() { return *download_; }
  const DownloadRecord& record() const { return record_; }
  const std::vector<tracking::TrackerUrl>& trackers() const { return trackers_; }

  void Observe(const DownloadEvent& event, absl::Duration now) { record_.Observe(event, now); }
  std::optional<std::string> Tell(const DownloadEvent& event) { return teller_.Tell(event); }

  // `status` says something that no status before it said, so that a line of it is worth printing.
  bool IsNews(const DownloadStatus& status);

  // Stops the download, with UNAVAILABLE as its outcome, when it has been waiting for longer than `patience`
  // without a break.
  void GiveUpAfter(absl::Duration patience, absl::Duration now);

 private:
  const std::vector<tracking::TrackerUrl> trackers_;
  DownloadRecord record_;
  EventTeller teller_;
  std::unique_ptr<Download> download_;
  std::optional<absl::Duration> waiting_since_;
  std::string last_news_;
  bool gave_up_ = false;
};

}  // namespace shoal::leecher
