#include "clients/leecher/agent/agent_mail.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::leecher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

// Longer than any test; what is awaited comes.
constexpr absl::Duration kPatience = absl::Hours(1);

TEST(AgentMail, BringsWhatWasReportedOnce) {
  AgentMail mail;
  const auto tracker = *tracking::TrackerUrl::Parse("127.0.0.1:1");
  tracking::ContentSummary content;
  content.name = "model";
  mail.ReportTracker(tracker, absl::UnavailableError("away"));
  mail.ReportTracker(tracker, absl::OkStatus());
  mail.ReportRejected(content, absl::PermissionDeniedError("not yours"));
  mail.ReportBroken(content, absl::DataLossError("gone"));
  auto batch = mail.Await(kPatience);
  ASSERT_TRUE(batch.has_value());
  EXPECT_THAT(batch->trackers, ElementsAre(Pair(tracker.ToString(), "away"), Pair(tracker.ToString(), "")));
  EXPECT_THAT(batch->rejected, ElementsAre("a tracker rejects model: not yours"));
  EXPECT_THAT(batch->broken, ElementsAre(Pair(content.id, absl::DataLossError("gone"))));
  batch = mail.Await(absl::ZeroDuration());
  ASSERT_TRUE(batch.has_value());
  EXPECT_THAT(batch->trackers, IsEmpty());
}

TEST(AgentMail, ANudgeEndsTheWaiting) {
  AgentMail mail;
  std::thread other([&] { mail.Nudge(); });
  EXPECT_TRUE(mail.Await(kPatience).has_value());
  other.join();
}

TEST(AgentMail, NothingComesAfterItsEnd) {
  AgentMail mail;
  std::thread other([&] { mail.End(); });
  EXPECT_FALSE(mail.Await(kPatience).has_value());
  other.join();
  mail.Nudge();
  EXPECT_FALSE(mail.Await(kPatience).has_value());
}

}  // namespace
}  // namespace shoal::leecher
