#include "shoal/content/store/close_watch.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <string>

#include "shoal/base/file_descriptor.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

class CloseWatchTest : public testing::Test {
 protected:
  static void OpenAndClose(const std::string& path, int flags) {
    const FileDescriptor file = *FileDescriptor::Open(path, flags);
    ASSERT_TRUE(file.valid());
  }

  const TemporaryFolder folder_;
  const std::string one_path_ = folder_.Write("one", "1");
  const std::string two_path_ = folder_.Write("two", "2");
  const FileDescriptor one_ = *FileDescriptor::Open(one_path_, O_RDWR);
  const FileDescriptor two_ = *FileDescriptor::Open(two_path_, O_RDWR);
  CloseWatch watch_;
};

TEST_F(CloseWatchTest, TellsWhichFileWasClosedAfterWriting) {
  const CloseWatch::Id one = watch_.Add(one_.get());
  const CloseWatch::Id two = watch_.Add(two_.get());
  EXPECT_FALSE(watch_.WasClosed(one));
  OpenAndClose(one_path_, O_WRONLY);
  EXPECT_TRUE(watch_.WasClosed(one));
  EXPECT_TRUE(watch_.WasClosed(one));
  EXPECT_FALSE(watch_.WasClosed(two));
}

TEST_F(CloseWatchTest, TellsNothingOfReaders) {
  const CloseWatch::Id one = watch_.Add(one_.get());
  OpenAndClose(one_path_, O_RDONLY);
  EXPECT_FALSE(watch_.WasClosed(one));
}

TEST_F(CloseWatchTest, ForgetsWhatWasReported) {
  const CloseWatch::Id one = watch_.Add(one_.get());
  OpenAndClose(one_path_, O_WRONLY);
  watch_.Forget(one);
  EXPECT_FALSE(watch_.WasClosed(one));
  OpenAndClose(one_path_, O_WRONLY);
  EXPECT_TRUE(watch_.WasClosed(one));
}

TEST_F(CloseWatchTest, AFileUnderAnotherNameIsWatchedOn) {
  const CloseWatch::Id one = watch_.Add(one_.get());
  const std::string renamed = folder_.path() + "/renamed";
  ASSERT_EQ(rename(one_path_.c_str(), renamed.c_str()), 0);
  OpenAndClose(renamed, O_WRONLY);
  EXPECT_TRUE(watch_.WasClosed(one));
}

TEST_F(CloseWatchTest, AFileHasOneWatch) {
  const CloseWatch::Id one = watch_.Add(one_.get());
  EXPECT_EQ(watch_.Add(one_.get()), CloseWatch::kNone);
  watch_.Remove(one);
  EXPECT_FALSE(watch_.WasClosed(one));
  const CloseWatch::Id again = watch_.Add(one_.get());
  EXPECT_NE(again, CloseWatch::kNone);
  EXPECT_FALSE(watch_.WasClosed(again));
}

TEST_F(CloseWatchTest, ReportsOfARemovedWatchBelongToNone) {
  const CloseWatch::Id one = watch_.Add(one_.get());
  OpenAndClose(one_path_, O_WRONLY);
  watch_.Remove(one);
  const CloseWatch::Id two = watch_.Add(two_.get());
  EXPECT_FALSE(watch_.WasClosed(two));
}

TEST_F(CloseWatchTest, NoWatchTellsNothing) {
  const CloseWatch::Id none = watch_.Add(-1);
  EXPECT_EQ(none, CloseWatch::kNone);
  EXPECT_FALSE(watch_.WasClosed(none));
  watch_.Forget(none);
  watch_.Remove(none);
}

}  // namespace
}  // namespace shoal
