#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::tracker {

// Who reported which lease's peer as no good. One reporter proves nothing, as it may be the one that is cut
// off, or lie; kEnough different ones do. Keeps something only for leases that somebody reported, and at most
// kEnough reporters of each. Not thread-safe.
class PeerReports {
 public:
  static constexpr size_t kEnough = 3;

  // True when there are enough reporters now, this one among them.
  bool Add(uint32_t lease, const PeerId& reporter) {
    auto& reporters = reporters_[lease];
    if (std::find(reporters.begin(), reporters.end(), reporter) == reporters.end() &&
        reporters.size() < kEnough) {
      reporters.push_back(reporter);
    }
    return reporters.size() == kEnough;
  }

  // The lease is at an end, or its peer has registered again: a clean slate.
  void Forget(uint32_t lease) { reporters_.erase(lease); }

 private:
  absl::flat_hash_map<uint32_t, absl::InlinedVector<PeerId, kEnough>> reporters_;
};

}  // namespace shoal::tracker
