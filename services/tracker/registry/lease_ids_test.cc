#include "services/tracker/registry/lease_ids.h"

#include <bit>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "services/tracker/tables/random_source.h"

namespace shoal::tracker {
namespace {

constexpr uint32_t kLastSlot = LeaseIds::kMaxSlots - 1;

TEST(LeaseIdsTest, OpenInvertsMake) {
  const LeaseIds ids({1});
  RandomSource random(1);
  std::vector<LeaseIds::Parts> all = {{0, 1, 0}, {255, ~0u, kLastSlot}, {0, ~0u, 0}, {255, 1, kLastSlot}};
  for (int i = 0; i < 10'000; ++i) {
    all.push_back({random.Below(256), 1 + random.Below(~0u), random.Below(LeaseIds::kMaxSlots)});
  }
  std::set<tracking::LeaseId> made;
  for (const LeaseIds::Parts& parts : all) {
    const tracking::LeaseId id = ids.Make(parts);
    EXPECT_NE(id.value(), 0u);
    EXPECT_EQ(ids.Open(id), parts);
    made.insert(id);
  }
  EXPECT_EQ(made.size(), all.size());
}

TEST(LeaseIdsTest, ZeroIsNoLease) {
  for (uint8_t key = 0; key < 100; ++key) EXPECT_EQ(LeaseIds({key}).Open(tracking::LeaseId(0)).nonce, 0u);
}

// Neighbouring slots and equal shards are not visible in the ids: each input bit changes about half of the
// output's.
TEST(LeaseIdsTest, HideShardAndSlot) {
  const LeaseIds ids({3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3});
  RandomSource random(2);
  constexpr int kRounds = 2'000;
  for (uint32_t bit = 0; bit < 64; ++bit) {
    std::vector<int> flips(64);
    for (int i = 0; i < kRounds; ++i) {
      const uint64_t joined = random.Next() | 1ull << 24;
      const auto id_of = [&](uint64_t number) {
        return ids
            .Make({static_cast<uint32_t>(number >> 56), static_cast<uint32_t>(number >> 24),
                   static_cast<uint32_t>(number) & kLastSlot})
            .value();
      };
      const uint64_t changed = id_of(joined) ^ id_of(joined ^ 1ull << bit);
      for (uint32_t out = 0; out < 64; ++out) flips[out] += static_cast<int>(changed >> out & 1);
    }
    for (uint32_t out = 0; out < 64; ++out) {
      EXPECT_GT(flips[out], kRounds / 4) << bit << " to " << out;
      EXPECT_LT(flips[out], kRounds * 3 / 4) << bit << " to " << out;
    }
  }
}

TEST(LeaseIdsTest, AnotherKeyOpensToSomethingElse) {
  const LeaseIds mine({1});
  const LeaseIds theirs({2});
  for (uint32_t slot = 0; slot < 10'000; ++slot) {
    const LeaseIds::Parts parts{7, slot + 1, slot};
    EXPECT_NE(theirs.Open(mine.Make(parts)), parts);
  }
}

TEST(LeaseIdsTest, AKeyOfEqualHalvesWorks) {
  LeaseIds::Key equal;
  equal.fill(9);
  EXPECT_NE(LeaseIds(equal).Make({1, 1, 1}), LeaseIds({}).Make({1, 1, 1}));
}

}  // namespace
}  // namespace shoal::tracker
