#pragma once

#include <array>
#include <cstdint>

#include "services/tracker/tables/random_source.h"
#include "shoal/base/byte_order.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

// Lease ids that only their issuer can read. An id contains the shard and the slot of its lease, so that a
// heartbeat finds the lease without a table, and a nonce that distinguishes it from other leases of that
// slot:
//
//    63      56 55                24 23                 0
//   | shard    | nonce, never 0     | slot               |
//
// Outside, this number appears only under a permutation of the 64-bit numbers that depends on the issuer's
// key: a Feistel network of four rounds. To everything else, other trackers included, an id is an opaque
// number. An id of another key opens to an arbitrary shard, slot and nonce, and so matches no lease (but for
// a chance of 2^-32 per lease of the same peer: the registry compares the peer's id as well).
//
// The round function is a keyed multiplication: it hides the structure for a few nanoseconds per id, but does
// not withstand cryptanalysis. No right depends on an id alone.
//
// Thread safety: immutable.
class LeaseIds {
 public:
  static constexpr uint32_t kMaxShards = 1u << 8;
  static constexpr uint32_t kMaxSlots = 1u << 24;

  using Key = std::array<uint8_t, 16>;
  struct Parts {
    uint32_t shard = 0;
    uint32_t nonce = 0;  // 0: of no lease
    uint32_t slot = 0;

    friend bool operator==(const Parts&, const Parts&) = default;
  };

  explicit LeaseIds(const Key& key) {
    RandomSource first(LoadBig<uint64_t>(key.data()));
    RandomSource second(LoadBig<uint64_t>(key.data() + 8));
    // One step apart, so that two equal halves of a key do not cancel out.
    second.Next();
    for (Round& round : rounds_) {
      round.factor = (first.Next() ^ second.Next()) | 1;
      round.addend = first.Next() ^ second.Next();
    }
    zero_ = Permute(0);
  }

  // Requires: the nonce is not 0. Returns: an id that is not 0.
  tracking::LeaseId Make(const Parts& parts) const {
    const uint64_t joined = uint64_t{parts.shard} << 56 | uint64_t{parts.nonce} << 24 | parts.slot;
    return tracking::LeaseId(Permute(joined) ^ zero_);
  }
  // Accepts any number. Open(Make(parts)) == parts.
  Parts Open(tracking::LeaseId id) const {
    const uint64_t joined = Invert(id.value() ^ zero_);
    return {static_cast<uint32_t>(joined >> 56), static_cast<uint32_t>(joined >> 24),
            static_cast<uint32_t>(joined) & (kMaxSlots - 1)};
  }

 private:
  static constexpr int kRounds = 4;
  struct Round {
    uint64_t factor = 0;
    uint64_t addend = 0;

    uint32_t operator()(uint32_t half) const { return static_cast<uint32_t>((half * factor + addend) >> 32); }
  };

  uint64_t Permute(uint64_t number) const {
    auto left = static_cast<uint32_t>(number >> 32);
    auto right = static_cast<uint32_t>(number);
    for (int i = 0; i < kRounds; i += 2) {
      left ^= rounds_[i](right);
      right ^= rounds_[i + 1](left);
    }
    return uint64_t{left} << 32 | right;
  }
  uint64_t Invert(uint64_t number) const {
    auto left = static_cast<uint32_t>(number >> 32);
    auto right = static_cast<uint32_t>(number);
    for (int i = kRounds; i > 0; i -= 2) {
      right ^= rounds_[i - 1](left);
      left ^= rounds_[i - 2](right);
    }
    return uint64_t{left} << 32 | right;
  }

  std::array<Round, kRounds> rounds_;
  uint64_t zero_ = 0;  // Permute(0); subtracted, so that 0 maps to 0 and is no lease's id
};

}  // namespace shoal::tracker
