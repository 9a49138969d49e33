#include "services/seeder/folder/folder_watcher.h"

#include <poll.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "tests/support/temporary_folder.h"

namespace shoal::seeder {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::IsEmpty;
using ::testing::Pair;

auto At(const std::string& entry, const std::string& path) {
  return ::testing::Key(Pair(entry, path));
}

class FolderWatcherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto watcher = FolderWatcher::Create(share_.path());
    ASSERT_TRUE(watcher.ok()) << watcher.status();
    watcher_ = *std::move(watcher);
  }
  // The kernel queues an event before the system call that caused it returns.
  FolderWatcher::Changes Read() { return watcher_->Read(); }

  const TemporaryFolder share_;
  std::unique_ptr<FolderWatcher> watcher_;
};

TEST_F(FolderWatcherTest, ReportsNothingWithoutAChange) {
  const auto changes = Read();
  EXPECT_THAT(changes.changed, IsEmpty());
  EXPECT_FALSE(changes.missed);
  EXPECT_FALSE(changes.folder_gone);
  EXPECT_TRUE(watcher_->complete());
}

TEST_F(FolderWatcherTest, ReportsFilesThatAppearChangeAndDisappear) {
  share_.Write("a", "x");
  pollfd readable{watcher_->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&readable, 1, 0), 1);
  EXPECT_THAT(Read().changed, Contains(At("a", "")));
  EXPECT_THAT(Read().changed, IsEmpty());
  share_.Write("a", "y");
  EXPECT_THAT(Read().changed, Contains(At("a", "")));
  ::chmod(share_.Path("a").c_str(), 0755);
  EXPECT_THAT(Read().changed, Contains(At("a", "")));
  std::filesystem::rename(share_.Path("a"), share_.Path("b"));
  const auto renamed = Read();
  EXPECT_THAT(renamed.changed, Contains(At("a", "")));
  EXPECT_THAT(renamed.changed, Contains(At("b", "")));
  std::filesystem::remove(share_.Path("b"));
  EXPECT_THAT(Read().changed, Contains(At("b", "")));
}

TEST_F(FolderWatcherTest, ReadingAFileIsNotAChange) {
  share_.Write("a", "x");
  Read();
  EXPECT_EQ(TemporaryFolder::Read(share_.Path("a")), "x");
  EXPECT_THAT(Read().changed, IsEmpty());
}

TEST_F(FolderWatcherTest, SkipsNamesThatAreNotOffered) {
  share_.Write(".hidden", "x");
  share_.Write("a.shoal", "x");
  share_.Write("a.0123456789ab.shoal-tmp", "x");
  std::filesystem::create_directory(share_.Path(".git"));
  share_.Write(".git/config", "x");
  EXPECT_THAT(Read().changed, IsEmpty());
}

TEST_F(FolderWatcherTest, ReportsADeepChangeUnderItsEntry) {
  share_.Write("many/sub/old", "x");
  watcher_->WatchEntry("many");
  Read();
  share_.Write("many/sub/old", "y");
  EXPECT_THAT(Read().changed, Contains(At("many", "sub/old")));
  // Below an entry hidden files and folders count.
  share_.Write("many/sub/.hidden", "y");
  EXPECT_THAT(Read().changed, Contains(At("many", "sub/.hidden")));
  std::filesystem::create_directories(share_.Path("many/.git"));
  Read();
  share_.Write("many/.git/config", "y");
  EXPECT_THAT(Read().changed, Contains(At("many", ".git/config")));
  // Folders that are created later are watched as well.
  std::filesystem::create_directories(share_.Path("many/x/y"));
  Read();
  share_.Write("many/x/y/z", "1");
  EXPECT_THAT(Read().changed, Contains(At("many", "x/y/z")));
  std::filesystem::remove_all(share_.Path("many/x"));
  EXPECT_THAT(Read().changed, Contains(At("many", "x")));
}

