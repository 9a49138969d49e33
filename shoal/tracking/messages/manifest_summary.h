#pragma once

#include "shoal/content/manifest/manifest.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// What a tracker is told of the content that `manifest` describes.
ContentSummary SummaryOf(const Manifest& manifest);

}  // namespace shoal::tracking
