#include "shoal/content/manifest/checksum.h"

#include <isa-l/crc.h>
#include <openssl/evp.h>
#include <zlib.h>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__x86_64__)
#include <immintrin.h>
#endif

#include <cstdlib>

namespace shoal {
namespace {

// ISA-L picks its fastest code for the processor by itself, but its code of last resort goes byte by byte and
// is five times slower than zlib's. So it is used where it has the carry-less multiplication that its fast
// code is made of.
bool HasCarrylessMultiplication() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
#elif defined(__aarch64__)
  return (getauxval(AT_HWCAP) & HWCAP_PMULL) != 0;
#else
  return false;
#endif
}

#if defined(__x86_64__)
// ISA-L's AVX code comes back with the upper halves of the wide registers in use, and then every SSE
// instruction that follows, those of SHA-256 among them, has to keep them: that took 2.4 times as long.
__attribute__((target("avx"))) void ReleaseUpperHalves() {
  _mm256_zeroupper();
}
#endif

uint32_t IsalCrc32(ByteView bytes, uint32_t crc) {
  const uint32_t result = crc32_gzip_refl(crc, bytes.data(), bytes.size());
#if defined(__x86_64__)
  static const bool has_wide_registers = __builtin_cpu_supports("avx");
  if (has_wide_registers) ReleaseUpperHalves();
#endif
  return result;
}

// Fetched once: an implicit fetch at each start of a digest takes a lock and allocates.
const EVP_MD* Sha256Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
  return algorithm;
}

// These can only fail when memory runs out or when the OpenSSL of this machine has no SHA-256; a wrong digest
// must never come of it.
void Require(bool done) {
  if (!done) std::abort();
}

void Begin(EVP_MD_CTX* context) {
  Require(EVP_DigestInit_ex(context, Sha256Algorithm(), nullptr) == 1);
}

EVP_MD_CTX* Cast(void* context) {
  return static_cast<EVP_MD_CTX*>(context);
}

}  // namespace

uint32_t Crc32(ByteView bytes, uint32_t crc) {
  static const bool use_isal = HasCarrylessMultiplication();
  if (bytes.empty()) return crc;  // zlib would take a null pointer for a wish to begin anew
  if (use_isal) return IsalCrc32(bytes, crc);
  return static_cast<uint32_t>(crc32_z(crc, bytes.data(), bytes.size()));
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  Require(context_ != nullptr && Sha256Algorithm() != nullptr);
  Begin(Cast(context_.get()));
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Deleter::operator()(void* context) const {
  EVP_MD_CTX_free(Cast(context));
}

void Sha256::Update(ByteView bytes) {
  Require(EVP_DigestUpdate(Cast(context_.get()), bytes.data(), bytes.size()) == 1);
}

Sha256Digest Sha256::Finish() {
  Sha256Digest digest;
  Require(EVP_DigestFinal_ex(Cast(context_.get()), digest.data(), nullptr) == 1);
  Begin(Cast(context_.get()));
  return digest;
}

Sha256Digest Sha256::Of(ByteView bytes) {
  // One context a thread. What is left to pay for a chunk is the hundred bytes of state that OpenSSL 3.0
  // itself takes anew at each start.
  static thread_local Sha256 hasher;
  hasher.Update(bytes);
  return hasher.Finish();
}

}  // namespace shoal
