#include "services/tracker/tables/slot_table.h"

#include <string>

#include "gtest/gtest.h"

namespace shoal::tracker {
namespace {

TEST(SlotTableTest, RecordsDoNotMove) {
  SlotTable<std::string> table(10'000);
  const uint32_t first = *table.Take();
  std::string* const address = &table[first];
  table[first] = "first";
  for (int i = 0; i < 5'000; ++i) table.Take();
  EXPECT_EQ(&table[first], address);
  EXPECT_EQ(table[first], "first");
}

TEST(SlotTableTest, ReusesAFreedSlotWithAFreshRecord) {
  SlotTable<std::string> table(10);
  table.Take();
  const uint32_t slot = *table.Take();
  table[slot] = "used";
  table.Give(slot);
  EXPECT_EQ(table.Take(), slot);
  EXPECT_EQ(table[slot], "");
}

TEST(SlotTableTest, EndsAtItsLimit) {
  SlotTable<int> table(2);
  EXPECT_FALSE(table.Reaches(0));
  EXPECT_EQ(table.Take(), 0u);
  EXPECT_EQ(table.Take(), 1u);
  EXPECT_EQ(table.Take(), std::nullopt);
  EXPECT_TRUE(table.Reaches(1));
  EXPECT_FALSE(table.Reaches(2));
}

}  // namespace
}  // namespace shoal::tracker
