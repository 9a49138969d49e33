#pragma once

#include <array>
#include <cstdint>

#include "shoal/base/byte_order.h"

namespace shoal::tracker {

using SipHashKey = std::array<uint8_t, 16>;

// SipHash-2-4 with 128 bits of result (Aumasson and Bernstein): a keyed hash of short messages that can't be
// forged without the key. Takes some tens of nanoseconds, no memory and no context. Thread-safe.
std::array<uint8_t, 16> SipHash128(const SipHashKey& key, ByteView message);
// The same with 64 bits of result, in two thirds of the time.
uint64_t SipHash64(const SipHashKey& key, ByteView message);

}  // namespace shoal::tracker
