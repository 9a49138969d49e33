#pragma once

#include <array>

#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/checksum.h"

namespace shoal {

// The SHA-256 (FIPS 180-4) of two messages, computed side by side where the processor has the x86 SHA
// extensions: their rounds wait for each other within one message, so two at a time take little longer than
// one. Fastest when both are of about one length. Elsewhere it is Sha256::Of twice. Thread-safe.
std::array<Sha256Digest, 2> Sha256OfTwo(ByteView first, ByteView second);

}  // namespace shoal
