#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/leecher/download/model/download_tuning.h"
#include "clients/leecher/download/policy/wanted_files.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/manifest/publisher_signature.h"
#include "shoal/content/publish/chunk_source.h"
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
  // Without `manifest`: only a content that one of these signed is fetched; none: any.
  TrustedKeys trusted;
  // The publisher of the content, if it is known already, as from its .shoal file. Not used for another
  // content that the name means by now.
  std::optional<PublisherSignature> signature;
  std::string output_folder;
  // The path of a content that is a single file, instead of its name in `output_folder`. Empty: none.
  std::string output_file;
  uint16_t listen_port = 0;    // of this process's chunk server; 0: it has none
  uint32_t max_peers = 32;     // concurrent connections
  bool manifest_only = false;  // end with OK once the manifest is there; no file is made
  bool verify_all = false;     // verify every chunk that an earlier run left
  bool repair = false;         // use and replace a target with other bytes
  bool sequential = false;     // fetch chunks in order, for a reader that follows the download
  // What it receives of all peers together, below the limit that it shares with other downloads.
  uint64_t limit_down_bytes_per_second = net::RateLimit::kUnlimited;
  // What it sends to the peers that it connects to, below the limit that it shares with other downloads. It
  // may be shared with what serves the same content to other peers. Null: none.
  std::shared_ptr<net::RateLimit> limit_up;
  SelectionRules selection;  // which files, and which first

  // How long the download may go without receiving a byte before it fails. Zero: it fails as soon as nothing
  // can be received; absl::InfiniteDuration(): never. A tracker that started a moment ago and does not know
  // the content yet is waited for as well.
  absl::Duration wait = absl::Minutes(1);
  // How long it waits at its start for a content that no tracker knows, or for a tracker that responds.
  absl::Duration wait_for_content = absl::Seconds(10);

  // The callbacks are called on the download's loop and must not block. Each may be empty.

  // The store is open: what it holds, to be served to others. Called before each DownloadStarted.
  // `signature`: who published it, if that is known.
  std::function<void(std::shared_ptr<const ChunkSource> source,
                     const std::optional<PublisherSignature>& signature)>
      on_opened;
  // What on_opened received is about to be removed from the disk. Called after ContentReplaced.
  std::function<void(const std::shared_ptr<const ChunkSource>& source)> on_discarded;
  // Chunks that source() holds from now on, so that a chunk server can announce them. Called often.
  std::function<void(const ContentId& content, const std::vector<ChunkIndex>& gained)> on_gained;
  // A peer misbehaved: it sent bytes that are not the content's (kLying, reported once), or it was
  // unreachable or froze several times without a valid chunk in between (kDead, reported once until it sends
  // one).
  std::function<void(const ContentId& content, const PeerId& peer, tracking::PeerReport::Reason reason)>
      on_bad_peer;
  // A peer requested a chunk of source(), which failed to read it.
  std::function<void(const ContentId& content, const absl::Status& why)> on_source_failure;
  // Returns what the chunk server that serves source() has sent of the content so far. Called often.
  std::function<stream::ContentTotals(const ContentId& content)> uploads;
  DownloadTuning tuning;
};

}  // namespace shoal::leecher
