#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// What happens to a download, for whoever looks on. Values, immutable.

// The manifest is there and the store is open: from now on the totals are known.
struct DownloadStarted {
  ContentId content_id;
  std::string name;
  std::string target_path;
  uint64_t length_bytes = 0;
  uint32_t chunk_count = 0;
  uint32_t files = 0;
  // Of the wanted files alone.
  uint32_t wanted_files = 0;
  uint64_t wanted_bytes = 0;
  uint64_t resumed_bytes = 0;
  // How long the store took to say which chunks are missing.
  absl::Duration opening_took = absl::ZeroDuration();
};

struct PeerConnected {
  PeerId peer;
  Endpoint endpoint;
};

// A connection ended, or could not be made. `for_good`: the peer will not be asked again (it sent wrong
// bytes).
struct PeerLost {
  PeerId peer;
  Endpoint endpoint;
  std::string why;
  bool for_good = false;
};

// A chunk came that is not what the manifest says; it is fetched from another peer.
struct ChunkRejected {
  ChunkIndex chunk;
  PeerId peer;
  Endpoint endpoint;
  std::string why;
};

// Chunks that a peer was asked for and did not bring go to others.
struct ChunksMoved {
  PeerId from;
  Endpoint endpoint;
  uint32_t chunks = 0;
  std::string why;
};

// A tracker went away (`status` says how) or is back (OK).
struct TrackerChanged {
  tracking::TrackerUrl tracker;
  absl::Status status;
};

// Nothing moves, and why; empty when it moves again.
struct Waiting {
  std::string because;
};

// Somebody paused the download, or let it go on.
struct PausedChanged {
  bool paused = false;
};

// Over. `candidates` when the outcome is FAILED_PRECONDITION because of a name that several contents have.
struct DownloadFinished {
  absl::Status outcome;
  std::string target_path;
  std::vector<tracking::ContentStatus> candidates;
};

using DownloadEvent = std::variant<DownloadStarted, PeerConnected, PeerLost, ChunkRejected, ChunksMoved,
                                   TrackerChanged, Waiting, PausedChanged, DownloadFinished>;

// Receives the events of one download on its loop, in order. Must not block.
using DownloadObserver = std::function<void(const DownloadEvent&)>;

}  // namespace shoal::leecher
