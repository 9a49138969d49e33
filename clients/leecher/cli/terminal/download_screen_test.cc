#include "clients/leecher/cli/terminal/download_screen.h"

#include <algorithm>
#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class DownloadScreenTest : public testing::Test {
 protected:
  struct Printed {
    std::string out;
    std::string errors;
  };
  static Printed Print(Console::Voice voice, const std::function<void(DownloadScreen&)>& show) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    {
      Console console(voice);
      DownloadScreen screen(console);
      show(screen);
    }
    return {testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
  }

  std::vector<DownloadScreen::Row> Rows() {
    DownloadStatus status;
    status.phase = DownloadStatus::Phase::kFetching;
    status.chunk_count = status.wanted_chunks = 2;
    status.length_bytes = status.wanted_bytes = 200;
    status.held_bytes = held_bytes_;
    return {{DownloadKey(0), &record_, status}};
  }

  DownloadRecord record_{
      "mod\x1b"
      "el",
      {},
      absl::ZeroDuration()};
  uint64_t held_bytes_ = 100;
};

TEST_F(DownloadScreenTest, AnEventIsASentenceWithTheEscapedName) {
  const Waiting event{"no peer"};
  EXPECT_EQ(Print(Console::Voice::kNormal,
                  [&](DownloadScreen& screen) { screen.ShowEvent(DownloadKey(0), record_, event); })
                .out,
            "mod\\x1bel: waiting: no peer\n");
  EXPECT_THAT(Print(Console::Voice::kJson,
                    [&](DownloadScreen& screen) { screen.ShowEvent(DownloadKey(0), record_, event); })
                  .out,
              HasSubstr(R"("event":"waiting")"));
}

TEST_F(DownloadScreenTest, EachDownloadHasItsOwnRepetitions) {
  const Waiting event{"no peer"};
  const std::string out = Print(Console::Voice::kNormal, [&](DownloadScreen& screen) {
                            screen.ShowEvent(DownloadKey(0), record_, event);
                            screen.ShowEvent(DownloadKey(0), record_, event);
                            screen.ShowEvent(DownloadKey(1), record_, event);
                          }).out;
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 2);
}

TEST_F(DownloadScreenTest, ALogGetsALineAfterEachInterval) {
  const std::string out = Print(Console::Voice::kNormal, [&](DownloadScreen& screen) {
                            screen.ShowProgress(Rows(), absl::Seconds(100));
                            screen.ShowProgress(Rows(), absl::Seconds(104));
                            screen.ShowProgress(Rows(), absl::Seconds(105));
                            screen.ShowProgress(Rows(), absl::Seconds(106));
                          }).out;
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1) << out;
  EXPECT_THAT(out, HasSubstr("mod\\x1bel: 50%"));
}

TEST_F(DownloadScreenTest, JsonProgressIsPrintedWhenSomethingChanged) {
  const std::string out = Print(Console::Voice::kJson, [&](DownloadScreen& screen) {
                            screen.ShowProgress(Rows(), absl::Seconds(1));
                            screen.ShowProgress(Rows(), absl::Seconds(2));  // the same status
                            held_bytes_ = 150;
                            EXPECT_FALSE(screen.IsProgressDue(absl::Milliseconds(2100)));
                            screen.ShowProgress(Rows(), absl::Milliseconds(2100));  // too early
                            screen.ShowProgress(Rows(), absl::Seconds(3));
                          }).out;
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 2) << out;
  EXPECT_THAT(out, HasSubstr(R"("bytes":150)"));
}

TEST_F(DownloadScreenTest, AFailureGoesToStderr) {
  record_.Observe(DownloadFinished{absl::NotFoundError("no tracker knows it"), "", {}}, absl::Seconds(1));
  const Printed printed = Print(Console::Voice::kNormal, [&](DownloadScreen& screen) {
    screen.ShowOutcome(record_, {});
    screen.ShowProgress(Rows(), absl::Seconds(9));  // it has finished
  });
  EXPECT_EQ(printed.out, "");
  EXPECT_THAT(printed.errors, HasSubstr("no tracker knows it"));
  EXPECT_THAT(printed.errors, Not(HasSubstr("\x1b")));
}

TEST_F(DownloadScreenTest, LimitsAreShownWhenThereAreSome) {
  RateLimits limits{std::make_shared<net::RateLimit>(1 << 20),
                    std::make_shared<net::RateLimit>(net::RateLimit::kUnlimited)};
  EXPECT_EQ(Print(Console::Voice::kNormal, [&](DownloadScreen& screen) { screen.ShowLimits(limits); }).out,
            "limits: down 1.00 MiB/s, up none\n");
  limits.down = limits.up;
  EXPECT_EQ(Print(Console::Voice::kNormal, [&](DownloadScreen& screen) { screen.ShowLimits(limits); }).out,
            "");
}

}  // namespace
}  // namespace shoal::leecher
