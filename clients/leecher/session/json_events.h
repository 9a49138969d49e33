#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "clients/leecher/download/model/download_event.h"
#include "clients/leecher/download/model/download_status.h"
#include "clients/leecher/session/download_record.h"
#include "clients/leecher/session/exit_code.h"

namespace shoal::leecher {

// The output of `--json`: one object per event, each on one line without its end, ASCII only.
// docs/json_events.md documents the shapes. Fields may be added; existing ones do not change their meaning.
// Pure.
//
// `download` names the download of an event: the argument that asked for it.

// Empty for events that have no shape of their own (DownloadFinished: see JsonFinished).
std::string JsonEvent(const std::string& download, const DownloadEvent& event, absl::Time now);
std::string JsonProgress(const std::string& download, const DownloadStatus& status, absl::Time now);
std::string JsonFinished(const DownloadRecord& record, const DownloadStatus& status, ExitCode exit_code,
                         absl::Time now);

// The serving of this process at one moment.
struct ServingStatus {
  uint16_t port = 0;
  uint32_t contents = 0;
  uint32_t peers = 0;  // connections now
  uint64_t sent_bytes = 0;
  uint64_t sent_chunks = 0;
  double rate_bytes_per_second = 0;
  uint32_t trackers_told = 0;  // those that have accepted everything that is served
  uint32_t trackers = 0;
};
// `over`: the serving has ended.
std::string JsonServing(const ServingStatus& serving, bool over, absl::Time now);

// The listener of `--http`, once it is open.
std::string JsonHttp(uint16_t port, absl::Time now);

// "2023-11-14T22:13:20.123Z"
std::string JsonTime(absl::Time time);

// A failure that belongs to no download, or occurred before one began.
std::string JsonError(const absl::Status& error, ExitCode exit_code, absl::Time now);

}  // namespace shoal::leecher
