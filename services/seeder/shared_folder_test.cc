#include "services/seeder/shared_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "tests/support/recording_listener.h"
#include "tests/support/temporary_folder.h"

namespace shoal::seeder {
namespace {

using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::UnorderedElementsAre;

// Waits for what it is told, so nothing here depends on how long things take.
class SharedFolderTest : public ::testing::Test {
 protected:
  void Start() {
    SharedFolder::Options options;
    options.path = share_.path();
    options.settle = absl::Milliseconds(20);
    options.look_interval = absl::Milliseconds(20);
    auto cache = HashCache::Open(state_.path(), share_.path());
    ASSERT_TRUE(cache.ok()) << cache.status();
    options.cache = *std::move(cache);
    catalog_ = std::make_shared<Catalog>(&listener_);
    auto folder = SharedFolder::Start(options, catalog_, &listener_);
    ASSERT_TRUE(folder.ok()) << folder.status();
    folder_ = *std::move(folder);
  }

  // Puts a file there in one step, so that no half of it is ever seen.
  void Put(const std::string& path, const std::string& bytes) {
    std::filesystem::rename(share_.Write(".being-written", bytes), share_.Path(path));
  }

  const TemporaryFolder share_;
  const TemporaryFolder state_;
  RecordingListener listener_;
  std::shared_ptr<Catalog> catalog_;
  std::unique_ptr<SharedFolder> folder_;
};

TEST_F(SharedFolderTest, PublishesEachFileAndEachSubFolder) {
  share_.Write("a", "1");
  share_.Write("many/b", "2");
  share_.Write("many/deep/c", "3");
  share_.Write(".hidden", "4");
  share_.Write("a.shoal", "5");
  std::filesystem::create_directory(share_.Path("empty folder"));
  Start();
  const auto record = listener_.WaitForFirstScan();
  EXPECT_THAT(record.published, UnorderedElementsAre(Key("a"), Key("many")));
  EXPECT_THAT(record.problems, IsEmpty());
  EXPECT_EQ(record.Count("first scan 2"), 1u);
  const auto& many = *record.published.at("many")->manifest();
  EXPECT_EQ(many.files().size(), 2u);
  EXPECT_NE(catalog_->Find(many.id()), nullptr);
}

TEST_F(SharedFolderTest, AnEmptyFolderIsScannedToo) {
  Start();
  EXPECT_EQ(listener_.WaitForFirstScan().Count("first scan 0"), 1u);
}

TEST_F(SharedFolderTest, PicksUpWhatAppearsChangesAndGoes) {
  Start();
  listener_.WaitForFirstScan();
  Put("a", "one");
  auto record = listener_.WaitForEvent("published a");
  const ContentId one = record.published.at("a")->manifest()->id();

  Put("a", "another");
  listener_.WaitForEvent("withdrawn a");
  record = listener_.WaitForEvent("published a", 2);
  const ContentId two = record.published.at("a")->manifest()->id();
  EXPECT_NE(one, two);
  EXPECT_EQ(catalog_->Find(one), nullptr);
  EXPECT_NE(catalog_->Find(two), nullptr);

  std::filesystem::remove(share_.Path("a"));
  listener_.WaitForEvent("withdrawn a", 2);
  EXPECT_EQ(catalog_->Find(two), nullptr);
}

TEST_F(SharedFolderTest, ASubFolderThatGainsAFileBecomesANewVersion) {
  share_.Write("many/a", "1");
  Start();
  listener_.WaitForFirstScan();
  share_.Write(".being-made/b", "2");
  std::filesystem::rename(share_.Path(".being-made"), share_.Path("many/deep"));
  const auto record = listener_.WaitForEvent("published many", 2);
  EXPECT_EQ(record.published.at("many")->manifest()->files().size(), 2u);
  std::filesystem::remove_all(share_.Path("many"));
  listener_.WaitForEvent("withdrawn many", 2);
}

TEST_F(SharedFolderTest, ARenamedEntryIsANewContent) {
  share_.Write("a", "1");
  Start();
  listener_.WaitForFirstScan();
  std::filesystem::rename(share_.Path("a"), share_.Path("b"));
  listener_.WaitForEvent("withdrawn a");
  const auto record = listener_.WaitForEvent("published b");
  EXPECT_EQ(record.published.at("b")->manifest()->name(), "b");
}

TEST_F(SharedFolderTest, ARestartHashesOnlyWhatChanged) {
  share_.Write("same", "1");
  share_.Write("changes", "2");
  Start();
  listener_.WaitForFirstScan();
  folder_.reset();
  share_.Write("changes", "something longer");
  Start();
  const auto record = listener_.Wait([](const auto& now) {
    return now.Count("published same") == 2 && now.Count("published changes") == 2;
  });
  EXPECT_TRUE(record.from_cache.at("same"));
  EXPECT_FALSE(record.from_cache.at("changes"));
}

TEST_F(SharedFolderTest, OneEntryThatCanNotBeReadDoesNotKeepTheOthersBack) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  share_.Write("good", "1");
  share_.Write("bad", "2");
  ::chmod(share_.Path("bad").c_str(), 0);
  Start();
  const auto record = listener_.WaitForFirstScan();
  EXPECT_THAT(record.published, UnorderedElementsAre(Key("good")));
  EXPECT_TRUE(absl::IsPermissionDenied(record.problems.at("bad")));
  ::chmod(share_.Path("bad").c_str(), 0644);
  listener_.WaitForEvent("published bad");
}

TEST_F(SharedFolderTest, WhatIsNoFileIsAProblemAndNotTheEnd) {
  share_.Write("good", "1");
  std::filesystem::create_symlink("good", share_.Path("link"));
  share_.Write("not \xff utf-8", "2");
  Start();
  const auto record = listener_.WaitForFirstScan();
  EXPECT_THAT(record.published, UnorderedElementsAre(Key("good")));
  EXPECT_THAT(record.problems, UnorderedElementsAre(Key("link"), Key("not \xff utf-8")));
}

TEST_F(SharedFolderTest, ASharedFolderThatGoesAndComesBack) {
  const TemporaryFolder aside;
  share_.Write("a", "1");
  Start();
  listener_.WaitForFirstScan();
  std::filesystem::rename(share_.path(), aside.Path("share"));
  auto record = listener_.WaitForEvent("problem ");
  EXPECT_THAT(record.published, IsEmpty());
  std::filesystem::rename(aside.Path("share"), share_.path());
  listener_.WaitForEvent("published a", 2);
  // And it is watched again.
  Put("b", "2");
  listener_.WaitForEvent("published b");
}

TEST_F(SharedFolderTest, AStaleSourceIsLookedAtAgain) {
  share_.Write("a", "1234");
  Start();
  auto record = listener_.WaitForFirstScan();
  // The kernel's watch has not reported the change when the chunk is requested: the path leads to another
  // file.
  const auto source = record.published.at("a");
  Put("a", "5678");
  (void)source->Open(ChunkIndex(0));
  record = listener_.WaitForEvent("published a", 2);
  EXPECT_NE(record.published.at("a")->manifest()->id(), source->manifest()->id());
}

TEST_F(SharedFolderTest, ManyFilesInOneSubFolder) {
  for (int i = 0; i < 3000; ++i) share_.Write("many/" + std::to_string(i), "x");
  Start();
  const auto record = listener_.WaitForFirstScan();
  EXPECT_EQ(record.published.at("many")->manifest()->chunk_count(), 3000u);
}

TEST_F(SharedFolderTest, EndsWhileItHashes) {
  // 2 GiB that take no room on the disk.
  share_.Write("large", "");
  std::filesystem::resize_file(share_.Path("large"), uint64_t{2} << 30);
  Start();
  folder_.reset();
  EXPECT_EQ(catalog_->size(), 0u);
}

TEST(SharedFolder, NeedsAFolder) {
  RecordingListener listener;
  SharedFolder::Options options;
  options.path = "/nowhere/at/all";
  const auto folder = SharedFolder::Start(options, std::make_shared<Catalog>(&listener), &listener);
  EXPECT_TRUE(absl::IsNotFound(folder.status())) << folder.status();
}

}  // namespace
}  // namespace shoal::seeder
