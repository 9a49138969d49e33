#include "services/tracker/tables/lease_wheel.h"

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/tables/random_source.h"

namespace shoal::tracker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

struct Records {
  std::map<uint32_t, LeaseWheelLink> links;
  std::map<uint32_t, uint64_t> deadlines;
  LeaseWheelLink& wheel_link(uint32_t slot) { return links[slot]; }
  uint64_t deadline(uint32_t slot) { return deadlines[slot]; }
};

class LeaseWheelTest : public ::testing::Test {
 protected:
  void Insert(uint32_t slot, uint64_t deadline) {
    records_.deadlines[slot] = deadline;
    wheel_.Insert(slot);
  }
  std::vector<uint32_t> LapsedAt(uint64_t now) {
    std::vector<uint32_t> lapsed;
    EXPECT_TRUE(wheel_.Advance(now, 1'000'000, [&](uint32_t slot) { lapsed.push_back(slot); }));
    return lapsed;
  }

  Records records_;
  LeaseWheel<Records> wheel_{&records_, 25'600, 5'000};
};

TEST_F(LeaseWheelTest, ReleasesWithinOneBucketOfTheDeadline) {
  ASSERT_EQ(wheel_.bucket_ticks(), 100u);
  Insert(7, 30'650);
  EXPECT_THAT(LapsedAt(30'649), IsEmpty());
  EXPECT_THAT(LapsedAt(30'749), ElementsAre(7));
  EXPECT_THAT(LapsedAt(90'000), IsEmpty());
}

TEST_F(LeaseWheelTest, RenewedSlotStaysWithoutNotification) {
  Insert(7, 30'000);
  records_.deadlines[7] = 55'000;
  EXPECT_THAT(LapsedAt(54'900), IsEmpty());
  EXPECT_THAT(LapsedAt(55'100), ElementsAre(7));
}

TEST_F(LeaseWheelTest, RemovesFirstMiddleAndLastOfABucket) {
  for (uint32_t slot = 0; slot < 5; ++slot) Insert(slot, 10'000 + slot);
  wheel_.Remove(4);
  wheel_.Remove(2);
  wheel_.Remove(0);
  EXPECT_THAT(LapsedAt(10'200), UnorderedElementsAre(1, 3));
}

TEST_F(LeaseWheelTest, DeadlineInThePastOrFarInTheFuture) {
  Insert(1, 0);
  Insert(2, 1'000'000);
  EXPECT_THAT(LapsedAt(5'100), ElementsAre(1));
  for (uint64_t now = 6'000; now < 1'000'000; now += 997) EXPECT_THAT(LapsedAt(now), IsEmpty());
  EXPECT_THAT(LapsedAt(1'000'100), ElementsAre(2));
}

TEST_F(LeaseWheelTest, VisitsEverySlotAfterALongPause) {
  for (uint32_t slot = 0; slot < 600; ++slot) Insert(slot, 5'000 + slot * 80);
  EXPECT_EQ(LapsedAt(10'000'000'000).size(), 600u);
}

TEST_F(LeaseWheelTest, DoesNoMoreThanItsBudget) {
  for (uint32_t slot = 0; slot < 10; ++slot) Insert(slot, 6'000);
  int lapsed = 0;
  const auto count = [&](uint32_t) { ++lapsed; };
  EXPECT_FALSE(wheel_.Advance(7'000, 4, count));
  EXPECT_EQ(lapsed, 4);
  EXPECT_FALSE(wheel_.Advance(7'000, 4, count));
  EXPECT_TRUE(wheel_.Advance(7'000, 4, count));
  EXPECT_EQ(lapsed, 10);
}

TEST(LeaseWheelModelTest, AgreesWithASortedList) {
  RandomSource random(7);
  Records records;
  LeaseWheel<Records> wheel(&records, 3'000, 0);
  std::set<uint32_t> inside;
  uint64_t now = 0;
  for (int step = 0; step < 50'000; ++step) {
    const uint32_t slot = random.Below(200);
    switch (random.Below(4)) {
      case 0:
        if (inside.insert(slot).second) {
          records.deadlines[slot] = now + 1 + random.Below(9'000);
          wheel.Insert(slot);
        }
        break;
      case 1:
        if (inside.erase(slot) > 0) wheel.Remove(slot);
        break;
      case 2:
        if (inside.contains(slot)) records.deadlines[slot] = std::max(records.deadlines[slot], now + 3'000);
        break;
      default:
        now += random.Below(random.Below(100) == 0 ? 20'000 : 30);
        const bool all = wheel.Advance(now, 1 + random.Below(20), [&](uint32_t lapsed) {
          ASSERT_LE(records.deadlines[lapsed], now);
          ASSERT_EQ(inside.erase(lapsed), 1u);
        });
        if (!all) break;
        for (const uint32_t one : inside) ASSERT_GT(records.deadlines[one] + wheel.bucket_ticks(), now);
    }
  }
}

}  // namespace
}  // namespace shoal::tracker
