#include "shoal/content/store/one_chunk_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

class OneChunkFilesTest : public testing::Test {
 protected:
  absl::Status Write(uint32_t file) {
    return files_.Write(FileIndex(file), AsBytes(sample_.files()[file].bytes));
  }
  bool IsTouched(uint32_t file) {
    struct stat info = {};
    return stat(folder_.Path(sample_.files()[file].path).c_str(), &info) != 0 ||
           own_changes_.IsTouched(FileIndex(file), info);
  }
  std::string Read(uint32_t file) { return folder_.Read(folder_.Path(sample_.files()[file].path)); }

  const TemporaryFolder folder_;
  const SampleContent sample_ = SampleContent::OfFolder("c", {{"a/1", "one", false},
                                                              {"a/2", "two", false},
                                                              {"a/3", "three", false},
                                                              {"a/4", "four", false},
                                                              {"top", "top", false}});
  const FileDescriptor root_ = *FileDescriptor::Open(folder_.path(), O_RDONLY | O_DIRECTORY);
  const TargetFileSystem file_system_{folder_.path()};
  OwnChanges own_changes_{5, /*times_are_local=*/true};
  OneChunkFiles files_{sample_.manifest(), root_.get(), folder_.path(), file_system_, own_changes_};
};

TEST_F(OneChunkFilesTest, AreMadeWhenTheirChunkComes) {
  for (uint32_t file = 0; file < 5; ++file) {
    EXPECT_FALSE(std::filesystem::exists(folder_.Path(sample_.files()[file].path)));
    ASSERT_TRUE(Write(file).ok());
    EXPECT_EQ(Read(file), sample_.files()[file].bytes);
  }
}

TEST_F(OneChunkFilesTest, AreKnownWhenTheyWereWrittenOnce) {
  EXPECT_TRUE(IsTouched(0));
  ASSERT_TRUE(Write(0).ok());
  EXPECT_FALSE(IsTouched(0));
  ASSERT_TRUE(Write(0).ok());
  EXPECT_TRUE(IsTouched(0));
  folder_.Write("a/2", "from an earlier run, and longer");
  ASSERT_TRUE(Write(1).ok());
  EXPECT_TRUE(IsTouched(1));
  EXPECT_EQ(Read(1), "two");
}

TEST_F(OneChunkFilesTest, AFolderThatIsReplacedIsFoundAgain) {
  ASSERT_TRUE(Write(0).ok());
  ASSERT_TRUE(Write(1).ok());
  ASSERT_TRUE(Write(2).ok()) << "by way of the folder, which is open by now";
  std::filesystem::remove_all(folder_.Path("a"));
  ASSERT_TRUE(Write(3).ok());
  EXPECT_EQ(Read(3), "four");
}

TEST_F(OneChunkFilesTest, FollowNoLinks) {
  const TemporaryFolder outside;
  std::filesystem::create_symlink(outside.path(), folder_.Path("a"));
  std::filesystem::create_symlink(outside.Write("victim", "precious"), folder_.Path("top"));
  for (uint32_t file = 0; file < 5; ++file) EXPECT_FALSE(Write(file).ok());
  EXPECT_EQ(outside.Read(outside.Path("victim")), "precious");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(outside.path()), {}), 1);
}

TEST_F(OneChunkFilesTest, SayWhatIsInTheWay) {
  std::filesystem::create_directory(folder_.Path("top"));
  const absl::Status status = Write(4);
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find(folder_.Path("top")), absl::string_view::npos) << status;
}

}  // namespace
}  // namespace shoal
