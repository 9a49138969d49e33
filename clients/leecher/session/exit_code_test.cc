#include "clients/leecher/session/exit_code.h"

#include <csignal>
#include <string>

#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

struct Case {
  absl::Status outcome;
  OutcomeFacts facts;
  int code;
};

TEST(ExitCodeTest, EachOutcomeHasItsOwn) {
  const Case cases[] = {
      {absl::OkStatus(), {}, 0},
      {absl::InternalError(""), {}, 1},
      {absl::DataLossError(""), {}, 1},
      {absl::InvalidArgumentError(""), {}, 2},
      {absl::NotFoundError(""), {}, 3},
      {absl::UnavailableError(""), {}, 4},
      {absl::DeadlineExceededError(""), {}, 4},
      {absl::UnavailableError(""), {.tracker_answered = true}, 5},
      {absl::FailedPreconditionError(""), {.several_contents = true}, 6},
      {absl::FailedPreconditionError(""), {}, 1},
      {absl::AlreadyExistsError(""), {}, 7},
      {absl::ResourceExhaustedError(""), {}, 8},
      {absl::PermissionDeniedError(""), {}, 9},
      {absl::CancelledError(""), {.signal = SIGINT}, 130},
      {absl::CancelledError(""), {.signal = SIGTERM}, 143},
      {absl::CancelledError(""), {}, 1},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(static_cast<int>(ExitCodeFor(c.outcome, c.facts)), c.code) << c.outcome;
  }
}

TEST(ExitCodeTest, SuccessIsSuccessEvenAfterASignal) {
  EXPECT_EQ(ExitCodeFor(absl::OkStatus(), {.signal = SIGINT}), ExitCode::kOk);
}

TEST(ExitCodeTest, TheTableNamesEveryCode) {
  const std::string table = ExitCodeTable();
  for (const char* code : {"  0 ", "  1 ", "  2 ", "  3 ", "  4 ", "  5 ", "  6 ", "  7 ", "  8 ", "  9 ",
                           " 10 ", "130", "143"}) {
    EXPECT_NE(table.find(code), std::string::npos) << code;
  }
}

}  // namespace
}  // namespace shoal::leecher
