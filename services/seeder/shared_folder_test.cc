#include "services/seeder/shared_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "services/seeder/folder/open_writers.h"
#include "shoal/base/file_descriptor.h"
#include "tests/support/recording_listener.h"
#include "tests/support/temporary_folder.h"

namespace shoal::seeder {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::UnorderedElementsAre;

// Each test waits for events, so that none depends on how long something takes.
class SharedFolderTest : public ::testing::Test {
 protected:
  static SharedFolder::Options DefaultOptions() {
    SharedFolder::Options options;
    options.settle = absl::Milliseconds(20);
    options.path_check = absl::Milliseconds(20);
    options.rescan = absl::Hours(1);
    return options;
  }

  void Start(SharedFolder::Options options = DefaultOptions()) {
    if (options.path.empty()) options.path = share_.path();
    auto cache = HashCache::Open(state_.path(), share_.path());
    ASSERT_TRUE(cache.ok()) << cache.status();
    options.cache = *std::move(cache);
    catalog_ = std::make_shared<Catalog>(&listener_);
    auto folder = SharedFolder::Start(options, catalog_, &listener_);
    ASSERT_TRUE(folder.ok()) << folder.status();
    folder_ = *std::move(folder);
  }

  // Creates a file in one step, so that no unfinished version of it is published.
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

TEST_F(SharedFolderTest, PicksUpNewChangedAndRemovedFiles) {
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

TEST_F(SharedFolderTest, AnUnreadableEntryDoesNotDelayTheOthers) {
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

TEST_F(SharedFolderTest, ALinkOrAnUnusableNameIsAProblemOfThatEntryOnly) {
  share_.Write("good", "1");
  std::filesystem::create_symlink("good", share_.Path("link"));
  share_.Write("not \xff utf-8", "2");
  Start();
  const auto record = listener_.WaitForFirstScan();
  EXPECT_THAT(record.published, UnorderedElementsAre(Key("good")));
  EXPECT_THAT(record.problems, UnorderedElementsAre(Key("link"), Key("not \xff utf-8")));
}

TEST_F(SharedFolderTest, AFolderOfWhichNothingCanBePublishedIsAProblem) {
  std::filesystem::create_directory(share_.Path("links"));
  std::filesystem::create_symlink("/etc/passwd", share_.Path("links/outside"));
  Start();
  const auto record = listener_.WaitForFirstScan();
  EXPECT_THAT(record.published, IsEmpty());
  EXPECT_THAT(record.problems, UnorderedElementsAre(Key("links")));
  EXPECT_EQ(record.left_out.at("links").size(), 1u);
  share_.Write("links/file", "1");
  listener_.WaitForEvent("problem over links");
  listener_.WaitForEvent("published links");
}

TEST_F(SharedFolderTest, AProblemIsOverWhenItsEntryIsUsableOrGone) {
  share_.Write("good", "1");
  std::filesystem::create_symlink("good", share_.Path("link"));
  std::filesystem::create_symlink("good", share_.Path("other"));
  std::filesystem::create_directory(share_.Path("folder"));
  share_.Write("folder/a", "2");
  std::filesystem::create_symlink("/etc/passwd", share_.Path("folder/outside"));
  Start();
  auto record = listener_.WaitForFirstScan();
  ASSERT_THAT(record.problems, UnorderedElementsAre(Key("link"), Key("other")));
  ASSERT_EQ(record.left_out.at("folder").size(), 1u);
  std::filesystem::remove(share_.Path("link"));
  listener_.WaitForEvent("problem over link");
  std::filesystem::remove(share_.Path("other"));
  Put("other", "now a file");
  record = listener_.WaitForEvent("problem over other");
  EXPECT_THAT(record.problems, IsEmpty());
  std::filesystem::remove_all(share_.Path("folder"));
  record = listener_.Wait([](const auto& now) {
    const auto found = now.left_out.find("folder");
    return now.published.count("folder") == 0 && found != now.left_out.end() && found->second.empty();
  });
  EXPECT_EQ(record.Count("published folder"), 1u);
}

TEST_F(SharedFolderTest, RecoversWhenTheSharedFolderDisappearsAndReturns) {
  const TemporaryFolder aside;
  share_.Write("a", "1");
  Start();
  listener_.WaitForFirstScan();
  std::filesystem::rename(share_.path(), aside.Path("share"));
  auto record = listener_.WaitForEvent("problem ");
  EXPECT_THAT(record.published, IsEmpty());
  std::filesystem::rename(aside.Path("share"), share_.path());
  listener_.WaitForEvent("published a", 2);
  // The folder is watched again.
  Put("b", "2");
  listener_.WaitForEvent("published b");
}

TEST_F(SharedFolderTest, ExaminesAStaleEntryAgain) {
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

TEST_F(SharedFolderTest, PublishesManyFilesInOneSubFolder) {
  for (int i = 0; i < 3000; ++i) share_.Write("many/" + std::to_string(i), "x");
  Start();
  const auto record = listener_.WaitForFirstScan();
  EXPECT_EQ(record.published.at("many")->manifest()->chunk_count(), 3000u);
}

TEST_F(SharedFolderTest, StopsWhileItHashes) {
  // 2 GiB that take no room on the disk.
  share_.Write("large", "");
  std::filesystem::resize_file(share_.Path("large"), uint64_t{2} << 30);
  Start();
  folder_.reset();
  EXPECT_EQ(catalog_->size(), 0u);
}

TEST_F(SharedFolderTest, PublishesAFileThatReplacesAnotherWithoutWaitingForItToSettle) {
  if (FindOpenWriters(share_.Write(".probe", "x")) == OpenWriters::kUnknown) GTEST_SKIP() << "no leases";
  SharedFolder::Options options = DefaultOptions();
  Put("a", "one");
  Start(options);
  listener_.WaitForEvent("published a");
  folder_.reset();
  options.settle = absl::Hours(1);
  Start(options);
  listener_.WaitForEvent("published a", 2);
  Put("a", "another");
  const auto record = listener_.WaitForEvent("published a", 3);
  EXPECT_EQ(record.Count("withdrawn a"), 1u);
  EXPECT_EQ(record.published.at("a")->manifest()->length_bytes(), 7u);
}

TEST_F(SharedFolderTest, PublishesAFolderWithoutAFileThatStaysOpenForWriting) {
  if (FindOpenWriters(share_.Write(".probe", "x")) == OpenWriters::kUnknown) GTEST_SKIP() << "no leases";
  share_.Write("many/a", "1");
  share_.Write("many/log", "2");
  FileDescriptor log(::open(share_.Path("many/log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  SharedFolder::Options options = DefaultOptions();
  options.patience = absl::Milliseconds(50);
  Start(options);
  auto record = listener_.WaitForEvent("left out of many");
  EXPECT_EQ(record.left_out.at("many"), (std::vector<LeftOut>{{"log", kChangesReason}}));
  const ContentId without_log = record.published.at("many")->manifest()->id();
  EXPECT_EQ(record.published.at("many")->manifest()->files().size(), 1u);
  // Changes of the file concern no version.
  ASSERT_EQ(::write(log.get(), "3", 1), 1);
  log.Close();
  record = listener_.WaitForEvent("left out of many", 2);
  EXPECT_THAT(record.left_out.at("many"), IsEmpty());
  EXPECT_EQ(record.published.at("many")->manifest()->files().size(), 2u);
  EXPECT_NE(record.published.at("many")->manifest()->id(), without_log);
}

TEST_F(SharedFolderTest, NoticesThatAFileChangedUnderAnotherOfItsNames) {
  share_.Write("a", "one");
  std::filesystem::create_hard_link(share_.Path("a"), share_.Path("b"));
  Start();
  auto record = listener_.WaitForFirstScan();
  const ContentId before = record.published.at("b")->manifest()->id();
  share_.Write("a", "another");
  record = listener_.WaitForEvent("published b", 2);
  EXPECT_NE(record.published.at("b")->manifest()->id(), before);
  EXPECT_EQ(record.problems.count(""), 0u);
}

TEST_F(SharedFolderTest, ARescanNoticesWhatTheSystemDoesNotReport) {
  const TemporaryFolder elsewhere;
  share_.Write("a", "one");
  share_.Write("b", "two");
  std::filesystem::create_hard_link(share_.Path("a"), elsewhere.Path("a"));
  SharedFolder::Options options = DefaultOptions();
  options.rescan = absl::Milliseconds(20);
  Start(options);
  listener_.WaitForFirstScan();
  elsewhere.Write("a", "another");
  const auto record = listener_.WaitForEvent("published a", 2);
  EXPECT_EQ(record.Count("withdrawn a"), 1u);
  EXPECT_EQ(record.Count("published b"), 1u);
  EXPECT_EQ(record.Count("problem "), 1u);
}

TEST_F(SharedFolderTest, FollowsALinkToTheFolderThatIsSwitched) {
  share_.Write("old/a", "one");
  share_.Write("new/a", "another");
  share_.Write("new/b", "2");
  std::filesystem::create_directory_symlink("old", share_.Path("current"));
  SharedFolder::Options options = DefaultOptions();
  options.path = share_.Path("current");
  Start(options);
  auto record = listener_.WaitForFirstScan();
  const ContentId before = record.published.at("a")->manifest()->id();
  std::filesystem::create_directory_symlink("new", share_.Path("next"));
  std::filesystem::rename(share_.Path("next"), share_.Path("current"));
  listener_.WaitForEvent("published b");
  record = listener_.WaitForEvent("published a", 2);
  EXPECT_EQ(record.Count("withdrawn a"), 1u);
  EXPECT_NE(record.published.at("a")->manifest()->id(), before);
  // The other folder is watched now.
  share_.Write("new/c", "3");
  listener_.WaitForEvent("published c");
}

TEST_F(SharedFolderTest, AFileWhoseModeChangesStaysPublished) {
  share_.Write("a", "one");
  Start();
  listener_.WaitForFirstScan();
  ::chmod(share_.Path("a").c_str(), 0640);
  Put("b", "2");
  const auto record = listener_.WaitForEvent("published b");
  EXPECT_EQ(record.Count("withdrawn a"), 0u);
}

TEST(SharedFolder, RequiresAFolder) {
  RecordingListener listener;
  SharedFolder::Options options;
  options.path = "/nowhere/at/all";
  const auto folder = SharedFolder::Start(options, std::make_shared<Catalog>(&listener), &listener);
  EXPECT_TRUE(absl::IsNotFound(folder.status())) << folder.status();
}

}  // namespace
}  // namespace shoal::seeder
