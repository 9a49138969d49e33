#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/leecher/download/download_event.h"
#include "clients/leecher/download/download_tuning.h"
#include "shoal/content/chunk_source.h"
#include "shoal/content/ids.h"
#include "shoal/content/manifest.h"
#include "shoal/tracking/messages.h"
#include "shoal/tracking/tracker_client.h"
#include "shoal/tracking/tracker_url.h"

namespace shoal::leecher {

// What to fetch, from whom, to where.
struct DownloadOptions {
  // Name or id to be looked up, or a manifest that is already there (from a .shoal file).
  ContentKey content;
  std::shared_ptr<const Manifest> manifest;  // null: fetched from the first peer that gives the right one
  std::vector<TrackerUrl> trackers;          // at least one
  std::string output_folder;
  PeerId self;
  uint16_t listen_port = 0;  // where this process serves chunks; 0: nowhere
  uint32_t max_peers = 16;   // connections at a time
  bool verify_all = false;   // check what an earlier run left, chunk by chunk

  // How a tracker is spoken to: MakeTrackerClient, or a test's own. Required, so that the engine itself
  // stands on no RPC library. Called once per tracker, from a thread of its own.
  std::function<std::unique_ptr<TrackerClient>(const TrackerUrl&)> make_tracker_client;
  // Chunks that can be served from now on (source() holds them), so that a chunk server can announce them.
  // Told from the download's loop, often; must not block. May be empty.
  std::function<void(const ContentId& content, const std::vector<ChunkIndex>& gained)> on_gained;
  DownloadTuning tuning;
};

// How a download stands, at one moment.
struct DownloadStatus {
  enum class Phase {
    kFindingContent,
    kFindingPeers,
    kFetchingManifest,
    kFetching,
    kFinishing,
    kDone,
    kFailed,
    kStopped
  };
  Phase phase = Phase::kFindingContent;
  ContentId content_id;
  std::string name;
  uint64_t length_bytes = 0;
  uint64_t held_bytes = 0;     // on disk and checked
  uint64_t resumed_bytes = 0;  // of which an earlier run brought
  uint32_t chunk_count = 0;
  uint32_t chunks_held = 0;
  double rate_bytes_per_second = 0;  // over the last few seconds
  std::optional<absl::Duration> eta;
  std::string waiting_because;  // empty, or why nothing moves right now, for people
  uint32_t connected_peers = 0;
  uint32_t chunks_refetched =
      0;  // asked of another peer because the first one sent wrong bytes, refused or was lost
  struct Peer {
    PeerId id;
    Endpoint endpoint;
    uint32_t chunks = 0;  // good ones that it sent
    uint64_t received_bytes = 0;
    double rate_bytes_per_second = 0;
    uint32_t failures = 0;
    bool connected = false;
    std::string dropped_because;  // empty unless it was dropped for good
  };
  std::vector<Peer> peers;  // all that ever sent or failed
};

// One content on its way to this machine: finds peers, fetches the manifest and the chunks, checks them,
// stores them, puts the content under its name. The object that a command line, a page or a control API
// drives; it prints nothing.
//
// All of its state belongs to one event loop of its own; sockets, disk threads and tracker threads post to
// it. The methods here are thread-safe.
class Download {
 public:
  // Told from the download's loop, in order; must not block for long. The last event is DownloadFinished.
  using Observer = std::function<void(const DownloadEvent&)>;

  // Begins at once. Never fails here: what goes wrong is the outcome.
  static std::unique_ptr<Download> Start(DownloadOptions options, Observer observer);

  // Stop(), and waits.
  virtual ~Download() = default;

  virtual DownloadStatus status() const = 0;
  // Ends it, keeping on disk what is there, so that a later one goes on from it. The outcome is CANCELLED
  // (unless it was over already). Returns at once.
  virtual void Stop() = 0;
  // Blocks until it is over. OK: the content stands, checked, under its final name. Otherwise, by code:
  //   NOT_FOUND            no tracker knows the content (only when it was never found)
  //   FAILED_PRECONDITION  several contents have that name (DownloadFinished lists them), or the same
  //   download runs elsewhere ALREADY_EXISTS       the target is there with other bytes RESOURCE_EXHAUSTED
  //   disk full PERMISSION_DENIED    the disk does not let us UNAVAILABLE          no tracker answered, and
  //   there is no peer CANCELLED            Stop
  virtual absl::Status Wait() = 0;

  // The chunks that it holds, to be served to others; null before its store is open.
  virtual std::shared_ptr<const ChunkSource> source() const = 0;
};

}  // namespace shoal::leecher
