#pragma once

#include <cstdint>
#include <span>

#include "clients/leecher/download/policy/chunk_picker.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::leecher {

// Takes what a RequestPlanner decided to the peers. Must not call the planner back.
class RequestSink {
 public:
  virtual void Request(PeerSlot peer, std::span<const ChunkIndex> chunks) = 0;
  // Credits for chunks of the peer's own choice.
  virtual void RequestAny(PeerSlot peer, uint32_t chunks) = 0;
  virtual void Cancel(PeerSlot peer, std::span<const ChunkIndex> chunks) = 0;

 protected:
  ~RequestSink() = default;
};

}  // namespace shoal::leecher
