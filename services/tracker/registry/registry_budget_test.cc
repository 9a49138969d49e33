#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/registry_test_fixture.h"
#include "services/tracker/registry/test_requests.h"

namespace shoal::tracker {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const IpAddress kOne = IpAddress::V4({192, 0, 2, 1});
const IpAddress kOther = IpAddress::V4({192, 0, 2, 2});

// What a source pays for: contents that the registry did not know.
class RegistryBudgetTest : public RegistryTest {
 protected:
  static Registry::Options Budget(double burst, double per_second) {
    Registry::Options options;
    options.limits.new_contents_burst = burst;
    options.limits.new_contents_per_second = per_second;
    return options;
  }
  absl::StatusCode Code(const tracking::RegisterRequest& request, const IpAddress& source = kOne) {
    return registry_->Register(request, source).status().code();
  }
  // What is left of a budget that does not grow meanwhile.
  int Left(uint32_t first_content) {
    int left = 0;
    while (Code(TestSeeder(9, TestContent(first_content + static_cast<uint32_t>(left)))) ==
           absl::StatusCode::kOk) {
      ++left;
    }
    return left;
  }
};

TEST_F(RegistryBudgetTest, ABudgetIsOfOneSourceAndGrows) {
  const Registry::Options options = Budget(2, 1);
  Restart(options);
  const auto register_new = [&](uint32_t content, const IpAddress& source) {
    return Code(TestSeeder(content, TestContent(content)), source);
  };
  EXPECT_EQ(register_new(1, kOne), absl::StatusCode::kOk);
  EXPECT_EQ(register_new(2, kOne), absl::StatusCode::kOk);
  EXPECT_EQ(register_new(3, kOne), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(registry_->stats().known_contents, 2u);
  // What is known costs nothing, and each address has a budget of its own.
  EXPECT_EQ(register_new(1, kOne), absl::StatusCode::kOk);
  EXPECT_EQ(register_new(3, kOther), absl::StatusCode::kOk);
  EXPECT_EQ(register_new(3, kOne), absl::StatusCode::kOk);
  EXPECT_EQ(register_new(4, IpAddress::V4({127, 0, 0, 1})), absl::StatusCode::kOk);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(register_new(5, kOne), absl::StatusCode::kOk);
  EXPECT_EQ(register_new(6, kOne), absl::StatusCode::kResourceExhausted);
  RegistryLimits unlimited = options.limits;
  unlimited.new_contents_per_second = 0;
  registry_->SetLimits(unlimited);
  EXPECT_EQ(register_new(6, kOne), absl::StatusCode::kOk);
}

TEST_F(RegistryBudgetTest, ARefusalSaysWhatToDoAndIsCounted) {
  Restart(Budget(2, 0.5));
  EXPECT_EQ(Left(1), 2);
  const auto refused = registry_->Register(TestSeeder(1, TestContent(3)), kOne);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()),
              AllOf(HasSubstr("2 at once and 0.5 a second"), HasSubstr("tried again later"),
                    HasSubstr("--new-contents-burst"), HasSubstr("--new-contents-per-address")));
  EXPECT_EQ(registry_->new_contents().refused(), 2u);
  // It left nothing behind.
  EXPECT_EQ(registry_->usage().contents.count(), 2u);
  EXPECT_EQ(registry_->usage().leases.count(), 2u);
  EXPECT_EQ(registry_->usage().contents.refused(), 0u);
  EXPECT_TRUE(registry_->Lookup({std::string("content-2"), std::nullopt, 0}).ok());
  EXPECT_FALSE(registry_->Lookup({std::string("content-3"), std::nullopt, 0}).ok());
  EXPECT_EQ(Code(TestSeeder(1, TestContent(3)), kOther), absl::StatusCode::kOk);
}

TEST_F(RegistryBudgetTest, WhatOtherLimitsRefuseCostsNothing) {
  Registry::Options options = Budget(3, 0.001);
  options.limits.max_contents = 1;
  options.limits.max_contents_per_name = 1;
  Restart(options);
  EXPECT_EQ(Code(TestSeeder(1, TestContent(1, "name"))), absl::StatusCode::kOk);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(Code(TestSeeder(1, TestContent(2))), absl::StatusCode::kResourceExhausted);
  options.limits.max_contents = 100;
  registry_->SetLimits(options.limits);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(Code(TestSeeder(1, TestContent(2, "name"))), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(registry_->new_contents().refused(), 0u);
  EXPECT_EQ(Left(10), 2);
}

TEST_F(RegistryBudgetTest, AContentThatIsReplacedOrRestoredCostsNothing) {
  Restart(Budget(3, 0.001));
  EXPECT_EQ(Code(TestRegister(1, TestContent(1, "other"), 10)), absl::StatusCode::kOk);
  EXPECT_EQ(Code(TestSeeder(2, TestContent(1))), absl::StatusCode::kOk);
  EXPECT_EQ(Code(TestSeeder(3, TestContent(1))), absl::StatusCode::kOk);
  for (uint32_t content = 2; content < 8; ++content) {
    ASSERT_TRUE(
        registry_->RestoreLease(TestSeeder(4, TestContent(content)), clock_.Now(), clock_.Now(), {}).ok());
    EXPECT_EQ(Code(TestSeeder(5, TestContent(content))), absl::StatusCode::kOk);
  }
  EXPECT_EQ(Left(10), 2);
}

// Otherwise the leases that the publisher corrects would end, and the content would be known no more.
TEST_F(RegistryBudgetTest, AContentIsReplacedWithoutABudget) {
  Restart(Budget(1, 0.001));
  EXPECT_EQ(Code(TestRegister(1, TestContent(1, "other"), 10), kOther), absl::StatusCode::kOk);
  EXPECT_EQ(Left(10), 1);
  EXPECT_EQ(Code(TestSeeder(2, TestContent(1))), absl::StatusCode::kOk);
}

TEST_F(RegistryBudgetTest, AForgottenContentCostsAgain) {
  Restart(Budget(2, 0.001));
  const auto lease = registry_->Register(TestSeeder(1, TestContent(1)), kOne);
  ASSERT_TRUE(lease.ok());
  ASSERT_TRUE(registry_->Leave(TestLeave(1)).ok());
  clock_.Advance(absl::Minutes(9));
  registry_->Advance();
  EXPECT_EQ(Code(TestSeeder(1, TestContent(1))), absl::StatusCode::kOk) << "known still";
  ASSERT_TRUE(registry_->Leave(TestLeave(1)).ok());
  clock_.Advance(absl::Minutes(11));
  registry_->Advance();
  ASSERT_EQ(registry_->stats().known_contents, 0u);
  // One was left, and 1200 s have earned one.
  EXPECT_EQ(Code(TestSeeder(1, TestContent(1))), absl::StatusCode::kOk);
  EXPECT_EQ(Left(10), 1);
}

TEST_F(RegistryBudgetTest, ARefusedVersionLeavesTheOneBeforePublished) {
  Restart(Budget(1, 0.001));
  EXPECT_EQ(Code(TestSeeder(1, TestContent(1, "name"))), absl::StatusCode::kOk);
  EXPECT_EQ(Code(TestSeeder(1, TestContent(2, "name"))), absl::StatusCode::kResourceExhausted);
  const auto found = registry_->Lookup({std::string("name"), std::nullopt, 0});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->contents.size(), 1u);
  EXPECT_EQ(found->contents[0].summary.id, TestContentId(1));
  EXPECT_EQ(found->contents[0].publishers, 1u);
}

}  // namespace
}  // namespace shoal::tracker
