#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "shoal/content/manifest/manifest.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// Returns: the summary of the content that `manifest` describes. A tracker holds the summary instead of the
// manifest: it lists contents and finds their peers, but checks no bytes. Two manifests of one content id
// have the same summary, and a tracker rejects a registration that contradicts the summary it knows. Only
// `left_out` may differ: how many entries of its folder the publisher left out; 0 at a peer that re-seeds.
inline ContentSummary SummaryOf(const Manifest& manifest, size_t left_out = 0) {
  return {.id = manifest.id(),
          .name = manifest.name(),
          .length_bytes = manifest.length_bytes(),
          .chunk_size_bytes = manifest.chunk_size_bytes(),
          .chunk_count = manifest.chunk_count(),
          .file_count = static_cast<uint32_t>(manifest.files().size()),
          .left_out = static_cast<uint32_t>(std::min<size_t>(left_out, kMaxLeftOut))};
}

}  // namespace shoal::tracking
