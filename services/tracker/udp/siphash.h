#pragma once

#include <array>
#include <cstdint>

#include "shoal/base/byte_order.h"

namespace shoal::tracker {

using SipHashKey = std::array<uint8_t, 16>;

// SipHash-2-4 (Aumasson and Bernstein): a keyed hash of short messages. Without the key its values can be
// neither predicted nor forged, so a value that comes back proves that this process issued it. It is not a
// hash for content: the key must stay secret.
//
// A call takes some tens of nanoseconds, allocates nothing and keeps no state, so that one datagram can be
// checked before any memory is spent on its sender.
//
// Thread safety: pure functions.

// Returns: 16 bytes, as the reference implementation writes them.
std::array<uint8_t, 16> SipHash128(const SipHashKey& key, ByteView message);

// Returns: 64 bits, in two thirds of the time of SipHash128. Not a prefix of its result.
uint64_t SipHash64(const SipHashKey& key, ByteView message);

}  // namespace shoal::tracker
