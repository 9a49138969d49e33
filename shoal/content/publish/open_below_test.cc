#include "shoal/content/publish/open_below.h"

#include <fcntl.h>

#include <filesystem>

#include <gtest/gtest.h>

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

TEST_F(OpenBelowTest, OpensAndCreates) {
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

TEST_F(OpenBelowTest, NamesThePathInItsErrors) {
  folder_.Write("file", "x");
  const absl::Status status = Open("file/below").status();
  EXPECT_NE(status.message().find(folder_.Path("file")), absl::string_view::npos) << status;
}

absl::StatusOr<FileDescriptor> Root() {
  return FileDescriptor::Open("/", O_PATH | O_DIRECTORY);
}

TEST(OpenFolders, OpensAFolderTheSecondTime) {
  OpenFolders folders;
  EXPECT_EQ(folders.Find("a", Root), nullptr);
  const auto second = folders.Find("a", Root);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(folders.Find("a", [] { return absl::InternalError("not asked again"); }), second);
  EXPECT_EQ(folders.Find("b", Root), nullptr);
}

TEST(OpenFolders, KeepsAFewFolders) {
  OpenFolders folders;
  const auto find_twice = [&](const std::string& name) {
    folders.Find(name, Root);
    return folders.Find(name, Root);
  };
  std::weak_ptr<const FileDescriptor> first = find_twice("0");
  const std::weak_ptr<const FileDescriptor> second = find_twice("1");
  folders.Find("0", Root);
  for (size_t i = 2; i <= OpenFolders::kMaxOpen; ++i) find_twice(std::to_string(i));
  EXPECT_FALSE(first.expired());
  EXPECT_TRUE(second.expired()) << "the least recently used";
}

TEST(OpenFolders, AFolderThatCannotBeOpenedIsTriedAgain) {
  OpenFolders folders;
  folders.Find("a", Root);
  EXPECT_EQ(folders.Find("a", [] { return absl::NotFoundError("not yet"); }), nullptr);
  EXPECT_NE(folders.Find("a", Root), nullptr);
}

TEST(OpenFolders, ADroppedFolderIsForgotten) {
  OpenFolders folders;
  folders.Find("a", Root);
  folders.Find("a", Root);
  folders.Drop("a");
  EXPECT_EQ(folders.Find("a", Root), nullptr);
}

}  // namespace

}  // namespace shoal
