#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/leecher/download/model/download_status.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/manifest/publisher_signature.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// The events of a download, for its observer. Immutable values.

// The manifest is available and the store is open: the totals are known from now on.
struct DownloadStarted {
  ContentId content_id;
  std::string name;
  std::string target_path;
  uint64_t length_bytes = 0;
  uint32_t chunk_count = 0;
  uint32_t files = 0;
  // Of the wanted files only.
  uint32_t wanted_files = 0;
  uint64_t wanted_bytes = 0;
  uint64_t resumed_bytes = 0;
  // How long the store took to determine which chunks are missing.
  absl::Duration opening_took = absl::ZeroDuration();
  std::optional<PublisherSignature> signature = {};  // who published it, verified; nullopt: it is not known
};

struct PeerConnected {
  PeerId peer;
  Endpoint endpoint;
};

// A connection ended, or could not be established. `for_good`: the peer is not used again (it sent wrong
// bytes).
struct PeerLost {
  PeerId peer;
  Endpoint endpoint;
  std::string why;
  bool for_good = false;
};

// A received chunk does not match the manifest; it is fetched from another peer.
struct ChunkRejected {
  ChunkIndex chunk;
  PeerId peer;
  Endpoint endpoint;
  std::string why;
};

// Chunks that were requested from a peer and did not arrive are requested from others.
struct ChunksMoved {
  PeerId from;
  Endpoint endpoint;
  uint32_t chunks = 0;
  std::string why;
};

// A tracker became unreachable (`status` is its error) or answers again (OK).
struct TrackerChanged {
  tracking::TrackerUrl tracker;
  absl::Status status;
};

// Nothing is received, and why; empty when bytes arrive again.
struct Waiting {
  std::string because;
};

// The download was paused or resumed.
struct PausedChanged {
  bool paused = false;
};

// The name means another content by now, which no peer of the first one has: the download starts over, and
// DownloadStarted follows for the other one. `discarded_bytes`: of the first content, held so far.
struct ContentReplaced {
  ContentId content_id;  // of the first
  uint64_t discarded_bytes = 0;
};

// Something that people should know and that is no error, such as a target file system without locks.
struct DownloadWarning {
  std::string text;
};

// The download is over. `candidates` is set when the cause of the outcome is kAmbiguousName.
struct DownloadFinished {
  absl::Status outcome;
  std::string target_path;
  std::vector<tracking::ContentStatus> candidates;
  std::shared_ptr<const Manifest> manifest = nullptr;  // null when it never arrived
  std::optional<PublisherSignature> signature = {};    // as in DownloadStarted
};

using DownloadEvent =
    std::variant<DownloadStarted, PeerConnected, PeerLost, ChunkRejected, ChunksMoved, TrackerChanged,
                 Waiting, PausedChanged, ContentReplaced, DownloadWarning, DownloadFinished>;

// Receives each event of a download with its status at that time. Called on the download's event loop, in
// order; must not block for long. The last event is DownloadFinished.
using DownloadObserver = std::function<void(const DownloadEvent& event, const DownloadStatus& status)>;

// Receives the events of a part of a download, which does not know the status.
using EventSink = std::function<void(const DownloadEvent& event)>;

}  // namespace shoal::leecher
