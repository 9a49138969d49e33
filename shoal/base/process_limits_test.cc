#include "shoal/base/process_limits.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace shoal {
namespace {

TEST(RaiseDescriptorLimitTest, RaisesTheSoftLimitAndCountsWhatIsFree) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit low{64, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_TRUE(RaiseDescriptorLimit(16).ok());
  rlimit after{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, std::min<rlim_t>(before.rlim_max, 65536));
  const absl::Status too_few = RaiseDescriptorLimit(static_cast<uint32_t>(after.rlim_cur));
  EXPECT_EQ(too_few.code(), absl::StatusCode::kResourceExhausted) << "the standard streams are open";
  EXPECT_TRUE(absl::StrContains(too_few.message(), "ulimit -n"));
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(RequireThreadsTest, StartsWhatIsAllowed) {
  EXPECT_TRUE(RequireThreads(8).ok());
}

// The limit is one of all threads of a user, and none of root's.
TEST(RequireThreadsTest, TooFewAreAnErrorThatSaysWhatToDo) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    const rlimit one{1, 1};
    if (setrlimit(RLIMIT_NPROC, &one) != 0 || (getuid() == 0 && setuid(kNobody) != 0)) _exit(2);
    const absl::Status status = RequireThreads(8);
    _exit(status.code() == absl::StatusCode::kResourceExhausted &&
                  absl::StrContains(status.message(), "ulimit -u")
              ? 0
              : 1);
  }
  int ended = 0;
  ASSERT_EQ(waitpid(child, &ended, 0), child);
  ASSERT_TRUE(WIFEXITED(ended));
  EXPECT_EQ(WEXITSTATUS(ended), 0);
}

}  // namespace
}  // namespace shoal
