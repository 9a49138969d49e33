#include "shoal/content/manifest/sha256_pair.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

// What OpenSSL says of each is what must come out, at each length around the blocks' bounds and the
// padding's.
TEST(Sha256Pair, AgreesWithOneAtATime) {
  const std::string bytes = SampleBytes(70'000, 1);
  const ByteView all = AsBytes(bytes);
  for (size_t length = 0; length <= 200; ++length) {
    for (const size_t other : {size_t{0}, length, size_t{63}, size_t{64}, size_t{65}, size_t{1000}}) {
      const ByteView first = all.first(length);
      const ByteView second = all.subspan(7, other);
      const auto [a, b] = Sha256OfTwo(first, second);
      EXPECT_EQ(a, Sha256::Of(first)) << length;
      EXPECT_EQ(b, Sha256::Of(second)) << other;
    }
  }
  const auto [a, b] = Sha256OfTwo(all.first(65'536), all.subspan(3));
  EXPECT_EQ(a, Sha256::Of(all.first(65'536)));
  EXPECT_EQ(b, Sha256::Of(all.subspan(3)));
}

}  // namespace
}  // namespace shoal
