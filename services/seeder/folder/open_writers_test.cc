#include "services/seeder/folder/open_writers.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace shoal::seeder {
namespace {

class OpenWritersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (FindOpenWriters(path_) == OpenWriters::kUnknown) GTEST_SKIP() << "no leases on this file system";
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.Write("a", "bytes");
};

TEST_F(OpenWritersTest, FindsAWriterUntilItCloses) {
  EXPECT_EQ(FindOpenWriters(path_), OpenWriters::kNone);
  FileDescriptor writer(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  ASSERT_TRUE(writer.valid());
  EXPECT_EQ(FindOpenWriters(path_), OpenWriters::kSome);
  writer.Close();
  EXPECT_EQ(FindOpenWriters(path_), OpenWriters::kNone);
}

TEST_F(OpenWritersTest, ReadersDoNotCount) {
  const FileDescriptor reader(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(reader.valid());
  EXPECT_EQ(FindOpenWriters(path_), OpenWriters::kNone);
}

TEST_F(OpenWritersTest, AMappingForWritingCountsAfterItsDescriptorIsClosed) {
  FileDescriptor writer(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  void* const mapped = ::mmap(nullptr, 4, PROT_READ | PROT_WRITE, MAP_SHARED, writer.get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  writer.Close();
  EXPECT_EQ(FindOpenWriters(path_), OpenWriters::kSome);
  ::munmap(mapped, 4);
  EXPECT_EQ(FindOpenWriters(path_), OpenWriters::kNone);
}

TEST_F(OpenWritersTest, KeepsNoLease) {
  EXPECT_EQ(FindOpenWriters(path_), OpenWriters::kNone);
  // With a lease in place this would fail with EWOULDBLOCK.
  const FileDescriptor writer(::open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  EXPECT_TRUE(writer.valid());
}

TEST(OpenWriters, IsUnknownForWhatHasNoLease) {
  const TemporaryFolder folder;
  EXPECT_EQ(FindOpenWriters(folder.Path("none")), OpenWriters::kUnknown);
  ASSERT_EQ(::mkfifo(folder.Path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(FindOpenWriters(folder.Path("pipe")), OpenWriters::kUnknown);
}

}  // namespace
}  // namespace shoal::seeder
