#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "clients/leecher/download/model/download_status.h"
#include "clients/leecher/session/download_record.h"

namespace shoal::leecher {

// What a person reads when a download is over, as lines without their ends; escaped. Pure.

// Where it lies, bytes, time, average rate, chunks per peer, and what went wrong on the way. For an outcome
// that is OK.
std::vector<std::string> SummaryLines(const DownloadRecord& record, const DownloadStatus& status, int width);

// What went wrong, and what can be done about it. For an outcome that is not OK. The first line is the error
// itself; `now` dates the contents of an ambiguous name.
std::vector<std::string> FailureLines(const DownloadRecord& record, const DownloadStatus& status,
                                      absl::Time now, int width);

// A name that several contents have: what tells them apart, and how to name one of them to `command` ("get",
// "info").
std::vector<std::string> CandidateLines(absl::string_view name, absl::string_view command,
                                        const std::vector<tracking::ContentStatus>& candidates,
                                        absl::Time now, int width);

// "3m", "4d03h": the time since `then`; "-" when it is not known.
std::string FormatAge(absl::Time then, absl::Time now);

}  // namespace shoal::leecher
