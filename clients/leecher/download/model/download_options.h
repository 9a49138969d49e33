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

// The rate limits of a process: its downloads share one pair, and its chunk server has the same `up`. Null: no
// limit, and none can be set later.
struct RateLimits {
  std::shared_ptr<net::RateLimit> down;
  std::shared_ptr<net::RateLimit> up;
};

// What to fetch, from whom, to where.
struct DownloadOptions {
  // Name or id to be looked up, or a manifest that is already there (from a .shoal file).
  tracking::ContentKey content;
  std::shared_ptr<const Manifest> manifest;    // null: fetched from the first peer that gives the right one
  std::vector<tracking::TrackerUrl> trackers;  // at least one
  std::string output_folder;
  uint16_t listen_port = 0;  // where this process serves chunks; 0: nowhere
  uint32_t max_peers = 32;   // connections at a time
  bool verify_all = false;   // check what an earlier run left, chunk by chunk
  bool sequential = false;   // chunks in their order, for whatever reads along
  SelectionRules selection;  // which files, and which first

  // Chunks that can be served from now on (source() holds them), so that a chunk server can announce them.
  // Told from the download's loop, often; must not block. May be empty.
  std::function<void(const ContentId& content, const std::vector<ChunkIndex>& gained)> on_gained;
  // A peer was no good: it sent bytes that are not the content's (kLying, once), or could not be reached or
  // froze several times without a good chunk in between (kDead, once until it brings one). Told from the
  // download's loop; must not block. May be empty.
  std::function<void(const ContentId& content, const PeerId& peer, tracking::PeerReport::Reason reason)>
      on_bad_peer;
  // What was sent of the content so far, by the chunk server that serves source(). Asked from the download's
  // loop, often; must not block. May be empty.
  std::function<stream::ContentTotals(const ContentId& content)> uploads;
  DownloadTuning tuning;
};

}  // namespace shoal::leecher
