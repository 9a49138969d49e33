#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/leecher/download/model/download_event.h"
#include "clients/leecher/download/model/download_options.h"
#include "clients/leecher/session/downloads.h"
#include "shoal/base/clock.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/tracking/client/tracker_url.h"

namespace shoal::leecher {

// The manifests of contents that trackers offer and the agent does not have, so that a viewer sees the files
// before it fetches them. Each is fetched from a peer by a download that ends with it; those that were asked
// for last are remembered.
//
// Thread safety: one thread at a time.
class OfferedManifests {
 public:
  static constexpr size_t kMost = 16;
  // A failure is the answer for this long; then the next call tries again.
  static constexpr absl::Duration kAgainAfter = absl::Seconds(5);
  // How long peers may be silent, and a tracker that started a moment ago may not know the content.
  static constexpr absl::Duration kPatience = absl::Seconds(10);

  struct Options {
    std::vector<tracking::TrackerUrl> trackers;
    // Starts a download, whose events go to Observe; ends and forgets it. Both as in Downloads.
    std::function<DownloadKey(const ContentId& content, DownloadOptions options)> start;
    std::function<void(DownloadKey download)> remove;
    const Clock* clock = &Clock::Real();
  };

  explicit OfferedManifests(Options options) : options_(std::move(options)) {}
  OfferedManifests(const OfferedManifests&) = delete;
  OfferedManifests& operator=(const OfferedManifests&) = delete;

  // Does not block. Errors: UNAVAILABLE while the manifest is being fetched, while kMost others are, or for
  // kAgainAfter after a fetch failed; NOT_FOUND if no tracker knows the content, or no tracker is configured.
  absl::StatusOr<std::shared_ptr<const Manifest>> Get(const ContentId& content);
  // An event of a download; ignored unless `start` returned that.
  void Observe(DownloadKey download, const DownloadEvent& event);

 private:
  struct Entry {
    std::optional<DownloadKey> download;  // while it is fetched
    absl::StatusOr<std::shared_ptr<const Manifest>> manifest;
    absl::Duration asked;  // uptime of the latest call, or of the end of the fetch
  };

  const Options options_;
  std::map<ContentId, Entry> entries_;
};

}  // namespace shoal::leecher
