#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "shoal/base/strong_index.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/stream/upload/fresh_chunks.h"
#include "shoal/stream/upload/upload_turns.h"
#include "tests/sim/network.h"

namespace shoal::sim {

class Downloads;
class Uploads;

// The index of a connection; also the leecher's PeerSlot for it.
using LinkIndex = StrongIndex<struct LinkTag, uint32_t>;

// One connection: `client` fetches from `server`. Holds the state of both ends and the chunk in transit.
struct Link {
  LinkIndex index;
  NodeIndex client_node;
  NodeIndex server_node;
  Downloads* client = nullptr;
  Uploads* server = nullptr;
  absl::Duration to_client_not_before;  // keep messages in order
  absl::Duration to_server_not_before;

  // The client's.
  bool client_open = true;
  bool ready = false;  // the server's hello arrived

  // The server's.
  bool server_open = false;
  std::deque<ChunkIndex> queued;
  uint32_t credits = 0;
  stream::FreshPeer fresh_peer;
  stream::Uploader uploader;
  bool has_turn = false;
  std::vector<ChunkRange> gains_behind;  // announced once the chunk before them is sent

  // The chunk in transit, if any.
  struct Moving {
    TransferIndex transfer;
    ChunkIndex chunk;
    bool handed_over = false;
    bool began = false;   // the client was notified
    bool wanted = false;  // according to the client
    uint32_t told_bytes = 0;
  };
  std::optional<Moving> moving;
};

}  // namespace shoal::sim
