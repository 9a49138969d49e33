#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "services/seeder/catalog.h"
#include "shoal/base/clock.h"
#include "shoal/tracking/announce/announcer.h"

namespace shoal::seeder {

// What one tracker is told of a content with each heartbeat: all chunks are held; how much went out and how
// fast, since it was told last. `free_slots` and `clock` must outlive the function.
tracking::Announcer::ProgressSource UploadProgress(std::shared_ptr<const OfferedSource> source,
                                                   std::function<uint32_t()> free_slots, const Clock& clock);

}  // namespace shoal::seeder
