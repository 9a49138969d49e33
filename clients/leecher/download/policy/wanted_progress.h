#pragma once

#include <cstdint>
#include <memory>

#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal::leecher {

// How much of what is wanted of a content is here. Counts chunks that are not wanted for nothing, but knows
// them: when they are wanted later, they count. Pure; one thread.
class WantedProgress {
 public:
  // `held`: what an earlier run left. Everything is wanted.
  WantedProgress(std::shared_ptr<const Manifest> manifest, ChunkSet held);

  // Only these are wanted from now on. Linear in the chunks.
  void Want(ChunkSet wanted);
  void Gained(ChunkIndex chunk);

  uint32_t chunks_held() const { return chunks_held_; }
  uint64_t held_bytes() const { return held_bytes_; }
  uint64_t resumed_bytes() const { return resumed_bytes_; }  // of which an earlier run brought
  uint64_t in_order_bytes() const {
    return in_order_bytes_;
  }  // of which lie before the first that is missing

 private:
  uint32_t LengthOf(ChunkIndex chunk) const { return manifest_->PlaceOf(chunk).length_bytes; }
  void AdvanceInOrder();

  const std::shared_ptr<const Manifest> manifest_;
  const ChunkSet resumed_;
  ChunkSet held_;
  ChunkSet wanted_;
  uint32_t chunks_held_ = 0;
  uint64_t held_bytes_ = 0;
  uint64_t resumed_bytes_ = 0;
  uint64_t in_order_bytes_ = 0;
  ChunkIndex first_missing_;  // of the wanted ones; the number of chunks when there is none
};

}  // namespace shoal::leecher
