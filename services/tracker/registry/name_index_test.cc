#include "services/tracker/registry/name_index.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::tracker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ContentId Id(uint8_t first) {
  std::array<uint8_t, 32> bytes{};
  bytes[0] = first;
  return ContentId(bytes);
}

TEST(NameIndexTest, FindsAllContentsOfAName) {
  NameIndex index(10);
  EXPECT_TRUE(index.Add("b", Id(2)));
  EXPECT_TRUE(index.Add("b", Id(1)));
  EXPECT_TRUE(index.Add("ba", Id(3)));
  EXPECT_TRUE(index.Add("a", Id(4)));
  EXPECT_THAT(index.WithName("b"), ElementsAre(Id(1), Id(2)));
  EXPECT_THAT(index.WithName("c"), IsEmpty());
  index.Remove("b", Id(1));
  index.Remove("b", Id(9));
  EXPECT_THAT(index.WithName("b"), ElementsAre(Id(2)));
}

TEST(NameIndexTest, PagesByNameAndId) {
  NameIndex index(10);
  index.Add("b", Id(2));
  index.Add("b", Id(1));
  index.Add("a", Id(3));
  const auto first = index.Page(std::nullopt, 2);
  EXPECT_THAT(first, ElementsAre(NameIndex::Entry{"a", Id(3)}, NameIndex::Entry{"b", Id(1)}));
  EXPECT_THAT(index.Page(first.back(), 2), ElementsAre(NameIndex::Entry{"b", Id(2)}));
  // The last entry of a page may be gone when the next page is asked for.
  index.Remove("b", Id(1));
  EXPECT_THAT(index.Page(first.back(), 2), ElementsAre(NameIndex::Entry{"b", Id(2)}));
}

TEST(NameIndexTest, BoundsContentsOfOneName) {
  NameIndex index(2);
  EXPECT_TRUE(index.Add("a", Id(1)));
  EXPECT_TRUE(index.Add("a", Id(2)));
  EXPECT_FALSE(index.Add("a", Id(3)));
  EXPECT_TRUE(index.Add("b", Id(3)));
  index.Remove("a", Id(1));
  EXPECT_TRUE(index.Add("a", Id(4)));
}

}  // namespace
}  // namespace shoal::tracker
