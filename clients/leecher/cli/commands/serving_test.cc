#include "clients/leecher/cli/commands/serving.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TrackerMessagesTest : public testing::Test {
 protected:
  // The text on stdout and on stderr.
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

TEST_F(TrackerMessagesTest, ArePrintedOnce) {
  messages_.OnTracker()(tracker_, absl::UnavailableError("it is gone"));
  messages_.OnTracker()(tracker_, absl::OkStatus());
  EXPECT_EQ(Printed(true).first,
            "tracker grpc://pond:1 is away: it is gone\ntracker grpc://pond:1 is back\n");
  EXPECT_EQ(Printed(true).first, "");
}

TEST_F(TrackerMessagesTest, ReachabilityIsDroppedUnlessItIsWanted) {
  messages_.OnTracker()(tracker_, absl::UnavailableError("it is gone"));
  EXPECT_EQ(Printed(false).first, "");
  EXPECT_EQ(Printed(true).first, "");
}

TEST_F(TrackerMessagesTest, ARejectionIsAnErrorAndIsEscaped) {
  tracking::ContentSummary content;
  content.name = "car\x1bp";
  messages_.OnRejected()(content, absl::InvalidArgumentError("too many"));
  const auto [said, errors] = Printed(false);
  EXPECT_EQ(said, "");
  EXPECT_THAT(errors, HasSubstr("too many"));
  EXPECT_THAT(errors, Not(HasSubstr("\x1b")));
}

TEST(ServingTextTest, CountsPeersBytesAndTrackers) {
  ServingStatus serving{.port = 7,
                        .contents = 1,
                        .peers = 3,
                        .sent_bytes = 3 << 20,
                        .sent_chunks = 6,
                        .rate_bytes_per_second = 1 << 20,
                        .trackers_told = 2,
                        .trackers = 2};
  EXPECT_EQ(ServingText(serving, std::nullopt), "3 peers, 3.00 MiB sent, 1.00 MiB/s");
  serving.trackers_told = 1;
  EXPECT_EQ(ServingText(serving, absl::Seconds(12)),
            "3 peers, 3.00 MiB sent, 1.00 MiB/s, registered with 1 of 2 trackers, 12s left");
  EXPECT_EQ(ServedText(serving, absl::Seconds(187)), "served for 3m07s: 3.00 MiB in 6 chunks");
}

TEST(WhoMayFetchTest, IsSaidOfAListenerThatAsksForNothing) {
  const Endpoint everywhere = *Endpoint::Parse("0.0.0.0:7");
  ServeOptions options;
  EXPECT_EQ(WhoMayFetch(everywhere, options, nullptr),
            "anyone who reaches 0.0.0.0:7 can fetch what is served here; see docs/security.md");
  EXPECT_EQ(WhoMayFetch(*Endpoint::Parse("127.0.0.1:7"), options, nullptr), "");
  EXPECT_EQ(WhoMayFetch(std::nullopt, options, nullptr), "");
  options.ticket_issuers.emplace();
  EXPECT_EQ(WhoMayFetch(everywhere, options, nullptr), "");
}

}  // namespace
}  // namespace shoal::leecher
