#include "clients/leecher/cli/commands/download_view.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/leecher/session/json_events.h"
#include "shoal/base/units.h"

namespace shoal::leecher {

DownloadView::DownloadView(std::string argument, std::vector<tracking::TrackerUrl> trackers,
                           absl::Duration now)
    : trackers_(trackers), record_(std::move(argument), std::move(trackers), now) {}

void DownloadView::GiveUpAfter(absl::Duration patience, absl::Duration now) {
  if (record_.finished() || gave_up_) return;
  const std::string because = download_->status().waiting_because;
  if (because.empty()) {
    waiting_since_.reset();
    return;
  }
  if (!waiting_since_.has_value()) waiting_since_ = now;
  if (now - *waiting_since_ < patience) return;
  gave_up_ = true;
  record_.GaveUp(
      absl::UnavailableError(absl::StrCat("no byte for ", shoal::FormatDuration(patience), ": ", because)));
  download_->Stop();
}

bool DownloadView::IsNews(const DownloadStatus& status) {
  std::string news = JsonProgress("", status, absl::UnixEpoch());
  if (news == last_news_) return false;
  last_news_ = std::move(news);
  return true;
}

}  // namespace shoal::leecher
