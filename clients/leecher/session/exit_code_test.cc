#include "clients/leecher/session/exit_code.h"

#include <csignal>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "shoal/base/error_cause.h"

namespace shoal::leecher {
namespace {

TEST(ExitCodeTest, EachCauseHasItsOwn) {
  const std::pair<ErrorCause, int> cases[] = {
      {ErrorCause::kNone, 1},        {ErrorCause::kUsage, 2},          {ErrorCause::kOutputInInput, 2},
      {ErrorCause::kNoSuchPath, 3},  {ErrorCause::kUnknownContent, 3}, {ErrorCause::kTrackerUnreachable, 4},
      {ErrorCause::kNoPeer, 5},      {ErrorCause::kAmbiguousName, 6},  {ErrorCause::kTargetExists, 7},
      {ErrorCause::kDiskFull, 8},    {ErrorCause::kNoPermission, 9},   {ErrorCause::kTrackerRefused, 1},
      {ErrorCause::kTargetInUse, 1}, {ErrorCause::kTargetGone, 1},     {ErrorCause::kTooManyOpenFiles, 1},
      {ErrorCause::kWriteFailed, 1}, {ErrorCause::kUntrusted, 11},     {ErrorCause::kNotPermitted, 12},
      {ErrorCause::kNoTicket, 12},
  };
  for (const auto& [cause, code] : cases) {
    // The status code on top does not matter.
    for (const auto status_code :
         {absl::StatusCode::kInternal, absl::StatusCode::kFailedPrecondition, absl::StatusCode::kUnavailable,
          absl::StatusCode::kNotFound, absl::StatusCode::kResourceExhausted,
          absl::StatusCode::kPermissionDenied}) {
      EXPECT_EQ(static_cast<int>(ExitCodeFor(WithCause(absl::Status(status_code, ""), cause))), code);
    }
  }
}

TEST(ExitCodeTest, ASignalCountsForWhatItStopped) {
  EXPECT_EQ(static_cast<int>(ExitCodeFor(absl::CancelledError(""), SIGINT)), 130);
  EXPECT_EQ(static_cast<int>(ExitCodeFor(absl::CancelledError(""), SIGTERM)), 143);
  EXPECT_EQ(static_cast<int>(ExitCodeFor(absl::CancelledError(""), SIGHUP)), 129);
  EXPECT_EQ(static_cast<int>(ExitCodeFor(absl::CancelledError(""))), 1);
  const absl::Status full = WithCause(absl::ResourceExhaustedError(""), ErrorCause::kDiskFull);
  EXPECT_EQ(static_cast<int>(ExitCodeFor(full, SIGINT)), 8);
}

TEST(ExitCodeTest, SuccessIsSuccessEvenAfterASignal) {
  EXPECT_EQ(ExitCodeFor(absl::OkStatus(), SIGINT), ExitCode::kOk);
}

TEST(ExitCodeTest, TheTableNamesEveryCode) {
  const std::string table = ExitCodeTable();
  for (const char* code : {"  0 ", "  1 ", "  2 ", "  3 ", "  4 ", "  5 ", "  6 ", "  7 ", "  8 ", "  9 ",
                           " 10 ", " 11 ", " 12 ", "129", "130", "143"}) {
    EXPECT_NE(table.find(code), std::string::npos) << code;
  }
}

}  // namespace
}  // namespace shoal::leecher
