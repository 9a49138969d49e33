#pragma once

#include <memory>

#include "absl/time/time.h"
#include "services/tracker/bittorrent/bittorrent_swarms.h"
#include "services/tracker/registry/state_sink.h"

namespace shoal::tracker {

class Registry;

// Tells `sink` all swarms of BitTorrent clients, with the peers that are alive.
void ExportSwarms(const BitTorrentSwarms& swarms, absl::Duration now, StateSink* sink);

// Fills `registry` with what it is told, as Registry::RestoreLease does; what a limit refuses is left out.
std::unique_ptr<StateSink> MakeRestoring(Registry* registry, absl::Duration now);

}  // namespace shoal::tracker
