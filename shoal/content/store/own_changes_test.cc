#include "shoal/content/store/own_changes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "shoal/base/file_descriptor.h"
#include "shoal/base/file_io.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

constexpr FileIndex kFile(0);

class OwnChangesTest : public testing::Test {
 protected:
  struct stat Look() const {
    struct stat info = {};
    EXPECT_EQ(stat(path_.c_str(), &info), 0);
    return info;
  }
  // Another program's write, which shows in ctime even if it follows another change at once.
  void WriteAsAnother(const std::string& bytes) {
    const struct stat before = Look();
    struct stat now = before;
    while (now.st_ctim.tv_sec == before.st_ctim.tv_sec && now.st_ctim.tv_nsec == before.st_ctim.tv_nsec) {
      const FileDescriptor other = *FileDescriptor::Open(path_, O_WRONLY);
      ASSERT_TRUE(WriteAt(other.get(), AsBytes(bytes), 0).ok());
      now = Look();
    }
  }
  void Write() {
    own_.Begin(kFile, file_.get());
    ASSERT_TRUE(WriteAt(file_.get(), AsBytes("own"), 0).ok());
    own_.End(kFile, file_.get());
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.Write("file", "0123456789");
  const FileDescriptor file_ = *FileDescriptor::Open(path_, O_RDWR);
  OwnChanges own_{1, /*times_are_local=*/true, /*close_watch=*/nullptr,
                  /*watch_after=*/absl::ZeroDuration()};
};

TEST_F(OwnChangesTest, AFileIsTouchedUntilItIsAccepted) {
  EXPECT_TRUE(own_.IsTouched(kFile, Look()));
  own_.Accept(kFile, Look());
  EXPECT_FALSE(own_.IsTouched(kFile, Look()));
  own_.Doubt(kFile);
  EXPECT_TRUE(own_.IsTouched(kFile, Look()));
  own_.Accept(kFile, Look());
  EXPECT_FALSE(own_.IsTouched(kFile, Look()));
}

TEST_F(OwnChangesTest, OwnWritesAreNotTouches) {
  own_.Accept(kFile, Look());
  Write();
  Write();
  EXPECT_FALSE(own_.IsTouched(kFile, Look()));
}

TEST_F(OwnChangesTest, AWriteOfAnotherProgramIsATouchEvenIfOwnWritesFollow) {
  own_.Accept(kFile, Look());
  Write();
  WriteAsAnother("other");
  EXPECT_TRUE(own_.IsTouched(kFile, Look()));
  Write();
  EXPECT_TRUE(own_.IsTouched(kFile, Look()));
}

TEST_F(OwnChangesTest, SettingTheTimeBackHidesNothing) {
  own_.Accept(kFile, Look());
  const struct stat before = Look();
  WriteAsAnother("other");
  const timespec times[2] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(utimensat(AT_FDCWD, path_.c_str(), times, 0), 0);
  EXPECT_TRUE(own_.IsTouched(kFile, Look()));
}

TEST_F(OwnChangesTest, AnotherFileInItsPlaceIsATouch) {
  own_.Accept(kFile, Look());
  const std::string other = folder_.Write("other", "0123456789");
  ASSERT_EQ(rename(other.c_str(), path_.c_str()), 0);
  EXPECT_TRUE(own_.IsTouched(kFile, Look()));
}

TEST_F(OwnChangesTest, OverlappingOwnWritesAreOne) {
  own_.Accept(kFile, Look());
  own_.Begin(kFile, file_.get());
  own_.Begin(kFile, file_.get());
  ASSERT_TRUE(WriteAt(file_.get(), AsBytes("one"), 0).ok());
  own_.End(kFile, file_.get());
  ASSERT_TRUE(WriteAt(file_.get(), AsBytes("two"), 3).ok());
  own_.End(kFile, file_.get());
  EXPECT_FALSE(own_.IsTouched(kFile, Look()));
}

TEST_F(OwnChangesTest, AWriteOfAnotherProgramDuringAnOwnWriteIsATouchOfAFileThatIsKeptOpen) {
  own_.Accept(kFile, Look());
  own_.Opened(kFile, file_.get());
  Write();
  EXPECT_FALSE(own_.IsTouched(kFile, Look(), /*is_open=*/true));
  own_.Begin(kFile, file_.get());
  WriteAsAnother("other");
  own_.End(kFile, file_.get());
  EXPECT_TRUE(own_.IsTouched(kFile, Look(), /*is_open=*/true));
  own_.Accept(kFile, Look());
  EXPECT_FALSE(own_.IsTouched(kFile, Look(), /*is_open=*/true));
}

TEST_F(OwnChangesTest, ReadersDoNotTouch) {
  own_.Accept(kFile, Look());
  own_.Opened(kFile, file_.get());
  {
    const FileDescriptor reader = *FileDescriptor::Open(path_, O_RDONLY);
  }
  EXPECT_FALSE(own_.IsTouched(kFile, Look(), /*is_open=*/true));
}

TEST_F(OwnChangesTest, TheEndOfAnOwnDescriptorIsNoTouch) {
  own_.Accept(kFile, Look());
  {
    const FileDescriptor own = *FileDescriptor::Open(path_, O_RDWR);
    own_.Opened(kFile, own.get());
  }
  EXPECT_FALSE(own_.IsTouched(kFile, Look(), /*is_open=*/false));
  own_.Opened(kFile, file_.get());
  EXPECT_FALSE(own_.IsTouched(kFile, Look(), /*is_open=*/true));
}

TEST_F(OwnChangesTest, TimesOfAServerDoNotCount) {
  OwnChanges remote(1, /*times_are_local=*/false);
  remote.Accept(kFile, Look());
  WriteAsAnother("other");
  EXPECT_FALSE(remote.IsTouched(kFile, Look()));
  ASSERT_EQ(truncate(path_.c_str(), 3), 0);
  EXPECT_TRUE(remote.IsTouched(kFile, Look()));
}

}  // namespace
}  // namespace shoal
