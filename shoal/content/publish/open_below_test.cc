#include "shoal/content/publish/open_below.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "shoal/base/file_io.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

class OpenBelowTest : public testing::Test {
 protected:
  absl::StatusOr<FileDescriptor> Open(const std::string& path, int flags = O_RDONLY,
                                      MissingFolders missing = MissingFolders::kFail) {
    return OpenBelow(root_.get(), folder_.path(), path, flags, missing);
  }

  const TemporaryFolder folder_;
  const FileDescriptor root_ = *FileDescriptor::Open(folder_.path(), O_RDONLY | O_DIRECTORY);
};

TEST_F(OpenBelowTest, OpensAndMakes) {
  folder_.Write("a/b/c", "x");
  EXPECT_TRUE(Open("a/b/c").ok());
  EXPECT_EQ(Open("a/d/c", O_RDWR | O_CREAT).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Open("a/d/e/c", O_RDWR | O_CREAT, MissingFolders::kMake).ok());
  EXPECT_TRUE(std::filesystem::is_regular_file(folder_.Path("a/d/e/c")));
  EXPECT_TRUE(Open("top", O_RDWR | O_CREAT).ok());
}

TEST_F(OpenBelowTest, FollowsNoLinks) {
  const TemporaryFolder outside;
  outside.Write("secret", "x");
  std::filesystem::create_symlink(outside.path(), folder_.Path("out"));
  std::filesystem::create_symlink(outside.Path("secret"), folder_.Path("file"));
  EXPECT_FALSE(Open("out/secret").ok());
  EXPECT_FALSE(Open("file").ok());
  EXPECT_FALSE(Open("out/new", O_RDWR | O_CREAT, MissingFolders::kMake).ok());
  EXPECT_FALSE(std::filesystem::exists(outside.Path("new")));
}

TEST_F(OpenBelowTest, NamesThePlaceInItsErrors) {
  folder_.Write("file", "x");
  const absl::Status status = Open("file/below").status();
  EXPECT_NE(status.message().find(folder_.Path("file")), absl::string_view::npos) << status;
}

}  // namespace
}  // namespace shoal
