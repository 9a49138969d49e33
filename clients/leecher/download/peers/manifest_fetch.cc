#include "clients/leecher/download/peers/manifest_fetch.h"

#include <algorithm>
#include <utility>

namespace shoal::leecher {
namespace {

// A manifest that arrives slower than this is requested from another peer.
constexpr double kSlowestBytesPerSecond = 128 * 1024;

}  // namespace

void ManifestFetch::Ask(absl::Duration now) {
  const std::vector<PeerLink*> ready = roster_.ready();
  for (PeerLink* link : ready) {
    if (!link->manifest_asked_at().has_value()) continue;
    if (now - *link->manifest_asked_at() <= Patience(*link)) return;
    roster_.End(*link, PeerRoster::Ending::kFrozen, "it was asked for the manifest, and nothing came", now);
  }
  for (PeerLink* link : roster_.ready()) {
    const uint32_t size = link->hello().manifest_bytes;
    if (size == 0 || size > kMaxManifestBytes) continue;
    link->AskManifest(now);
    return;
  }
}

bool ManifestFetch::waiting() const {
  return std::any_of(roster_.ready().begin(), roster_.ready().end(),
                     [](PeerLink* link) { return link->manifest_asked_at().has_value(); });
}

absl::StatusOr<std::shared_ptr<const Manifest>> ManifestFetch::Take(PeerLink& link, const ContentId& content,
                                                                    const std::string& canonical,
                                                                    absl::Duration now) {
  absl::StatusOr<Manifest> manifest = Manifest::DecodeAs(content, AsBytes(canonical));
  if (absl::IsPermissionDenied(manifest.status())) {
    roster_.End(link, PeerRoster::Ending::kForGood, "it sent a manifest that is not the content's", now);
  }
  if (!manifest.ok()) return manifest.status();
  return std::make_shared<const Manifest>(*std::move(manifest));
}

absl::Duration ManifestFetch::Patience(const PeerLink& link) const {
  return tuning_.first_silence + absl::Seconds(link.hello().manifest_bytes / kSlowestBytesPerSecond);
}

}  // namespace shoal::leecher
