#include "clients/leecher/cli/commands/tracker_messages.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TrackerMessagesTest : public testing::Test {
 protected:
  // What is said, and what is an error.
  std::pair<std::string, std::string> Printed(bool with_reachability) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    {
      Console console(Console::Voice::kNormal);
      messages_.Print(console, with_reachability);
    }
    return {testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
  }

  const tracking::TrackerUrl tracker_ = *tracking::TrackerUrl::Parse("grpc://pond:1");
  TrackerMessages messages_;
};

TEST_F(TrackerMessagesTest, AreSaidOnce) {
  messages_.OnTracker()(tracker_, absl::UnavailableError("it is gone"));
  messages_.OnTracker()(tracker_, absl::OkStatus());
  EXPECT_EQ(Printed(true).first,
            "tracker grpc://pond:1 is away: it is gone\ntracker grpc://pond:1 is back\n");
  EXPECT_EQ(Printed(true).first, "");
}

TEST_F(TrackerMessagesTest, ReachabilityIsLeftToTheDownloadWhileItRuns) {
  messages_.OnTracker()(tracker_, absl::UnavailableError("it is gone"));
  EXPECT_EQ(Printed(false).first, "");
  EXPECT_EQ(Printed(true).first, "");
}

TEST_F(TrackerMessagesTest, ARefusalIsAnError) {
  tracking::ContentSummary content;
  content.name = "car\x1bp";
  messages_.OnRejected()(content, absl::InvalidArgumentError("too many"));
  const auto [said, errors] = Printed(false);
  EXPECT_EQ(said, "");
  EXPECT_THAT(errors, HasSubstr("too many"));
  EXPECT_THAT(errors, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace shoal::leecher
