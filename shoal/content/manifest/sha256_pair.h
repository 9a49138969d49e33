#pragma once

#include <array>

#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/checksum.h"

namespace shoal {

// Computes the SHA-256 (FIPS 180-4) of two messages, interleaved where the processor has the x86 SHA
// extensions: the rounds of one message depend on each other, so two at a time take little longer than one.
// Fastest when both have about the same length. On other processors it is Sha256::Of twice. Thread-safe.
std::array<Sha256Digest, 2> Sha256OfTwo(ByteView first, ByteView second);

}  // namespace shoal
