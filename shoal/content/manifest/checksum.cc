#include "shoal/content/manifest/checksum.h"

#include <isa-l/crc.h>
#include <openssl/evp.h>
#include <zlib.h>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace shoal {
namespace {

// ISA-L selects the fastest code for the processor, but its portable code works byte by byte and is five
// times slower than zlib's. It is therefore used only where the processor has the carry-less multiplication
// that its fast code needs.
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
// ISA-L's AVX code returns with the upper halves of the wide registers in use. Each SSE instruction that
// follows, those of SHA-256 among them, then has to preserve them, which took 2.4 times as long.
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

// Fetched once: an implicit fetch for each digest takes a lock and allocates.
const EVP_MD* Sha256Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
  return algorithm;
}

// The calls checked with this fail only without memory, or if the OpenSSL of this machine has no SHA-256. A
// wrong digest must never result from that.
void Require(bool done) {
  if (!done) std::abort();
}

void Begin(EVP_MD_CTX* context) {
  Require(EVP_DigestInit_ex(context, Sha256Algorithm(), nullptr) == 1);
}

EVP_MD_CTX* Cast(void* context) {
  return static_cast<EVP_MD_CTX*>(context);
}

#if defined(__x86_64__)

#define SHOAL_SHA_TARGET __attribute__((target("sha,sse4.1")))

constexpr size_t kBlockBytes = 64;
constexpr size_t kLengthBytes = 8;

// FIPS 180-4, 4.2.2.
alignas(16) constexpr std::array<uint32_t, 64> kRoundConstants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// The state of one message. The instructions need its eight words as two rows: ABEF and CDGH.
struct Lane {
  __m128i abef;
  __m128i cdgh;
  const uint8_t* next = nullptr;
};

SHOAL_SHA_TARGET Lane BeginLane(ByteView message) {
  // FIPS 180-4, 5.3.3.
  return {_mm_set_epi32(0x6a09e667, static_cast<int>(0xbb67ae85), 0x510e527f, static_cast<int>(0x9b05688c)),
          _mm_set_epi32(0x3c6ef372, static_cast<int>(0xa54ff53a), 0x1f83d9ab, 0x5be0cd19), message.data()};
}

// Processes `count` blocks of each lane, interleaved.
template <size_t kLanes>
SHOAL_SHA_TARGET void TakeBlocks(std::array<Lane*, kLanes> lanes, size_t count) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  // Plain arrays: GCC drops the attributes of a vector type that is a template argument.
  __m128i abef[kLanes];
  __m128i cdgh[kLanes];
  __m128i words[kLanes][4];
  for (; count > 0; --count) {
#pragma GCC unroll 2
    for (size_t lane = 0; lane < kLanes; ++lane) {
      abef[lane] = lanes[lane]->abef;
      cdgh[lane] = lanes[lane]->cdgh;
#pragma GCC unroll 4
      for (size_t i = 0; i < 4; ++i) {
        words[lane][i] = _mm_shuffle_epi8(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(lanes[lane]->next + 16 * i)), big_endian);
      }
      lanes[lane]->next += kBlockBytes;
    }
    // Four rounds at a time; words[...][step % 4] changes from words 4 * step .. + 3 to those of 4 steps
    // later.
#pragma GCC unroll 16
    for (size_t step = 0; step < 16; ++step) {
      const __m128i constants = _mm_load_si128(reinterpret_cast<const __m128i*>(&kRoundConstants[4 * step]));
#pragma GCC unroll 2
      for (size_t lane = 0; lane < kLanes; ++lane) {
        __m128i* const w = words[lane];
        const __m128i sums = _mm_add_epi32(w[step % 4], constants);
        cdgh[lane] = _mm_sha256rnds2_epu32(cdgh[lane], abef[lane], sums);
        abef[lane] = _mm_sha256rnds2_epu32(abef[lane], cdgh[lane], _mm_shuffle_epi32(sums, 0x0e));
        if (step < 12) {
          const __m128i seven_back = _mm_alignr_epi8(w[(step + 3) % 4], w[(step + 2) % 4], 4);
          const __m128i begun =
              _mm_add_epi32(_mm_sha256msg1_epu32(w[step % 4], w[(step + 1) % 4]), seven_back);
          w[step % 4] = _mm_sha256msg2_epu32(begun, w[(step + 3) % 4]);
        }
      }
    }
