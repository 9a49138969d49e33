#pragma once

#include <string>

#include "absl/time/time.h"
#include "clients/leecher/download/model/download_tuning.h"
#include "clients/leecher/download/peers/peer_roster.h"
#include "shoal/stream/wire/control.h"

namespace shoal::leecher {

// What a peer's Refuse means for whoever asked. When it speaks of chunks (refuse.chunks is not empty) and
// `chunks_alone` is set, only these will not come, and the connection goes on; otherwise the connection ends
// as `ending` and `wait` say.
struct Refusal {
  bool chunks_alone = false;
  bool never_held = false;  // the peer does not have those chunks, so it is not asked for them again
  PeerRoster::Ending ending = PeerRoster::Ending::kNotNow;
  absl::Duration wait;  // before the peer is called again
  std::string why;      // for people
};

// Pure.
Refusal JudgeRefusal(const stream::Refuse& refuse, const DownloadTuning& tuning);

}  // namespace shoal::leecher
