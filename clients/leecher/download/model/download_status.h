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

// A snapshot of a download.
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
  // `length_bytes` and `chunk_count` cover all files, `wanted_bytes` and `wanted_chunks` the wanted ones.
  // Before the manifest is available, both pairs are what the tracker reported.
  uint64_t length_bytes = 0;
  uint64_t wanted_bytes = 0;
  uint32_t chunk_count = 0;
  uint32_t wanted_chunks = 0;
  uint32_t files = 0;  // zero before the manifest is available
  uint32_t wanted_files = 0;
  // Of the wanted files only.
  uint64_t held_bytes = 0;      // stored and verified
  uint64_t resumed_bytes = 0;   // the part of held_bytes that an earlier run stored
  uint64_t in_order_bytes = 0;  // the part of held_bytes before the first missing byte
  uint32_t chunks_held = 0;
  uint32_t chunks_under_way = 0;  // requested and not stored yet: what a kill at this moment would lose
  bool paused = false;
  uint64_t received_bytes = 0;       // payload of chunks, wasted bytes included
  uint64_t sent_bytes = 0;           // payload of chunks
  double rate_bytes_per_second = 0;  // received, over the last few seconds
  double send_rate_bytes_per_second = 0;
  uint64_t limit_down_bytes_per_second = net::RateLimit::kUnlimited;
  uint64_t limit_up_bytes_per_second = net::RateLimit::kUnlimited;
  std::optional<absl::Duration> eta;
  std::string waiting_because;  // for people: why nothing is received at the moment; empty otherwise
  uint32_t connected_peers = 0;
  // Requested from another peer because the first one sent wrong bytes, refused or was lost.
  uint32_t chunks_refetched = 0;
  struct Peer {
    PeerId id;
    Endpoint endpoint;
    uint32_t chunks = 0;  // valid ones that it sent
    uint64_t received_bytes = 0;
    double rate_bytes_per_second = 0;
    uint64_t sent_bytes = 0;  // to it
    double send_rate_bytes_per_second = 0;
    uint32_t failures = 0;
    bool connected = false;
    std::string dropped_because;  // empty unless it was dropped for good
    uint32_t chunks_held = 0;     // by it, while it is connected; 0: unknown
  };
  std::vector<Peer> peers;  // all that ever sent or received something, or failed
};

}  // namespace shoal::leecher
