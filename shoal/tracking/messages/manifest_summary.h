#pragma once

#include "shoal/content/manifest/manifest.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// The summary of the content that `manifest` describes, as trackers hold it.
ContentSummary SummaryOf(const Manifest& manifest);

}  // namespace shoal::tracking