TEST_F(FolderWatcherTest, WatchesANewFolderAtOnce) {
  std::filesystem::create_directory(share_.Path("new"));
  Read();
  share_.Write("new/a", "x");
  EXPECT_THAT(Read().changed, Contains(At("new", "a")));
}

TEST_F(FolderWatcherTest, ReportsAMovedFolderUnderItsNewName) {
  share_.Write("one/sub/a", "x");
  share_.Write("one-b/a", "x");
  std::filesystem::create_directory(share_.Path("two"));
  for (const char* entry : {"one", "one-b", "two"}) watcher_->WatchEntry(entry);
  Read();
  std::filesystem::rename(share_.Path("one/sub"), share_.Path("two/sub"));
  const auto moved = Read();
  EXPECT_THAT(moved.changed, Contains(At("one", "sub")));
  EXPECT_THAT(moved.changed, Contains(At("two", "sub")));
  share_.Write("two/sub/a", "y");
  const auto written = Read();
  EXPECT_THAT(written.changed, Contains(At("two", "sub/a")));
  EXPECT_THAT(written.changed, Each(At("two", "sub/a")));
  share_.Write("one-b/a", "y");
  EXPECT_THAT(Read().changed, Contains(At("one-b", "a")));
}

TEST_F(FolderWatcherTest, IgnoresAFolderThatWasMovedAway) {
  const TemporaryFolder elsewhere;
  share_.Write("one/a", "x");
  watcher_->WatchEntry("one");
  Read();
  std::filesystem::rename(share_.Path("one"), elsewhere.Path("one"));
  EXPECT_THAT(Read().changed, Contains(At("one", "")));
  elsewhere.Write("one/a", "y");
  EXPECT_THAT(Read().changed, IsEmpty());
}

TEST_F(FolderWatcherTest, TellsWritingFromClosingAndFromRenamingIntoPlace) {
  using Event = FolderWatcher::Event;
  const auto event_at = [&](const char* entry) {
    const auto changes = Read();
    const auto found = changes.changed.find({entry, ""});
    return found == changes.changed.end() ? std::nullopt : std::optional(found->second);
  };
  {
    std::ofstream file(share_.Path("a"));
    EXPECT_EQ(event_at("a"), Event::kWritten);
    file << "x" << std::flush;
    EXPECT_EQ(event_at("a"), Event::kWritten);
  }
  EXPECT_EQ(event_at("a"), Event::kClosed);
  std::filesystem::rename(share_.Path("a"), share_.Path("b"));
  ::chmod(share_.Path("b").c_str(), 0755);
  EXPECT_EQ(event_at("b"), Event::kMovedIn);
  std::filesystem::remove(share_.Path("b"));
  EXPECT_EQ(event_at("b"), Event::kOther);
}

TEST_F(FolderWatcherTest, NoticesThatThePathLeadsElsewhere) {
  EXPECT_TRUE(watcher_->PathIsWatched());
  const TemporaryFolder aside;
  std::filesystem::rename(share_.path(), aside.Path("share"));
  EXPECT_FALSE(watcher_->PathIsWatched());
  std::filesystem::create_directory(share_.path());
  EXPECT_FALSE(watcher_->PathIsWatched());
  std::filesystem::remove(share_.path());
  std::filesystem::create_directory_symlink(aside.Path("share"), share_.path());
  EXPECT_TRUE(watcher_->PathIsWatched());
}

TEST_F(FolderWatcherTest, ReportsThatTheSharedFolderIsGone) {
  std::filesystem::remove_all(share_.path());
  EXPECT_TRUE(Read().folder_gone);
}

TEST(FolderWatcher, RequiresAFolder) {
  const TemporaryFolder folder;
  folder.Write("file", "x");
  EXPECT_TRUE(absl::IsNotFound(FolderWatcher::Create(folder.Path("none")).status()));
  EXPECT_FALSE(FolderWatcher::Create(folder.Path("file")).ok());
}

}  // namespace
}  // namespace shoal::seeder
