#include "clients/leecher/agent/offered_manifests.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/status/status.h"

namespace shoal::leecher {

absl::StatusOr<std::shared_ptr<const Manifest>> OfferedManifests::Get(const ContentId& content) {
  const absl::Duration now = options_.clock->Uptime();
  if (const auto known = entries_.find(content); known != entries_.end()) {
    Entry& entry = known->second;
    if (entry.download.has_value() || entry.manifest.ok() || now - entry.asked < kAgainAfter) {
      if (entry.manifest.ok()) entry.asked = now;
      return entry.manifest;
    }
    entries_.erase(known);
  }
  if (entries_.size() >= kMost) {
    const auto oldest = std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
      return std::pair(a.second.download.has_value(), a.second.asked) <
             std::pair(b.second.download.has_value(), b.second.asked);
    });
    if (oldest->second.download.has_value()) {
      return absl::UnavailableError("many manifests are on their way");
    }
    entries_.erase(oldest);
  }
  if (options_.trackers.empty()) return absl::NotFoundError("no tracker is known");
  DownloadOptions options;
  options.content = content;
  options.trackers = options_.trackers;
  options.manifest_only = true;
  options.max_peers = 4;
  // Short, because a person waits. Trackers are asked again when the manifest is.
  options.wait_for_content = absl::ZeroDuration();
  options.wait = kPatience;
  const DownloadKey download = options_.start(content, std::move(options));
  const auto entry = entries_.emplace(content, Entry{download, absl::UnavailableError("on its way"), now});
  return entry.first->second.manifest;
}

void OfferedManifests::Observe(DownloadKey download, const DownloadEvent& event) {
  const auto* const finished = std::get_if<DownloadFinished>(&event);
  if (finished == nullptr) return;
  for (auto& [content, entry] : entries_) {
    if (entry.download != download) continue;
    entry.download.reset();
    entry.asked = options_.clock->Uptime();  // so that the answer lasts, however long it took
    if (finished->manifest != nullptr) {
      entry.manifest = finished->manifest;
    } else if (absl::IsNotFound(finished->outcome)) {
      entry.manifest = finished->outcome;
    } else {
      entry.manifest = absl::UnavailableError(finished->outcome.message());
    }
    options_.remove(download);
    return;
  }
}

}  // namespace shoal::leecher
