#include "clients/leecher/session/download_record.h"

#include <algorithm>
#include <utility>

namespace shoal::leecher {

DownloadRecord::DownloadRecord(std::string argument, std::vector<tracking::TrackerUrl> trackers,
                               absl::Duration started)
    : argument_(std::move(argument)),
      trackers_(std::move(trackers)),
      started_(started),
      ended_(started),
      label_(argument_) {}

void DownloadRecord::Observe(const DownloadEvent& event, absl::Duration now) {
  if (!finished_) ended_ = now;
  if (const auto* started = std::get_if<DownloadStarted>(&event)) {
    has_started_ = true;
    label_ = started->name;
    target_path_ = started->target_path;
  } else if (std::holds_alternative<ContentReplaced>(event)) {
    has_started_ = false;
    target_path_.clear();
  } else if (const auto* tracker = std::get_if<TrackerChanged>(&event)) {
    ObserveTracker(*tracker, now);
  } else if (const auto* finished = std::get_if<DownloadFinished>(&event)) {
    finished_ = true;
    outcome_ = finished->outcome;
    candidates_ = finished->candidates;
    if (!finished->target_path.empty()) target_path_ = finished->target_path;
    for (Outage& outage : outages_) {
      if (outage.away_now) outage.away += now - outage.since;
    }
  }
}

void DownloadRecord::ObserveTracker(const TrackerChanged& change, absl::Duration now) {
  auto outage = std::find_if(outages_.begin(), outages_.end(),
                             [&](const Outage& known) { return known.tracker == change.tracker; });
  if (change.status.ok()) {
    if (outage != outages_.end() && outage->away_now) {
      outage->away_now = false;
      outage->away += now - outage->since;
    }
    return;
  }
  if (outage == outages_.end())
    outage = outages_.insert(outages_.end(), Outage{change.tracker, 0, {}, false, {}, {}});
  outage->why = std::string(change.status.message());
  if (outage->away_now) return;
  outage->away_now = true;
  outage->since = now;
  ++outage->times;
}

bool DownloadRecord::tracker_answered() const {
  return std::any_of(trackers_.begin(), trackers_.end(), [this](const tracking::TrackerUrl& tracker) {
    return std::none_of(outages_.begin(), outages_.end(),
                        [&](const Outage& outage) { return outage.tracker == tracker && outage.away_now; });
  });
}

uint64_t FetchedBytes(const DownloadStatus& status) {
  return status.held_bytes - std::min(status.resumed_bytes, status.held_bytes);
}

double AverageRate(uint64_t bytes, const DownloadRecord& record) {
  const double seconds = absl::ToDoubleSeconds(record.took());
  return seconds > 0 ? static_cast<double>(bytes) / seconds : 0.0;
}

}  // namespace shoal::leecher
