#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/leecher/download/peers/peer_roster.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal::leecher {

// Fetches the manifest from one ready peer, then from another if that one is silent, lost or lying. Used on
// the download's loop.
class ManifestFetch {
 public:
  ManifestFetch(PeerRoster& roster, const DownloadTuning& tuning) : roster_(roster), tuning_(tuning) {}

  // Requests the manifest from a peer, unless a request is outstanding. Ends links whose peers did not
  // respond in time.
  void Ask(absl::Duration now);
  // Returns whether a request is outstanding.
  bool waiting() const;
  // Verifies a manifest that arrived over `link` against `content`; if it does not match, the link's peer is
  // dropped for good. Errors: PERMISSION_DENIED: not the content's; another peer may have it. UNIMPLEMENTED
  // and others of Manifest::Decode: it is the content's, and can't be used here, from whichever peer.
  absl::StatusOr<std::shared_ptr<const Manifest>> Take(PeerLink& link, const ContentId& content,
                                                       const std::string& canonical, absl::Duration now);

 private:
  absl::Duration Patience(const PeerLink& link) const;

  PeerRoster& roster_;
  const DownloadTuning& tuning_;
};

}  // namespace shoal::leecher
