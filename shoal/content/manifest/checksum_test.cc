#include "shoal/content/manifest/checksum.h"

#include <gtest/gtest.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <zlib.h>

#include <algorithm>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

std::string Hex(const Sha256Digest& digest) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

// The independent reference.
uint32_t ZlibCrc(ByteView bytes, uint32_t crc = 0) {
  return static_cast<uint32_t>(crc32_z(crc, bytes.data(), bytes.size()));
}

TEST(Crc32, HasTheCheckValueOfItsPolynomial) {
  EXPECT_EQ(Crc32(AsBytes("123456789")), 0xcbf43926u);
  EXPECT_EQ(Crc32({}), 0u);
  EXPECT_EQ(Crc32({}, 7), 7u);
}

#if defined(__x86_64__)
// Whether the upper halves of some wide registers, as the previous call left them, are zero.
__attribute__((target("avx"))) bool UpperHalvesAreFree() {
  __m128i third;
  __m128i eighth;
  __m128i twelfth;
  asm volatile(
      "vextractf128 $1, %%ymm3, %0\n\t"
      "vextractf128 $1, %%ymm8, %1\n\t"
      "vextractf128 $1, %%ymm12, %2"
      : "=x"(third), "=x"(eighth), "=x"(twelfth)
      :
      : "xmm3", "xmm8", "xmm12");
  const __m128i any = _mm_or_si128(_mm_or_si128(third, eighth), twelfth);
  return _mm_testz_si128(any, any) != 0;
}

TEST(Crc32, LeavesTheWideRegistersFree) {
  if (!__builtin_cpu_supports("avx")) return;
  const std::string bytes = SampleBytes(64 * 1024, 3);
  const uint32_t crc = Crc32(AsBytes(bytes));
  EXPECT_TRUE(UpperHalvesAreFree());
  EXPECT_EQ(crc, ZlibCrc(AsBytes(bytes)));
}
#endif

TEST(Crc32, EqualsZlibAtAllLengthsAndAlignments) {
  const std::string bytes = SampleBytes(4096 + 64, 1);
  for (size_t offset = 0; offset < 17; ++offset) {
    for (size_t length = 1; length < 600; ++length) {
      const ByteView view = AsBytes(bytes).subspan(offset, length);
      ASSERT_EQ(Crc32(view), ZlibCrc(view)) << offset << " " << length;
    }
    const ByteView view = AsBytes(bytes).subspan(offset, 4096);
    EXPECT_EQ(Crc32(view, 0xdeadbeef), ZlibCrc(view, 0xdeadbeef));
  }
}

TEST(Crc32, EqualsZlibForAWholeChunk) {
  const std::string bytes = SampleBytes(512 * 1024 + 3, 2);
  EXPECT_EQ(Crc32(AsBytes(bytes)), ZlibCrc(AsBytes(bytes)));
}

TEST(Crc32, ContinuesFromAPreviousValue) {
  const std::string bytes = SampleBytes(10'000, 3);
  for (const size_t cut : {size_t{0}, size_t{1}, size_t{4097}, bytes.size()}) {
    EXPECT_EQ(Crc32(AsBytes(bytes).subspan(cut), Crc32(AsBytes(bytes).first(cut))), Crc32(AsBytes(bytes)));
  }
}

TEST(Sha256, HasTheValuesOfTheStandard) {
  EXPECT_EQ(Hex(Sha256::Of({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex(Sha256::Of(AsBytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, TakesBytesInSeveralCallsAndIsResetByFinish) {
  const std::string bytes = SampleBytes(100'000, 4);
  Sha256 hasher;
  for (int round = 0; round < 2; ++round) {
    for (size_t at = 0; at < bytes.size(); at += 777) {
      hasher.Update(AsBytes(bytes).subspan(at, std::min<size_t>(777, bytes.size() - at)));
    }
    EXPECT_EQ(hasher.Finish(), Sha256::Of(AsBytes(bytes)));
  }
  Sha256 moved = std::move(hasher);
  EXPECT_EQ(moved.Finish(), Sha256::Of({}));
}

// What OpenSSL computes: an object that is fed always asks it.
Sha256Digest Reference(ByteView bytes) {
  Sha256 hasher;
  hasher.Update(bytes);
  return hasher.Finish();
}

// At each length around the bounds of FIPS 180-4's message blocks and padding, and around the longest message
// that counts as short.
TEST(Sha256, OfEqualsOpenSslAtAllLengths) {
  const std::string bytes = SampleBytes(65 * 1024, 5);
  for (size_t length = 0; length <= 300; ++length) {
    const ByteView view = AsBytes(bytes).subspan(length % 7, length);
    EXPECT_EQ(Sha256::Of(view), Reference(view)) << length;
  }
  for (size_t length = 64 * 1024 - 65; length <= 64 * 1024 + 65; ++length) {
    const ByteView view = AsBytes(bytes).subspan(3, length);
    EXPECT_EQ(Sha256::Of(view), Reference(view)) << length;
  }
}

// OpenSSL is the reference, at each length around the bounds of FIPS 180-4's message blocks and padding.
TEST(Sha256OfTwo, EqualsOneAtATime) {
  const std::string bytes = SampleBytes(70'000, 1);
  const ByteView all = AsBytes(bytes);
  for (size_t length = 0; length <= 200; ++length) {
    for (const size_t other : {size_t{0}, length, size_t{63}, size_t{64}, size_t{65}, size_t{1000}}) {
      const ByteView first = all.first(length);
      const ByteView second = all.subspan(7, other);
      const auto [a, b] = Sha256OfTwo(first, second);
      EXPECT_EQ(a, Reference(first)) << length;
      EXPECT_EQ(b, Reference(second)) << other;
    }
  }
  const auto [a, b] = Sha256OfTwo(all.first(65'536), all.subspan(3));
  EXPECT_EQ(a, Reference(all.first(65'536)));
  EXPECT_EQ(b, Reference(all.subspan(3)));
}

}  // namespace
}  // namespace shoal
