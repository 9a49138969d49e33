#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "clients/leecher/download/model/download_status.h"
#include "clients/leecher/session/download_record.h"

namespace shoal::leecher {

// The report on a download that has ended, for people: lines without their ends, escaped for the terminal.
// Tables are at most `width` columns wide; sentences may be longer. All functions are pure.

// Bytes, time, average rate, chunks per peer, failures on the way, and where the content lies.
// Requires: an outcome that is OK.
std::vector<std::string> SummaryLines(const DownloadRecord& record, const DownloadStatus& status, int width);

// The error, as the first line, then the peers, what is kept, and what to do next. `now` is used for the ages
// of the contents when the name is ambiguous. Requires: an outcome that is not OK.
std::vector<std::string> FailureLines(const DownloadRecord& record, const DownloadStatus& status,
                                      absl::Time now, int width);

// The contents that have the same name, what tells them apart, and how to name one of them to `command`
// ("get", "info"). Requires: at least one candidate.
std::vector<std::string> CandidateLines(absl::string_view name, absl::string_view command,
                                        const std::vector<tracking::ContentStatus>& candidates,
                                        absl::Time now, int width);

// The time since `then`, such as "3m" or "4d03h"; "-" when `then` is not known.
std::string FormatAge(absl::Time then, absl::Time now);

}  // namespace shoal::leecher
