#pragma once

#include <cstdint>

namespace shoal::leecher {

// How much a file of a content is wanted, in rising order. Of the chunks that a peer can give, those of files
// with a higher priority are asked for first; a skipped file is neither fetched nor made.
enum class FilePriority : uint8_t { kSkip, kLow, kNormal, kHigh };

}  // namespace shoal::leecher
