#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "clients/leecher/cli/commands/arguments.h"
#include "clients/leecher/download/model/download_options.h"

namespace shoal::leecher {

// What to download for one of the words of `get`: reads a .shoal file, and asks the trackers what the
// beginning of an id stands for. All but who this process is. Errors: those of ManifestFile::Read;
// INVALID_ARGUMENT (a file that names no tracker, and none was given); FAILED_PRECONDITION (the beginning of
// several ids).
absl::StatusOr<DownloadOptions> MakeGetRequest(const std::string& content, const GetOptions& options);

}  // namespace shoal::leecher
