#include "services/seeder/folder/folder_watcher.h"

#include <poll.h>
#include <sys/stat.h>

#include <filesystem>
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

class FolderWatcherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto watcher = FolderWatcher::Create(share_.path());
    ASSERT_TRUE(watcher.ok()) << watcher.status();
    watcher_ = *std::move(watcher);
  }
  // The kernel queues an event before the call that caused it returns: what was done is there to be read.
  FolderWatcher::Changes Read() { return watcher_->Read(); }

  const TemporaryFolder share_;
  std::unique_ptr<FolderWatcher> watcher_;
};

TEST_F(FolderWatcherTest, NothingHappensNothingIsTold) {
  const auto changes = Read();
  EXPECT_THAT(changes.changed, IsEmpty());
  EXPECT_FALSE(changes.missed);
  EXPECT_FALSE(changes.folder_gone);
  EXPECT_TRUE(watcher_->complete());
}

TEST_F(FolderWatcherTest, FilesThatComeChangeAndGo) {
  share_.Write("a", "x");
  pollfd readable{watcher_->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&readable, 1, 0), 1);
  EXPECT_THAT(Read().changed, Contains(Pair("a", "")));
  EXPECT_THAT(Read().changed, IsEmpty());
  share_.Write("a", "y");
  EXPECT_THAT(Read().changed, Contains(Pair("a", "")));
  ::chmod(share_.Path("a").c_str(), 0755);
  EXPECT_THAT(Read().changed, Contains(Pair("a", "")));
  std::filesystem::rename(share_.Path("a"), share_.Path("b"));
  const auto renamed = Read();
  EXPECT_THAT(renamed.changed, Contains(Pair("a", "")));
  EXPECT_THAT(renamed.changed, Contains(Pair("b", "")));
  std::filesystem::remove(share_.Path("b"));
  EXPECT_THAT(Read().changed, Contains(Pair("b", "")));
}

TEST_F(FolderWatcherTest, ReadingAFileIsNoChange) {
  share_.Write("a", "x");
  Read();
  EXPECT_EQ(TemporaryFolder::Read(share_.Path("a")), "x");
  EXPECT_THAT(Read().changed, IsEmpty());
}

TEST_F(FolderWatcherTest, NamesThatAreNotOfferedArePassedOver) {
  share_.Write(".hidden", "x");
  share_.Write("a.shoal", "x");
  share_.Write("a.0123456789ab.shoal-tmp", "x");
  std::filesystem::create_directory(share_.Path(".git"));
  share_.Write(".git/config", "x");
  EXPECT_THAT(Read().changed, IsEmpty());
}

TEST_F(FolderWatcherTest, ChangesDeepDownBelongToTheEntry) {
  share_.Write("many/sub/old", "x");
  watcher_->WatchEntry("many");
  Read();
  share_.Write("many/sub/old", "y");
  EXPECT_THAT(Read().changed, Contains(Pair("many", "sub/old")));
  share_.Write("many/sub/.hidden", "y");
  EXPECT_THAT(Read().changed, IsEmpty());
  // Folders that are made later are watched from then on.
  std::filesystem::create_directories(share_.Path("many/x/y"));
  Read();
  share_.Write("many/x/y/z", "1");
  EXPECT_THAT(Read().changed, Contains(Pair("many", "x/y/z")));
  std::filesystem::remove_all(share_.Path("many/x"));
  EXPECT_THAT(Read().changed, Contains(Pair("many", "x")));
}

TEST_F(FolderWatcherTest, AFolderThatAppearsIsWatchedAtOnce) {
  std::filesystem::create_directory(share_.Path("new"));
  Read();
  share_.Write("new/a", "x");
  EXPECT_THAT(Read().changed, Contains(Pair("new", "a")));
}

TEST_F(FolderWatcherTest, AFolderThatMovesIsToldUnderItsNewName) {
  share_.Write("one/sub/a", "x");
  share_.Write("one-b/a", "x");
  std::filesystem::create_directory(share_.Path("two"));
  for (const char* entry : {"one", "one-b", "two"}) watcher_->WatchEntry(entry);
  Read();
  std::filesystem::rename(share_.Path("one/sub"), share_.Path("two/sub"));
  const auto moved = Read();
  EXPECT_THAT(moved.changed, Contains(Pair("one", "sub")));
  EXPECT_THAT(moved.changed, Contains(Pair("two", "sub")));
  share_.Write("two/sub/a", "y");
  const auto written = Read();
  EXPECT_THAT(written.changed, Contains(Pair("two", "sub/a")));
  EXPECT_THAT(written.changed, Each(Pair("two", "sub/a")));
  share_.Write("one-b/a", "y");
  EXPECT_THAT(Read().changed, Contains(Pair("one-b", "a")));
}

TEST_F(FolderWatcherTest, AFolderThatMovesAwayIsNoLongerHeardOf) {
  const TemporaryFolder elsewhere;
  share_.Write("one/a", "x");
  watcher_->WatchEntry("one");
  Read();
  std::filesystem::rename(share_.Path("one"), elsewhere.Path("one"));
  EXPECT_THAT(Read().changed, Contains(Pair("one", "")));
  elsewhere.Write("one/a", "y");
  EXPECT_THAT(Read().changed, IsEmpty());
}

TEST_F(FolderWatcherTest, TellsThatTheSharedFolderIsGone) {
  std::filesystem::remove_all(share_.path());
  EXPECT_TRUE(Read().folder_gone);
}

TEST(FolderWatcher, NeedsAFolder) {
  const TemporaryFolder folder;
  folder.Write("file", "x");
  EXPECT_TRUE(absl::IsNotFound(FolderWatcher::Create(folder.Path("none")).status()));
  EXPECT_FALSE(FolderWatcher::Create(folder.Path("file")).ok());
}

}  // namespace
}  // namespace shoal::seeder
