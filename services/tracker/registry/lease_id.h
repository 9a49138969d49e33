#pragma once

#include <cstdint>

#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

// What is inside of a lease id, so that a heartbeat finds its lease without a table: the shard, the slot in
// that shard, and a random nonce. The nonce tells a lease from the one that had the slot before, and from one
// of the same slot before the tracker was restarted.
//
//    63      56 55                24 23                 0
//   | shard    | nonce, never 0     | slot               |
struct LeaseIdParts {
  static constexpr uint32_t kMaxShards = 1u << 8;
  static constexpr uint32_t kMaxSlots = 1u << 24;

  uint32_t shard = 0;
  uint32_t nonce = 0;
  uint32_t slot = 0;

  tracking::LeaseId Join() const {
    return tracking::LeaseId(uint64_t{shard} << 56 | uint64_t{nonce} << 24 | slot);
  }
  static LeaseIdParts Split(tracking::LeaseId id) {
    return {static_cast<uint32_t>(id.value() >> 56), static_cast<uint32_t>(id.value() >> 24),
            static_cast<uint32_t>(id.value()) & (kMaxSlots - 1)};
  }
};

}  // namespace shoal::tracker
