#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/leecher/download/peers/peer_roster.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal::leecher {

// Gets the manifest from one ready peer, then from another when that one is silent, gone or lying. On the
// download's loop.
class ManifestFetch {
 public:
  ManifestFetch(PeerRoster& roster, const DownloadTuning& tuning) : roster_(roster), tuning_(tuning) {}

  // Asks somebody, unless somebody is being waited for. Ends links whose peers were asked and kept silent.
  void Ask(absl::Duration now);
  // Somebody was asked and can still answer.
  bool waiting() const;
  // A manifest came over `link`: checked against `content`, or the link's peer is condemned.
  absl::StatusOr<std::shared_ptr<const Manifest>> Take(PeerLink& link, const ContentId& content,
                                                       const std::string& canonical, absl::Duration now);

 private:
  absl::Duration Patience(const PeerLink& link) const;

  PeerRoster& roster_;
  const DownloadTuning& tuning_;
};

}  // namespace shoal::leecher
