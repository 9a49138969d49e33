#include "shoal/content/store/early_sync.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <latch>
#include <memory>
#include <vector>

namespace shoal {
namespace {

using File = std::shared_ptr<const FileDescriptor>;

File Any() {
  return std::make_shared<const FileDescriptor>(*FileDescriptor::Open("/dev/null", O_RDONLY));
}

TEST(EarlySync, BeginsWhenEnoughWasWritten) {
  std::vector<int> synced;
  std::latch done(2);
  EarlySync early(100, [&](int fd) {
    synced.push_back(fd);
    done.count_down();
    return 0;
  });
  const File one = Any();
  const File other = Any();
  EXPECT_TRUE(early.Wrote(one, 40).ok());
  EXPECT_TRUE(early.Wrote(other, 40).ok());
  EXPECT_TRUE(early.Wrote(one, 20).ok());
  done.wait();
  EXPECT_TRUE(early.Settle().ok());
  EXPECT_EQ(synced, (std::vector<int>{one->get(), other->get()}));
}

TEST(EarlySync, LeavesLessToTheCaller) {
  int syncs = 0;
  {
    EarlySync early(100, [&](int) { return ++syncs, 0; });
    EXPECT_TRUE(early.Wrote(Any(), 99).ok());
    EXPECT_TRUE(early.Settle().ok());
    // The caller has synced those 99, so they do not count.
    EXPECT_TRUE(early.Wrote(Any(), 99).ok());
  }
  EXPECT_EQ(syncs, 0);
}

TEST(EarlySync, DoesNotHoldUpTheWriterAndGoesOnWithWhatCameMeanwhile) {
  std::latch first_begun(1);
  std::latch go_on(1);
  std::latch second_done(1);
  std::vector<int> synced;
  EarlySync early(100, [&](int fd) {
    synced.push_back(fd);
    if (synced.size() == 1) {
      first_begun.count_down();
      go_on.wait();
    } else {
      second_done.count_down();
    }
    return 0;
  });
  const File first = Any();
  const File second = Any();
  EXPECT_TRUE(early.Wrote(first, 100).ok());
  first_begun.wait();
  EXPECT_TRUE(early.Wrote(second, 60).ok());
  EXPECT_TRUE(early.Wrote(second, 60).ok());
  go_on.count_down();
  second_done.wait();
  EXPECT_TRUE(early.Settle().ok());
  EXPECT_EQ(synced, (std::vector<int>{first->get(), second->get()}));
}

TEST(EarlySync, TellsOfAnErrorFromThenOn) {
  std::latch begun(1);
  EarlySync early(100, [&](int) {
    begun.count_down();
    return EIO;
  });
  EXPECT_TRUE(early.Wrote(Any(), 100).ok());
  begun.wait();
  const absl::Status settled = early.Settle();
  EXPECT_FALSE(settled.ok());
  EXPECT_NE(settled.message().find("disk"), std::string::npos);
  EXPECT_EQ(early.Wrote(Any(), 1), settled);
}

TEST(EarlySync, SharesAThreadWithOthers) {
  const auto thread = std::make_shared<SyncThread>();
  std::latch first_begun(1);
  std::latch go_on(1);
  EarlySync slow(
      100,
      [&](int) {
        first_begun.count_down();
        go_on.wait();
        return EIO;
      },
      thread);
  std::latch other_done(1);
  EarlySync other(
      100,
      [&](int) {
        other_done.count_down();
        return 0;
      },
      thread);
  EXPECT_TRUE(slow.Wrote(Any(), 100).ok());
  first_begun.wait();
  EXPECT_TRUE(other.Wrote(Any(), 100).ok());
  // Its sync has not begun, so there is nothing to wait for.
  EarlySync third(100, [](int) { return EIO; }, thread);
  EXPECT_TRUE(third.Wrote(Any(), 100).ok());
  EXPECT_TRUE(third.Settle().ok());
  go_on.count_down();
  other_done.wait();
  EXPECT_FALSE(slow.Settle().ok());
  // An error stays with the store whose file failed.
  EXPECT_TRUE(other.Settle().ok());
}

TEST(EarlySync, SyncsRealFiles) {
  EXPECT_EQ(EarlySync::SyncData(-1), EBADF);
  FILE* const file = tmpfile();
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(EarlySync::SyncData(fileno(file)), 0);
  fclose(file);
}

}  // namespace
}  // namespace shoal
