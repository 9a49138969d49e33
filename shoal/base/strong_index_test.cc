#include "shoal/base/strong_index.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "absl/hash/hash.h"

namespace shoal {
namespace {

using Apple = StrongIndex<struct AppleTag, uint32_t>;
using Pear = StrongIndex<struct PearTag, uint32_t>;

static_assert(!std::is_convertible_v<Apple, Pear>);
static_assert(!std::is_convertible_v<uint32_t, Apple>);
static_assert(!std::is_convertible_v<Apple, uint32_t>);

TEST(StrongIndex, CountsAndCompares) {
  Apple apple(1);
  EXPECT_EQ((++apple).value(), 2u);
  EXPECT_LT(Apple(1), apple);
  EXPECT_EQ(Apple(), Apple(0));
  EXPECT_EQ(absl::Hash<Apple>()(Apple(2)), absl::Hash<Apple>()(apple));
}

}  // namespace
}  // namespace shoal
