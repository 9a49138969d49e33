#include "shoal/tracking/client/refusal.h"

#include "gtest/gtest.h"

namespace shoal::tracking {
namespace {

TEST(RefusalTest, WhatIsNotPermittedIsNoOtherError) {
  EXPECT_EQ(CauseOfAnswer(absl::StatusCode::kNotFound), ErrorCause::kUnknownContent);
  EXPECT_EQ(CauseOfAnswer(absl::StatusCode::kUnauthenticated), ErrorCause::kNotPermitted);
  EXPECT_EQ(CauseOfAnswer(absl::StatusCode::kPermissionDenied), ErrorCause::kNotPermitted);
  EXPECT_EQ(CauseOfAnswer(absl::StatusCode::kResourceExhausted), ErrorCause::kTrackerRefused);
}

TEST(RefusalTest, ARefusalIsAnAnswerToThisClient) {
  const auto with = [](ErrorCause cause) { return WithCause(absl::UnknownError(""), cause); };
  EXPECT_TRUE(IsRefusal(with(ErrorCause::kNotPermitted)));
  EXPECT_TRUE(IsRefusal(with(ErrorCause::kTrackerRefused)));
  EXPECT_FALSE(IsRefusal(with(ErrorCause::kTrackerUnreachable)));
  EXPECT_FALSE(IsRefusal(with(ErrorCause::kUnknownContent)));
  EXPECT_FALSE(IsRefusal(absl::OkStatus()));
}

}  // namespace
}  // namespace shoal::tracking
