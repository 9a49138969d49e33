#include "shoal/content/publish/folder_listing.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

std::vector<std::string> PathsIn(const std::string& folder) {
  const absl::StatusOr<std::vector<ListedFile>> files = ListFolder(folder);
  EXPECT_TRUE(files.ok()) << files.status();
  std::vector<std::string> paths;
  if (files.ok()) {
    for (const ListedFile& file : *files) paths.push_back(file.entry.path);
  }
  return paths;
}

using Paths = std::vector<std::string>;

TEST(ListFolder, IsInByteOrderAndDeep) {
  const TemporaryFolder folder;
  folder.Write("b", "12");
  folder.Write("a/x", "1");
  folder.Write("a-b", "");
  folder.Write("a/y/\xff", "");  // no UTF-8
  folder.Write("Z", "123", true);
  EXPECT_EQ(PathsIn(folder.path()), (Paths{"Z", "a-b", "a/x", "a/y/\xff", "b"}));
  const std::vector<ListedFile> files = *ListFolder(folder.path());
  EXPECT_TRUE(files[0].entry.executable);
  EXPECT_EQ(files[0].entry.length_bytes, 3u);
  EXPECT_EQ(files[0].stamp, *FileStamp::Of(folder.Path("Z")));
  EXPECT_FALSE(files[1].entry.executable);
}

TEST(ListFolder, LeavesOutWhatIsHiddenOrOurs) {
  const TemporaryFolder folder;
  folder.Write("kept", "");
  folder.Write(".hidden", "");
  folder.Write(".git/config", "");
  folder.Write("x.shoal", "");
  folder.Write("x.shoal-tmp/data", "");
  folder.Write("x.shoal-progress", "");
  ASSERT_EQ(mkfifo(folder.Path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(PathsIn(folder.path()), Paths{"kept"});
}

TEST(ListFolder, FollowsLinksOnlyToTheInside) {
  const TemporaryFolder outside;
  outside.Write("secret", "");
  const TemporaryFolder folder;
  folder.Write("real/file", "x");
  std::filesystem::create_symlink("real/file", folder.Path("to-file"));
  std::filesystem::create_symlink("real", folder.Path("to-folder"));
  std::filesystem::create_symlink(outside.path(), folder.Path("to-outside"));
  std::filesystem::create_symlink(outside.Path("secret"), folder.Path("to-secret"));
  std::filesystem::create_symlink("nowhere", folder.Path("to-nothing"));
  // A folder beside ours, whose name begins with ours.
  const std::string beside = folder.path() + "-beside";
  std::filesystem::create_directory(beside);
  std::filesystem::create_symlink(beside, folder.Path("to-beside"));
  EXPECT_EQ(PathsIn(folder.path()), (Paths{"real/file", "to-file", "to-folder/file"}));
  std::filesystem::remove(beside);
}

TEST(ListFolder, DoesNotGoRound) {
  const TemporaryFolder folder;
  folder.Write("a/b/file", "x");
  std::filesystem::create_symlink("..", folder.Path("a/up"));
  std::filesystem::create_symlink(".", folder.Path("a/b/here"));
  EXPECT_EQ(PathsIn(folder.path()), Paths{"a/b/file"});
}

TEST(ListFolder, SaysWhatItCannotPublish) {
  const TemporaryFolder folder;
  EXPECT_EQ(ListFolder(folder.Path("none")).status().code(), absl::StatusCode::kNotFound);
  folder.Write("a\\b", "");
  EXPECT_EQ(ListFolder(folder.path()).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoal
