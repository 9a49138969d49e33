#include "shoal/base/output_path.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/base/error_cause.h"

namespace shoal {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class OutputPathTest : public testing::Test {
 protected:
  OutputPathTest() {
    std::string name = testing::TempDir() + "output_path_XXXXXX";
    root_ = ::mkdtemp(name.data());
    fs::create_directories(root_ + "/src/sub");
    std::ofstream(root_ + "/src/sub/a.bin") << "a";
    std::ofstream(root_ + "/file") << "f";
  }
  ~OutputPathTest() override { fs::remove_all(root_); }

  std::string At(const std::string& path) const { return root_ + "/" + path; }
  ErrorCause CauseOfFile(const std::string& path) const { return CauseOf(CheckOutputFile(At(path))); }
  // How many names there are below the root.
  int Entries() const {
    const fs::recursive_directory_iterator all(root_);
    return static_cast<int>(std::distance(fs::begin(all), fs::end(all)));
  }
  void ExpectRefused(const std::string& output, const std::string& input) const {
    EXPECT_EQ(CauseOf(CheckOutputOutsideInput(At(output), At(input))), ErrorCause::kOutputInInput)
        << output << " for " << input;
  }
  void ExpectAccepted(const std::string& output, const std::string& input) const {
    EXPECT_TRUE(CheckOutputOutsideInput(At(output), At(input)).ok()) << output << " for " << input;
  }

  std::string root_;
};

TEST_F(OutputPathTest, AFileMayBeNewOrReplaced) {
  const int before = Entries();
  EXPECT_TRUE(CheckOutputFile(At("new")).ok());
  EXPECT_TRUE(CheckOutputFile(At("file")).ok());
  EXPECT_EQ(Entries(), before);
}

TEST_F(OutputPathTest, AFileNeedsAFolderAndAName) {
  EXPECT_EQ(CauseOfFile("src"), ErrorCause::kUsage);
  EXPECT_EQ(CauseOfFile("new/"), ErrorCause::kUsage);
  EXPECT_EQ(CauseOfFile("gone/new"), ErrorCause::kNoSuchPath);
  EXPECT_EQ(CauseOfFile("file/new"), ErrorCause::kUsage);
  EXPECT_EQ(CauseOf(CheckOutputFile("")), ErrorCause::kUsage);
  EXPECT_EQ(CauseOf(CheckOutputFile("/dev/null")), ErrorCause::kUsage);
  EXPECT_THAT(std::string(CheckOutputFile(At("src")).message()), HasSubstr(At("src") + " is a folder"));
}

TEST_F(OutputPathTest, AFolderIsMade) {
  EXPECT_TRUE(CheckOutputFolder(At("x/y/")).ok());
  EXPECT_TRUE(fs::is_directory(At("x/y")));
  EXPECT_TRUE(fs::is_empty(At("x/y")));
  EXPECT_EQ(CauseOf(CheckOutputFolder(At("file"))), ErrorCause::kUsage);
  EXPECT_EQ(CauseOf(CheckOutputFolder(At("file/x"))), ErrorCause::kUsage);
}

TEST_F(OutputPathTest, AFolderNameIsCheckedWithoutMakingIt) {
  const int before = Entries();
  EXPECT_TRUE(CheckFolderName(At("x/y")).ok());
  EXPECT_TRUE(CheckFolderName(At("src")).ok());
  EXPECT_EQ(CauseOf(CheckFolderName(At("file"))), ErrorCause::kUsage);
  EXPECT_EQ(CauseOf(CheckFolderName(At("file/x/y"))), ErrorCause::kUsage);
  EXPECT_EQ(Entries(), before);
}

TEST_F(OutputPathTest, TheInputItselfIsRefused) {
  ExpectRefused("src", "src");
  ExpectRefused("file", "file");
  ExpectRefused("src/../file", "file");
  fs::create_symlink(At("file"), At("link"));
  ExpectRefused("link", "file");
  ExpectRefused("file", "link");
  fs::create_hard_link(At("file"), At("hard"));
  ExpectRefused("hard", "file");
}

TEST_F(OutputPathTest, InsideTheInputIsRefused) {
  ExpectRefused("src/out", "src");
  ExpectRefused("src/sub/a.bin", "src");
  ExpectRefused("src/sub/new/deep/out", "src");
  fs::create_symlink(At("src/sub"), At("way_in"));
  ExpectRefused("way_in/out", "src");
  fs::create_symlink(At("src/sub/a.bin"), At("into"));
  ExpectRefused("into", "src");
  fs::create_symlink(At("src"), At("other_name"));
  ExpectRefused("src/out", "other_name");
}

TEST_F(OutputPathTest, AFolderAroundTheInputIsRefused) {
  ExpectRefused("src", "src/sub");
  ExpectRefused("src", "src/sub/a.bin");
}

TEST_F(OutputPathTest, OtherPathsAreAccepted) {
  ExpectAccepted("out", "src");
  ExpectAccepted("src2", "src");
  ExpectAccepted("srcs/new/out", "src");
  ExpectAccepted("out", "file");
  ExpectAccepted("src/out", "src/sub");
  ExpectAccepted("src", "gone");
  fs::create_symlink(At("file"), At("src/way_out"));
  ExpectRefused("src/way_out", "src");  // the name lies there
}

}  // namespace
}  // namespace shoal
