#include "shoal/content/publish/folder_listing.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

using Paths = std::vector<std::string>;
using Links = std::vector<LinkEntry>;

FolderListing List(const std::string& folder, LinkPolicy links = LinkPolicy::kKeepInside) {
  absl::StatusOr<FolderListing> listing = ListFolder(folder, links);
  EXPECT_TRUE(listing.ok()) << listing.status();
  return listing.ok() ? *std::move(listing) : FolderListing();
}

Paths PathsOf(const FolderListing& listing) {
  Paths paths;
  for (const ListedFile& file : listing.files) paths.push_back(file.entry.path);
  return paths;
}

// "PATH: REASON" of each entry that is left out.
Paths LeftOutOf(const FolderListing& listing) {
  Paths texts;
  for (const LeftOut& entry : listing.left_out) texts.push_back(absl::StrCat(entry.path, ": ", entry.reason));
  return texts;
}

void Link(const std::string& target, const std::string& at) {
  std::filesystem::create_directories(std::filesystem::path(at).parent_path());
  std::filesystem::create_symlink(target, at);
}

TEST(ListFolder, IsInByteOrderAndDeep) {
  const TemporaryFolder folder;
  folder.Write("b", "12");
  folder.Write("a/x", "1");
  folder.Write("a-b", "");
  folder.Write("a/y/\xff", "");  // no UTF-8
  folder.Write("Z", "123", true);
  const FolderListing listing = List(folder.path());
  EXPECT_EQ(PathsOf(listing), (Paths{"Z", "a-b", "a/x", "a/y/\xff", "b"}));
  EXPECT_TRUE(listing.files[0].entry.executable);
  EXPECT_EQ(listing.files[0].entry.length_bytes, 3u);
  EXPECT_EQ(listing.files[0].stamp, *FileStamp::Of(folder.Path("Z")));
  EXPECT_FALSE(listing.files[1].entry.executable);
  EXPECT_EQ(listing.empty_folders, Paths());
  EXPECT_EQ(listing.links, Links());
  EXPECT_EQ(LeftOutOf(listing), Paths());
}

TEST(ListFolder, HasHiddenFilesAndMetadataFiles) {
  const TemporaryFolder folder;
  folder.Write(".hidden", "");
  folder.Write(".git/config", "");
  folder.Write("x.shoal", "");
  EXPECT_EQ(PathsOf(List(folder.path())), (Paths{".git/config", ".hidden", "x.shoal"}));
}

TEST(ListFolder, HasEmptyFolders) {
  const TemporaryFolder folder;
  folder.Write("kept", "");
  std::filesystem::create_directories(folder.Path("a/b/c"));
  std::filesystem::create_directories(folder.Path("z"));
  folder.Write("pipes/deep/file", "");
  // A folder of which everything is left out is as empty as the receiver will see it.
  std::filesystem::create_directories(folder.Path("only-a-pipe"));
  ASSERT_EQ(mkfifo(folder.Path("only-a-pipe/p").c_str(), 0600), 0);
  Link("/etc/passwd", folder.Path("only-a-link/l"));
  Link("/etc/passwd", folder.Path("only-links/deep/l"));
  Link("/etc/passwd", folder.Path("only-links/l"));
  const FolderListing listing = List(folder.path());
  EXPECT_EQ(PathsOf(listing), (Paths{"kept", "pipes/deep/file"}));
  EXPECT_EQ(listing.empty_folders, (Paths{"a/b/c", "only-a-link", "only-a-pipe", "only-links/deep", "z"}));
  EXPECT_EQ(listing.left_out.size(), 4u);
}

TEST(ListFolder, NamesWhatItLeavesOut) {
  const TemporaryFolder folder;
  folder.Write("kept", "");
  folder.Write("a\\b", "");
  folder.Write("x.shoal-tmp/data", "");
  folder.Write(".x.shoal-progress", "");
  ASSERT_EQ(mkfifo(folder.Path("fifo").c_str(), 0600), 0);
  ASSERT_EQ(mknod(folder.Path("socket").c_str(), S_IFSOCK | 0600, 0), 0);
  const FolderListing listing = List(folder.path());
  EXPECT_EQ(PathsOf(listing), Paths{"kept"});
  EXPECT_EQ(LeftOutOf(listing),
            (Paths{".x.shoal-progress: it belongs to an unfinished download",
                   "a\\b: its name has a backslash", "fifo: it is a FIFO", "socket: it is a socket",
                   "x.shoal-tmp: it belongs to an unfinished download"}));
}

TEST(ListFolder, LeavesOutPathsThatAreTooLong) {
  const TemporaryFolder folder;
  folder.Write("kept", "");
  // Made from within, since the system bounds a path as well.
  int at = open(folder.path().c_str(), O_PATH | O_DIRECTORY);
  for (int i = 0; i < 20; ++i) {
    const std::string name(250, 'x');
    ASSERT_EQ(mkdirat(at, name.c_str(), 0700), 0);
    const int next = openat(at, name.c_str(), O_PATH | O_DIRECTORY);
    close(at);
    at = next;
  }
  close(at);
  const FolderListing listing = List(folder.path());
  EXPECT_EQ(PathsOf(listing), Paths{"kept"});
  ASSERT_EQ(listing.left_out.size(), 1u);
  EXPECT_EQ(listing.empty_folders.size(), 1u);
}

