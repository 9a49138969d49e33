#include "clients/leecher/cli/commands/tracker_queries.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/base/error_cause.h"

namespace shoal::leecher {
namespace {

using ::testing::HasSubstr;

tracking::ContentStatus Content(const std::string& hex_beginning, const std::string& name) {
  tracking::ContentStatus content;
  content.summary.id = *ContentId::FromHex(hex_beginning + std::string(64 - hex_beginning.size(), '0'));
  content.summary.name = name;
  return content;
}

TEST(ResolvePrefixTest, APrefixOfOneIdIsThatId) {
  const std::vector<tracking::ContentStatus> contents = {Content("deadbeef01", "a"),
                                                         Content("deadbeef02", "b")};
  const auto key = ResolvePrefix("DEADBEEF02", contents);
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(std::get<ContentId>(*key), contents[1].summary.id);
}

TEST(ResolvePrefixTest, ANameComesFirst) {
  const auto key = ResolvePrefix("deadbeef", {Content("deadbeef01", "a"), Content("11", "deadbeef")});
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(std::get<std::string>(*key), "deadbeef");
}

TEST(ResolvePrefixTest, APrefixOfNoIdIsAName) {
  EXPECT_EQ(std::get<std::string>(*ResolvePrefix("deadbeef", {})), "deadbeef");
}

TEST(ResolvePrefixTest, APrefixOfSeveralIdsIsAnError) {
  const auto key = ResolvePrefix("deadbeef", {Content("deadbeef01", "a"), Content("deadbeef02", "b")});
  EXPECT_EQ(key.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CauseOf(key.status()), ErrorCause::kAmbiguousName);
  EXPECT_THAT(std::string(key.status().message()), HasSubstr("deadbeef02"));
}

TEST(ResolvePrefixTest, TheSameContentAtTwoTrackersIsOne) {
  EXPECT_TRUE(ResolvePrefix("deadbeef", {Content("deadbeef01", "a"), Content("deadbeef01", "a")}).ok());
}

TEST(AfterStartTest, ATrackerThatStartedAMomentAgoMayNotKnowAll) {
  EXPECT_EQ(AfterStart(absl::ZeroDuration()), "");
  EXPECT_EQ(AfterStart(absl::Milliseconds(28'100)),
            " yet: it started a moment ago, and knows all that is shared in 29s");
}

TEST(NoTrackerAnsweredTest, WhatAPersonCanMendComesFirst) {
  const tracking::TrackerUrl url = *tracking::TrackerUrl::Parse("tracker:1");
  std::vector<TrackerFailure> failures;
  const auto cause_with = [&](ErrorCause cause) {
    failures.insert(failures.begin(), {url, WithCause(absl::UnknownError(""), cause)});
    return CauseOf(NoTrackerAnswered(failures));
  };
  EXPECT_EQ(cause_with(ErrorCause::kTrackerUnreachable), ErrorCause::kTrackerUnreachable);
  EXPECT_EQ(cause_with(ErrorCause::kTrackerRefused), ErrorCause::kTrackerRefused);
  EXPECT_EQ(cause_with(ErrorCause::kNotPermitted), ErrorCause::kNotPermitted);
  EXPECT_EQ(cause_with(ErrorCause::kTrackerRefused), ErrorCause::kNotPermitted);
}

}  // namespace
}  // namespace shoal::leecher