#pragma GCC unroll 2
    for (size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane]->abef = _mm_add_epi32(lanes[lane]->abef, abef[lane]);
      lanes[lane]->cdgh = _mm_add_epi32(lanes[lane]->cdgh, cdgh[lane]);
    }
  }
}

// Processes the last one or two blocks with their padding (FIPS 180-4, 5.1.1) and returns the digest.
SHOAL_SHA_TARGET Sha256Digest EndLane(Lane lane, ByteView message) {
  std::array<uint8_t, 2 * kBlockBytes> tail{};
  const size_t rest = message.size() % kBlockBytes;
  if (rest > 0) std::memcpy(tail.data(), lane.next, rest);
  tail[rest] = 0x80;
  const size_t blocks = rest + 1 + kLengthBytes <= kBlockBytes ? 1 : 2;
  StoreBig(uint64_t{message.size()} * 8, tail.data() + blocks * kBlockBytes - kLengthBytes);
  lane.next = tail.data();
  TakeBlocks<1>({&lane}, blocks);

  std::array<uint32_t, 4> abef;  // the lowest word first: F, E, B, A
  std::array<uint32_t, 4> cdgh;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(abef.data()), lane.abef);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(cdgh.data()), lane.cdgh);
  Sha256Digest digest;
  const std::array<uint32_t, 8> state = {abef[3], abef[2], cdgh[3], cdgh[2],
                                         abef[1], abef[0], cdgh[1], cdgh[0]};
  for (size_t i = 0; i < state.size(); ++i) StoreBig(state[i], digest.data() + 4 * i);
  return digest;
}

bool HasShaExtensions() {
  static const bool has = [] {
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0 &&
           __builtin_cpu_supports("sse4.1");
  }();
  return has;
}

// The longest message for which OpenSSL is not asked. A process's first digest with it takes more than a
// millisecond (it reads its configuration and looks for the algorithm), and each one allocates its state.
constexpr size_t kShortBytes = 64 * 1024;

Sha256Digest OfShort(ByteView message) {
  Lane lane = BeginLane(message);
  TakeBlocks<1>({&lane}, message.size() / kBlockBytes);
  return EndLane(lane, message);
}

std::array<Sha256Digest, 2> SideBySide(ByteView first, ByteView second) {
  Lane a = BeginLane(first);
  Lane b = BeginLane(second);
  const size_t blocks_a = first.size() / kBlockBytes;
  const size_t blocks_b = second.size() / kBlockBytes;
  const size_t together = std::min(blocks_a, blocks_b);
  TakeBlocks<2>({&a, &b}, together);
  TakeBlocks<1>({&a}, blocks_a - together);
  TakeBlocks<1>({&b}, blocks_b - together);
  return {EndLane(a, first), EndLane(b, second)};
}

#endif  // defined(__x86_64__)

}  // namespace

uint32_t Crc32(ByteView bytes, uint32_t crc) {
  static const bool use_isal = HasCarrylessMultiplication();
  if (bytes.empty()) return crc;  // zlib restarts the CRC when it gets a null pointer
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
#if defined(__x86_64__)
  if (bytes.size() <= kShortBytes && HasShaExtensions()) return OfShort(bytes);
#endif
  // One context per thread. What remains per digest is the hundred bytes of state that OpenSSL 3.0 allocates
  // at each start.
  static thread_local Sha256 hasher;
  hasher.Update(bytes);
  return hasher.Finish();
}

std::array<Sha256Digest, 2> Sha256OfTwo(ByteView first, ByteView second) {
#if defined(__x86_64__)
  if (HasShaExtensions()) return SideBySide(first, second);
#endif
  return {Sha256::Of(first), Sha256::Of(second)};
}

}  // namespace shoal
