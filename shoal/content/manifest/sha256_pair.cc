#include "shoal/content/manifest/sha256_pair.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace shoal {

#if defined(__x86_64__)

namespace {

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

// One message under way. The instructions want the eight words of the state as two rows: ABEF and CDGH.
struct Lane {
  __m128i abef;
  __m128i cdgh;
  const uint8_t* next = nullptr;
};

SHOAL_SHA_TARGET Lane Begin(ByteView message) {
  // FIPS 180-4, 5.3.3.
  return {_mm_set_epi32(0x6a09e667, static_cast<int>(0xbb67ae85), 0x510e527f, static_cast<int>(0x9b05688c)),
          _mm_set_epi32(0x3c6ef372, static_cast<int>(0xa54ff53a), 0x1f83d9ab, 0x5be0cd19), message.data()};
}

// Takes `count` blocks off each of the lanes, which run side by side.
template <size_t kLanes>
SHOAL_SHA_TARGET void TakeBlocks(std::array<Lane*, kLanes> lanes, size_t count) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  // Plain arrays: the vector type may be no template argument.
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
    // Four rounds at a time; words[...][step % 4] turns from words 4 * step .. + 3 into those of 4 steps on.
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

// The last, padded block or two (FIPS 180-4, 5.1.1), and the digest.
SHOAL_SHA_TARGET Sha256Digest End(Lane lane, ByteView message) {
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
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0 &&
         __builtin_cpu_supports("sse4.1");
}

std::array<Sha256Digest, 2> SideBySide(ByteView first, ByteView second) {
  Lane a = Begin(first);
  Lane b = Begin(second);
  const size_t blocks_a = first.size() / kBlockBytes;
  const size_t blocks_b = second.size() / kBlockBytes;
  const size_t together = std::min(blocks_a, blocks_b);
  TakeBlocks<2>({&a, &b}, together);
  TakeBlocks<1>({&a}, blocks_a - together);
  TakeBlocks<1>({&b}, blocks_b - together);
  return {End(a, first), End(b, second)};
}

}  // namespace

std::array<Sha256Digest, 2> Sha256OfTwo(ByteView first, ByteView second) {
  static const bool side_by_side = HasShaExtensions();
  if (side_by_side) return SideBySide(first, second);
  return {Sha256::Of(first), Sha256::Of(second)};
}

#else

std::array<Sha256Digest, 2> Sha256OfTwo(ByteView first, ByteView second) {
  return {Sha256::Of(first), Sha256::Of(second)};
}

#endif

}  // namespace shoal
