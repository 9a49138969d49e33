#include "clients/leecher/agent/disk_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/base/manual_clock.h"

namespace shoal::leecher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

absl::Time At(int second) {
  return absl::FromUnixSeconds(second);
}

class DiskBudgetTest : public ::testing::Test {
 protected:
  std::optional<std::vector<DownloadId>> MakeRoom(uint64_t needed_bytes, uint64_t budget_bytes) {
    return DiskBudget(budget_bytes, &clock_).MakeRoom(held_, needed_bytes);
  }

  ManualClock clock_;
  const std::vector<HeldContent> held_ = {{DownloadId(1), 100, At(5), true},
                                          {DownloadId(2), 100, At(3), true},
                                          {DownloadId(3), 100, At(1), false}};
};

TEST_F(DiskBudgetTest, RemovesTheLeastRecentlyUsed) {
  EXPECT_THAT(MakeRoom(100, 400), Optional(IsEmpty()));
  EXPECT_THAT(MakeRoom(100, 300), Optional(ElementsAre(DownloadId(2))));
  EXPECT_THAT(MakeRoom(101, 300), Optional(ElementsAre(DownloadId(2), DownloadId(1))));
  EXPECT_EQ(MakeRoom(250, 300), std::nullopt);
  EXPECT_EQ(MakeRoom(301, 300), std::nullopt);
}

TEST_F(DiskBudgetTest, WithoutABudgetEverythingFits) {
  EXPECT_THAT(MakeRoom(uint64_t{1} << 62, 0), Optional(IsEmpty()));
}

TEST_F(DiskBudgetTest, AContentThatHasNoRoomWaitsForAWhile) {
  DiskBudget budget(100, &clock_);
  const ContentId content;
  EXPECT_FALSE(budget.IsPostponed(content));
  budget.Postpone(content);
  clock_.Advance(DiskBudget::kRetryAfter - absl::Seconds(1));
  budget.EndWaits();
  EXPECT_TRUE(budget.IsPostponed(content));
  EXPECT_EQ(budget.postponed(), 1u);
  clock_.Advance(absl::Seconds(1));
  budget.EndWaits();
  EXPECT_FALSE(budget.IsPostponed(content));
  EXPECT_EQ(budget.postponed(), 0u);
}

}  // namespace
}  // namespace shoal::leecher
