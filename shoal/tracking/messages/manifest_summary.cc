#include "shoal/tracking/messages/manifest_summary.h"

namespace shoal::tracking {

ContentSummary SummaryOf(const Manifest& manifest) {
  return {.id = manifest.id(),
          .name = manifest.name(),
          .length_bytes = manifest.length_bytes(),
          .chunk_size_bytes = manifest.chunk_size_bytes(),
          .chunk_count = manifest.chunk_count(),
          .file_count = static_cast<uint32_t>(manifest.files().size())};
}

}  // namespace shoal::tracking
