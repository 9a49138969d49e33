#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "shoal/base/byte_order.h"

namespace shoal {

// The two checksums of a chunk: a CRC-32 that detects damage on the wire, and a SHA-256 that detects wrong
// bytes sent on purpose. All functions here are pure; none reads a file.

// Returns: the CRC-32 with zlib's polynomial (ISO-HDLC, RFC 1952 section 8) of `bytes`, continued from `crc`
// (0 to start). ISA-L computes it where the processor supports its fast code, zlib elsewhere; the values are
// the same. Thread safety: thread-safe.
uint32_t Crc32(ByteView bytes, uint32_t crc = 0);

using Sha256Digest = std::array<uint8_t, 32>;

// SHA-256 (FIPS 180-4) over bytes that are given in several calls. The process aborts if OpenSSL can't
// compute it, since a wrong digest must never be used. Thread safety: one thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  // A moved-from object may only be destroyed or assigned to.
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(ByteView bytes);
  // Returns: the digest of all bytes since construction or the last Finish. Resets the object.
  Sha256Digest Finish();

  // Returns: the digest of `bytes` alone. Where the processor has the x86 SHA extensions, short messages are
  // hashed without OpenSSL, whose first digest in a process costs a millisecond. Thread safety: thread-safe.
  static Sha256Digest Of(ByteView bytes);

 private:
  struct Deleter {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Deleter> context_;  // EVP_MD_CTX
};

// Returns: the SHA-256 of each of two messages. Where the processor has the x86 SHA extensions they are
// computed interleaved: the rounds of one message depend on each other, so two at a time take little longer
// than one. Fastest when both have about the same length. On other processors it is Sha256::Of twice.
// Thread safety: thread-safe.
std::array<Sha256Digest, 2> Sha256OfTwo(ByteView first, ByteView second);

}  // namespace shoal
