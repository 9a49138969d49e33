#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/net/rate_limit.h"

namespace shoal::leecher {

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

}  // namespace shoal::leecher
