#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "clients/leecher/download/model/download_tuning.h"
#include "clients/leecher/download/policy/wanted_files.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/net/rate_limit.h"
#include "shoal/stream/upload/upload_ledger.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// The rate limits of a process: its downloads share one pair, and its chunk server has the same `up`. Null:
// unlimited, and no limit can be set later.
struct RateLimits {
  std::shared_ptr<net::RateLimit> down;
  std::shared_ptr<net::RateLimit> up;
};

// What one download fetches, from which trackers, into which folder. What all downloads of a process share is
// in DownloadRuntime::Options.
struct DownloadOptions {
  // Name or id to look up, unless `manifest` is set (read from a .shoal file).
  tracking::ContentKey content;
  std::shared_ptr<const Manifest> manifest;    // null: fetched from the first peer that sends a valid one
  std::vector<tracking::TrackerUrl> trackers;  // at least one
  std::string output_folder;
  uint16_t listen_port = 0;  // of this process's chunk server; 0: it has none
  uint32_t max_peers = 32;   // concurrent connections
  bool verify_all = false;   // verify every chunk that an earlier run left
  bool sequential = false;   // fetch chunks in order, for a reader that follows the download
  SelectionRules selection;  // which files, and which first

  // The callbacks are called on the download's loop and must not block. Each may be empty.

  // Chunks that source() holds from now on, so that a chunk server can announce them. Called often.
  std::function<void(const ContentId& content, const std::vector<ChunkIndex>& gained)> on_gained;
  // A peer misbehaved: it sent bytes that are not the content's (kLying, reported once), or it was
  // unreachable or froze several times without a valid chunk in between (kDead, reported once until it sends
  // one).
  std::function<void(const ContentId& content, const PeerId& peer, tracking::PeerReport::Reason reason)>
      on_bad_peer;
  // Returns what the chunk server that serves source() has sent of the content so far. Called often.
  std::function<stream::ContentTotals(const ContentId& content)> uploads;
  DownloadTuning tuning;
};

}  // namespace shoal::leecher
