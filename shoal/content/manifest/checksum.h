#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "shoal/base/byte_order.h"

namespace shoal {

// CRC-32 with zlib's polynomial (ISO-HDLC, RFC 1952 section 8) of `bytes`, going on from `crc` (0 to begin).
// Computed by ISA-L where the processor has what it needs, by zlib otherwise: the values are the same.
// Catches the wire, not the liar. Thread-safe.
uint32_t Crc32(ByteView bytes, uint32_t crc = 0);

using Sha256Digest = std::array<uint8_t, 32>;

// SHA-256 (FIPS 180-4) over bytes that come in several goes. One thread.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(ByteView bytes);
  // The digest of all that was given since the start or the last Finish; the object is then as new.
  Sha256Digest Finish();

  static Sha256Digest Of(ByteView bytes);

 private:
  struct Deleter {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Deleter> context_;  // EVP_MD_CTX
};

}  // namespace shoal