TEST(ListFolder, LeavesOutWhatItMayNotRead) {
  const TemporaryFolder folder;
  chmod(folder.path().c_str(), 0755);
  folder.Write("kept", "");
  chmod(folder.Write("secret", "").c_str(), 0);
  folder.Write("locked/file", "");
  chmod(folder.Path("locked").c_str(), 0);
  // Root may read everything.
  const bool is_root = geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(seteuid(65534), 0);
  }
  const FolderListing listing = List(folder.path());
  if (is_root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  chmod(folder.Path("locked").c_str(), 0700);
  EXPECT_EQ(PathsOf(listing), Paths{"kept"});
  EXPECT_EQ(LeftOutOf(listing), (Paths{"locked: it can't be read: Permission denied",
                                       "secret: it can't be read: Permission denied"}));
}

TEST(ListFolder, KeepsLinksThatStayInside) {
  const TemporaryFolder folder;
  folder.Write("real/file", "x");
  Link("real/file", folder.Path("to-file"));
  Link("real", folder.Path("to-folder"));
  Link("../real/./file", folder.Path("sub/up"));
  Link("nowhere", folder.Path("to-nothing"));
  Link("..", folder.Path("real/to-above"));
  Link(".", folder.Path("real/here"));
  const FolderListing listing = List(folder.path());
  EXPECT_EQ(PathsOf(listing), Paths{"real/file"});
  EXPECT_EQ(listing.links, (Links{{"real/here", "."},
                                  {"real/to-above", ".."},
                                  {"sub/up", "../real/./file"},
                                  {"to-file", "real/file"},
                                  {"to-folder", "real"},
                                  {"to-nothing", "nowhere"}}));
  EXPECT_EQ(LeftOutOf(listing), Paths());
}

TEST(ListFolder, LeavesOutLinksThatLeadOutside) {
  const TemporaryFolder outside;
  outside.Write("secret", "");
  const TemporaryFolder folder;
  folder.Write("real/file", "x");
  Link(outside.path(), folder.Path("absolute"));
  Link(folder.Path("real"), folder.Path("absolute-inside"));
  Link("absolute/secret", folder.Path("through"));
  Link("real/../..", folder.Path("above"));
  Link("up/../x", folder.Path("real/through-up"));
  Link("..", folder.Path("real/up"));
  Link("round", folder.Path("round"));
  const FolderListing listing = List(folder.path());
  EXPECT_EQ(PathsOf(listing), Paths{"real/file"});
  EXPECT_EQ(listing.links, (Links{{"real/up", ".."}}));
  EXPECT_EQ(
      LeftOutOf(listing),
      (Paths{"above: it is a link to 'real/../..', which leads out of the folder",
             absl::StrCat("absolute: it is a link to '", outside.path(), "', which is absolute"),
             absl::StrCat("absolute-inside: it is a link to '", folder.Path("real"), "', which is absolute"),
             "real/through-up: it is a link to 'up/../x', which leads out of the folder",
             "round: it is a link to 'round', which leads to itself, or through more than 40 links",
             "through: it is a link to 'absolute/secret', which leads to a link that is refused (which is "
             "absolute)"}));
}

TEST(ListFolder, FollowsLinksThatLeadOutsideIfTold) {
  const TemporaryFolder outside;
  outside.Write("tree/file", "12", true);
  outside.Write("other", "3");
  Link("file", outside.Path("tree/link"));
  Link("../other", outside.Path("tree/out"));
  std::filesystem::create_directories(outside.Path("void"));
  const TemporaryFolder folder;
  folder.Write("real/file", "x");
  Link("file", folder.Path("real/link"));
  Link(outside.Path("tree"), folder.Path("real/tree"));
  Link(outside.Path("other"), folder.Path("other"));
  Link(outside.Path("void"), folder.Path("void"));
  Link(outside.Path("none"), folder.Path("none"));
  Link("/dev/null", folder.Path("null"));
  const FolderListing listing = List(folder.path(), LinkPolicy::kFollow);
  EXPECT_EQ(PathsOf(listing), (Paths{"other", "real/file", "real/tree/file", "real/tree/out"}));
  EXPECT_TRUE(listing.files[2].entry.executable);
  EXPECT_EQ(listing.files[2].stamp, *FileStamp::Of(outside.Path("tree/file")));
  // Links that stay inside remain links, also within a folder that was followed.
  EXPECT_EQ(listing.links, (Links{{"real/link", "file"}, {"real/tree/link", "file"}}));
  EXPECT_EQ(listing.empty_folders, Paths{"void"});
  EXPECT_EQ(LeftOutOf(listing),
            (Paths{absl::StrCat("none: it is a link to '", outside.Path("none"), "', which does not exist"),
                   "null: it is a device"}));
}

TEST(ListFolder, EndsWithCircularLinks) {
  const TemporaryFolder outside;
  const TemporaryFolder folder;
  folder.Write("a/b/file", "x");
  Link(folder.Path("a"), folder.Path("a/b/above"));
  Link(outside.path(), folder.Path("out"));
  Link(folder.path(), outside.Path("back"));
  const FolderListing listing = List(folder.path(), LinkPolicy::kFollow);
  EXPECT_EQ(PathsOf(listing), Paths{"a/b/file"});
  EXPECT_EQ(listing.empty_folders, Paths{"out"});
  EXPECT_EQ(
      LeftOutOf(listing),
      (Paths{absl::StrCat("a/b/above: it is a link to '", folder.Path("a"), "', a folder that contains it"),
             absl::StrCat("out/back: it is a link to '", folder.path(), "', a folder that contains it")}));
}

TEST(ListFolder, ReportsAFolderThatIsNotThere) {
  const TemporaryFolder folder;
  EXPECT_EQ(ListFolder(folder.Path("none")).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace shoal
