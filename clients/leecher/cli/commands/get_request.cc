#include "clients/leecher/cli/commands/get_request.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "clients/leecher/cli/commands/content_argument.h"
#include "clients/leecher/cli/commands/tracker_queries.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/manifest_file.h"

namespace shoal::leecher {

absl::StatusOr<DownloadOptions> MakeGetRequest(const std::string& content, const GetOptions& options) {
  DownloadOptions request;
  request.trackers = options.trackers;
  request.output_folder = options.output_folder;
  request.max_peers = options.max_peers;
  request.verify_all = options.verify;
  request.sequential = options.sequential;
  request.selection = options.selection;
  if (Classify(content) != ContentWord::kManifestFile) {
    SHOAL_ASSIGN_OR_RETURN(request.content, KeyFor(content, options.trackers));
    return request;
  }

  SHOAL_ASSIGN_OR_RETURN(ManifestFile file, ManifestFile::Read(content));
  for (const std::string& text : file.trackers) {
    SHOAL_ASSIGN_OR_RETURN(tracking::TrackerUrl tracker, tracking::TrackerUrl::Parse(text));
    if (std::find(request.trackers.begin(), request.trackers.end(), tracker) == request.trackers.end()) {
      request.trackers.push_back(std::move(tracker));
    }
  }
  if (request.trackers.empty()) {
    return absl::InvalidArgumentError("the file names no tracker: give one with --tracker");
  }
  request.content = file.manifest.id();
  request.manifest = std::make_shared<const Manifest>(std::move(file.manifest));
  return request;
}

}  // namespace shoal::leecher
