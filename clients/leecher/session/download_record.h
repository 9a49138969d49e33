#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/leecher/download/model/download_event.h"
#include "clients/leecher/download/model/download_status.h"

namespace shoal::leecher {

// The history of one download, for messages, the summary and the exit code. Plain values, updated with each
// event in order and with the time at which it was seen (any steady origin). Thread safety: one thread.
class DownloadRecord {
 public:
  // `argument`: what the person typed. `trackers`: those of the download.
  DownloadRecord(std::string argument, std::vector<tracking::TrackerUrl> trackers, absl::Duration started);

  void Observe(const DownloadEvent& event, absl::Duration now);

  const std::string& argument() const { return argument_; }
  // The content's name when it is known, the argument until then.
  const std::string& label() const { return label_; }
  bool finished() const { return finished_; }
  bool has_started() const { return has_started_; }  // the manifest is there
  const absl::Status& outcome() const { return outcome_; }
  const std::string& target_path() const { return target_path_; }
  const std::vector<tracking::ContentStatus>& candidates() const { return candidates_; }
  absl::Duration took() const { return ended_ - started_; }

  struct Outage {
    tracking::TrackerUrl tracker;
    uint32_t times = 0;
    absl::Duration away;  // in all, until the end
    bool away_now = false;
    absl::Duration since;  // when away_now
    std::string why;       // the latest reason
  };
  // Only trackers that were away at least once, in the order of the first time.
  const std::vector<Outage>& outages() const { return outages_; }
  // At least one of the trackers was not away to the end.
  bool tracker_answered() const;

 private:
  void ObserveTracker(const TrackerChanged& change, absl::Duration now);

  const std::string argument_;
  const std::vector<tracking::TrackerUrl> trackers_;
  const absl::Duration started_;
  absl::Duration ended_;
  std::string label_;
  std::string target_path_;
  bool has_started_ = false;
  bool finished_ = false;
  absl::Status outcome_;
  std::vector<tracking::ContentStatus> candidates_;
  std::vector<Outage> outages_;
};

// The bytes that this run fetched.
uint64_t FetchedBytes(const DownloadStatus& status);
// Bytes per second over the time that the download took.
double AverageRate(uint64_t bytes, const DownloadRecord& record);

}  // namespace shoal::leecher
