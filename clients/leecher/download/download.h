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
#include "clients/leecher/download/policy/file_priority.h"
#include "clients/leecher/download/policy/wanted_files.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/net/rate_limit.h"
#include "shoal/stream/upload/upload_ledger.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// How fast chunks may come in and go out. The downloads of a process share one pair, and its chunk server has
// the same `up`. Null: no limit, and none can be set later.
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
  PeerId self;
  std::string site;          // where this process stands: peers of the same site come first; empty: nowhere
  uint16_t listen_port = 0;  // where this process serves chunks; 0: nowhere
  uint32_t max_peers = 32;   // connections at a time
  bool verify_all = false;   // check what an earlier run left, chunk by chunk
  bool sequential = false;   // chunks in their order, for whatever reads along
  SelectionRules selection;  // which files, and which first
  RateLimits limits;

  // How a tracker is spoken to: MakeTrackerClient, or a test's own. Required, so that the engine itself
  // stands on no RPC library. Called once per tracker, from a thread of its own.
  std::function<std::unique_ptr<tracking::TrackerClient>(const tracking::TrackerUrl&)> make_tracker_client;
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
  // Of all files, and of those that are wanted. Until the manifest is there both are what the tracker says.
  uint64_t length_bytes = 0;
  uint64_t wanted_bytes = 0;
  uint32_t chunk_count = 0;
  uint32_t wanted_chunks = 0;
  uint32_t files = 0;  // zero until the manifest is there
  uint32_t wanted_files = 0;
  // Of the wanted files alone.
  uint64_t held_bytes = 0;      // on disk and checked
  uint64_t resumed_bytes = 0;   // of which an earlier run brought
  uint64_t in_order_bytes = 0;  // of which lie before the first byte that is missing
  uint32_t chunks_held = 0;
  uint32_t chunks_under_way = 0;  // asked for and not stored yet: what a kill at this moment would lose
  bool paused = false;
  uint64_t received_bytes = 0;       // payload of chunks, the useless ones too
  uint64_t sent_bytes = 0;           // payload of chunks
  double rate_bytes_per_second = 0;  // received, over the last few seconds
  double send_rate_bytes_per_second = 0;
  uint64_t limit_down_bytes_per_second = net::RateLimit::kUnlimited;
  uint64_t limit_up_bytes_per_second = net::RateLimit::kUnlimited;
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
    uint64_t sent_bytes = 0;  // to it
    double send_rate_bytes_per_second = 0;
    uint32_t failures = 0;
    bool connected = false;
    std::string dropped_because;  // empty unless it was dropped for good
  };
  std::vector<Peer> peers;  // all that ever sent, got or failed
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

  // Asks for nothing new until Resume: chunks that were asked for still come, no more peers are called. What
  // is there is served on, and the lease stays. Waiting for Resume is not waiting for peers: it may last.
  // Both return at once; a second call in a row changes nothing.
  virtual void Pause() = 0;
  virtual void Resume() = 0;

  // In bytes per second; RateLimit::kUnlimited: none. Takes effect at once, for all who share the limits of
  // DownloadOptions.
  virtual void SetRateLimits(uint64_t down_bytes_per_second, uint64_t up_bytes_per_second) = 0;

  // Wants a file more, less, or not at all from now on, whatever the rules of DownloadOptions say; by its
  // place in the manifest, or all that a glob means (see GlobMatches). Returns at once. Nothing happens when
  // there is no such file, when it is too late (the last chunk is there), and, by place, before the manifest
  // is there. A file that is wanted again is fetched from where it stood.
  virtual void SetFilePriority(FileIndex file, FilePriority priority) = 0;
  virtual void SetFilePriority(const std::string& glob, FilePriority priority) = 0;

  // Ends it, keeping on disk what is there, so that a later one goes on from it. The outcome is CANCELLED
  // (unless it was over already). Returns at once.
  virtual void Stop() = 0;
  // Blocks until it is over. OK: what was wanted of the content stands, checked, under its final name.
  // Otherwise, by code:
  //   INVALID_ARGUMENT     no file of the content is wanted
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
