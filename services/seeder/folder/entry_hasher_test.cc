#include "services/seeder/folder/entry_hasher.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"
#include "tests/support/temporary_folder.h"

namespace shoal::seeder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = HashOutcome::Kind;

// A test moves it ahead of the machine's clock, from which the files have their times.
class ShiftedClock final : public Clock {
 public:
  absl::Time Now() const override { return Clock::Real().Now() + shift(); }
  absl::Duration Uptime() const override { return Clock::Real().Uptime() + shift(); }
  void Advance(absl::Duration by) {
    MutexLock lock(&mutex_);
    shift_ += by;
  }

 private:
  absl::Duration shift() const {
    MutexLock lock(&mutex_);
    return shift_;
  }

  mutable Mutex mutex_;
  absl::Duration shift_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
};

class EntryHasherTest : public ::testing::Test {
 protected:
  void Start() {
    EntryHasher::Options options;
    options.folder = share_.path();
    options.settle = absl::Hours(1);
    options.patience = absl::Hours(10);
    options.clock = &clock_;
    options.cache = cache_;
    options.links = links_;
    options.can_be_read = [this](const std::string&) {
      ++read_attempts_;
      return can_be_read_.load();
    };
    options.find_open_writers = [this](const std::string& path) {
      MutexLock lock(&mutex_);
      const auto known = writers_.find(path);
      return known == writers_.end() ? default_writers_ : known->second;
    };
    options.on_progress = [this](const std::string&, uint64_t, uint64_t) {
      MutexLock lock(&mutex_);
      hashing_ = true;
      changed_.NotifyAll();
      while (held_) changed_.Wait(&mutex_);
    };
    options.on_outcome = [this](HashOutcome outcome) {
      MutexLock lock(&mutex_);
      outcomes_.push_back(std::move(outcome));
      changed_.NotifyAll();
    };
    options.on_outdated = [this](const HashJob& job, const std::string& path) {
      MutexLock lock(&mutex_);
      outdated_.push_back(job.entry + ": " + path);
    };
    options.on_cache_lost = [](const absl::Status& why) { ADD_FAILURE() << why; };
    hasher_ = std::make_unique<EntryHasher>(std::move(options));
  }

  void SetWriters(const std::string& path, OpenWriters writers) {
    MutexLock lock(&mutex_);
    writers_[share_.Path(path)] = writers;
  }

  HashOutcome NextOutcome() {
    MutexLock lock(&mutex_);
    while (outcomes_.empty()) changed_.Wait(&mutex_);
    HashOutcome outcome = std::move(outcomes_.front());
    outcomes_.erase(outcomes_.begin());
    return outcome;
  }

  HashOutcome Examine(HashJob job) {
    if (hasher_ == nullptr) Start();
    hasher_->Submit(std::move(job));
    return NextOutcome();
  }
  HashOutcome Examine(const std::string& entry) { return Examine(HashJob{.entry = entry}); }

  static std::shared_ptr<const HashedVersion> VersionOf(const BuiltManifest& built) {
    return std::make_shared<const HashedVersion>(
        HashedVersion{std::make_shared<const Manifest>(built.manifest), built.root, built.stamps,
                      FingerprintOf(built.manifest, built.stamps)});
  }

  static std::vector<std::string> FilesOf(const HashOutcome& outcome) {
    std::vector<std::string> paths;
    for (const FileEntry& file : outcome.built->manifest.files()) paths.push_back(file.path);
    return paths;
  }

  const TemporaryFolder share_;
  ShiftedClock clock_;
  std::atomic<bool> can_be_read_ = false;
  std::atomic<int> read_attempts_ = 0;
  std::shared_ptr<const HashCache> cache_;
  LinkPolicy links_ = LinkPolicy::kKeepInside;
  OpenWriters default_writers_ = OpenWriters::kNone;
  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, OpenWriters> writers_ ABSL_GUARDED_BY(mutex_);
  std::vector<HashOutcome> outcomes_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> outdated_ ABSL_GUARDED_BY(mutex_);
  bool held_ ABSL_GUARDED_BY(mutex_) = false;  // hashing waits in its report of progress
  bool hashing_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<EntryHasher> hasher_;  // last: its threads use the rest
};

TEST_F(EntryHasherTest, BuildsAFileOnceItHasSettled) {
  share_.Write("a", "bytes");
  HashOutcome outcome = Examine("a");
  ASSERT_EQ(outcome.kind, Kind::kUnsettled);
  EXPECT_GT(outcome.settles_in, absl::Minutes(50));
  EXPECT_LE(outcome.settles_in, absl::Hours(1));
  EXPECT_FALSE(outcome.open_for_writing);
  clock_.Advance(absl::Hours(1));
  outcome = Examine("a");
  ASSERT_EQ(outcome.kind, Kind::kBuilt);
  EXPECT_FALSE(outcome.from_cache);
  EXPECT_EQ(outcome.built->manifest.name(), "a");
  EXPECT_EQ(Examine(HashJob{.entry = "a", .published = VersionOf(*outcome.built)}).kind, Kind::kUnchanged);
}

TEST_F(EntryHasherTest, DoesNotBuildAFileWhileItIsOpenForWriting) {
  share_.Write("a", "bytes");
  SetWriters("a", OpenWriters::kSome);
  for (int hours = 1; hours < 30; hours += 9) {
    clock_.Advance(absl::Hours(9));
    const HashOutcome outcome = Examine("a");
    ASSERT_EQ(outcome.kind, Kind::kUnsettled);
    EXPECT_TRUE(outcome.open_for_writing);
    EXPECT_EQ(outcome.overdue, hours > 10);
    EXPECT_LE(outcome.settles_in, absl::Seconds(5));
    EXPECT_THAT(std::string(outcome.why.message()), HasSubstr("open for writing"));
  }
  SetWriters("a", OpenWriters::kNone);
  EXPECT_EQ(Examine("a").kind, Kind::kBuilt);
}

TEST_F(EntryHasherTest, BuildsAFolderWithoutAFileThatCannotBeRead) {
  // Write-only even for root.
  const std::string unreadable = "/sys/bus/platform/drivers_probe";
  struct stat info;
  if (stat(unreadable.c_str(), &info) != 0 || info.st_size == 0) GTEST_SKIP() << "no such file here";
  links_ = LinkPolicy::kFollow;
  share_.Write("many/a", "1");
  std::filesystem::create_symlink(unreadable, share_.Path("many/b"));
  std::filesystem::create_symlink("a", share_.Path("many/link"));
  clock_.Advance(absl::Hours(1));
  HashOutcome outcome = Examine("many");
  ASSERT_EQ(outcome.kind, Kind::kBuilt) << outcome.why;
  EXPECT_THAT(FilesOf(outcome), ElementsAre("a"));
  ASSERT_EQ(outcome.all_left_out.size(), 1u);
  EXPECT_EQ(outcome.all_left_out[0].path, "b");
  EXPECT_EQ(outcome.built->left_out, outcome.all_left_out);
  EXPECT_EQ(outcome.built->links, LinkPolicy::kFollow);
  EXPECT_THAT(outcome.left_out, IsEmpty());
  // It is not read again and again.
  const HashOutcome again = Examine(HashJob{.entry = "many", .published = VersionOf(*outcome.built)});
  EXPECT_EQ(again.kind, Kind::kUnchanged);
  EXPECT_EQ(again.all_left_out, outcome.all_left_out);
  // But after a while, and once it can be read the folder is hashed again.
  EXPECT_EQ(read_attempts_, 0);
  for (const bool can_be_read : {false, true}) {
    clock_.Advance(absl::Minutes(10));
    can_be_read_ = can_be_read;
    const HashOutcome later = Examine(HashJob{.entry = "many", .published = VersionOf(*outcome.built)});
    EXPECT_EQ(later.kind, can_be_read ? Kind::kBuilt : Kind::kUnchanged);
  }
  EXPECT_EQ(read_attempts_, 2);
}

TEST(CanBeRead, ReadsTheWholeFile) {
  const TemporaryFolder folder;
  EXPECT_TRUE(CanBeRead(folder.Write("a", std::string(3'000'000, 'x'))));
  EXPECT_TRUE(CanBeRead(folder.Write("b", "")));
  EXPECT_FALSE(CanBeRead(folder.Path("c")));
  EXPECT_FALSE(CanBeRead(folder.path()));
}

TEST_F(EntryHasherTest, ALinkOrAnEmptyFolderIsANewVersion) {
  share_.Write("many/a", "1");
  clock_.Advance(absl::Hours(1));
  HashOutcome outcome = Examine("many");
  ASSERT_EQ(outcome.kind, Kind::kBuilt);
  for (const bool is_link : {true, false}) {
    const auto published = VersionOf(*outcome.built);
    if (is_link) {
      std::filesystem::create_symlink("a", share_.Path("many/link"));
    } else {
      std::filesystem::create_directory(share_.Path("many/void"));
    }
    outcome = Examine(HashJob{.entry = "many", .published = published});
    ASSERT_EQ(outcome.kind, Kind::kBuilt);
    EXPECT_EQ(outcome.built->manifest.links().size(), 1u);
    EXPECT_EQ(outcome.built->manifest.empty_folders().size(), is_link ? 0u : 1u);
    EXPECT_EQ(Examine(HashJob{.entry = "many", .published = VersionOf(*outcome.built)}).kind,
              Kind::kUnchanged);
  }
}

TEST_F(EntryHasherTest, BuildsAFolderWithoutAFileThatDoesNotSettle) {
  share_.Write("many/a", "1");
  share_.Write("many/live.log", "2");
  SetWriters("many/live.log", OpenWriters::kSome);
  clock_.Advance(absl::Hours(1));
  HashOutcome outcome = Examine("many");
  ASSERT_EQ(outcome.kind, Kind::kUnsettled);
  EXPECT_FALSE(hasher_->LeavesOut("many", "live.log"));

  clock_.Advance(absl::Hours(10));
  outcome = Examine("many");
  ASSERT_EQ(outcome.kind, Kind::kBuilt);
  EXPECT_THAT(FilesOf(outcome), ElementsAre("a"));
  EXPECT_THAT(outcome.left_out, ElementsAre("live.log"));
  EXPECT_TRUE(hasher_->LeavesOut("many", "live.log"));
  EXPECT_FALSE(hasher_->LeavesOut("many", "a"));

  // The file goes on changing: the version without it stays.
  share_.Write("many/live.log", "more");
  const auto published = VersionOf(*outcome.built);
  outcome = Examine(HashJob{.entry = "many", .published = published});
  EXPECT_EQ(outcome.kind, Kind::kUnchanged);
  EXPECT_THAT(outcome.left_out, ElementsAre("live.log"));

  SetWriters("many/live.log", OpenWriters::kNone);
  clock_.Advance(absl::Hours(1));
  outcome = Examine(HashJob{.entry = "many", .published = published});
  ASSERT_EQ(outcome.kind, Kind::kBuilt);
  EXPECT_THAT(FilesOf(outcome), ElementsAre("a", "live.log"));
  EXPECT_THAT(outcome.left_out, IsEmpty());
  EXPECT_FALSE(hasher_->LeavesOut("many", "live.log"));
  MutexLock lock(&mutex_);
  EXPECT_THAT(outdated_, IsEmpty());
}

TEST_F(EntryHasherTest, AFolderThatIsBeingFilledIsNotBuiltInParts) {
  share_.Write("many/log", "1");
  SetWriters("many/log", OpenWriters::kSome);
  clock_.Advance(absl::Hours(2));
  EXPECT_EQ(Examine("many").kind, Kind::kUnsettled);
  clock_.Advance(absl::Hours(10));
  // Another file came a moment ago: that one has not used up the patience.
  share_.Write("many/new", "2");
  SetWriters("many/new", OpenWriters::kSome);
  EXPECT_EQ(Examine("many").kind, Kind::kUnsettled);
}

TEST_F(EntryHasherTest, AFileThatWasRenamedIntoPlaceNeedNotSettle) {
  share_.Write("a", "1");
  share_.Write("many/sub/b", "2");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Examine("a").kind, Kind::kUnsettled);
  EXPECT_EQ(Examine(HashJob{.entry = "a", .moved_in = {""}}).kind, Kind::kBuilt);
  EXPECT_EQ(Examine(HashJob{.entry = "many", .moved_in = {"other"}}).kind, Kind::kUnsettled);
  EXPECT_EQ(Examine(HashJob{.entry = "many", .moved_in = {"sub"}}).kind, Kind::kBuilt);
  SetWriters("a", OpenWriters::kSome);
  EXPECT_EQ(Examine(HashJob{.entry = "a", .moved_in = {""}}).kind, Kind::kUnsettled);
  SetWriters("a", OpenWriters::kUnknown);
  EXPECT_EQ(Examine(HashJob{.entry = "a", .moved_in = {""}}).kind, Kind::kUnsettled);
}

TEST_F(EntryHasherTest, WithoutLeasesTheEventsOfWritersCountForAsLongAsThePatience) {
  share_.Write("a", "1");
  SetWriters("a", OpenWriters::kUnknown);
  clock_.Advance(absl::Hours(2));
  const HashOutcome outcome = Examine(HashJob{.entry = "a", .written = {""}});
  EXPECT_EQ(outcome.kind, Kind::kUnsettled);
  EXPECT_TRUE(outcome.open_for_writing);
  EXPECT_EQ(Examine("a").kind, Kind::kBuilt);
  clock_.Advance(absl::Hours(10));
  EXPECT_EQ(Examine(HashJob{.entry = "a", .written = {""}}).kind, Kind::kBuilt);
}

TEST_F(EntryHasherTest, TakesWhatIsCachedUnlessItMustBeReadAgain) {
  const TemporaryFolder state;
  cache_ = *HashCache::Open(state.path(), share_.path());
  share_.Write("a", "1");
  clock_.Advance(absl::Hours(1));
  EXPECT_FALSE(Examine("a").from_cache);
  EXPECT_TRUE(Examine("a").from_cache);
  const HashOutcome again = Examine(HashJob{.entry = "a", .rehash = true});
  EXPECT_EQ(again.kind, Kind::kBuilt);
  EXPECT_FALSE(again.from_cache);
}

TEST_F(EntryHasherTest, ReportsAnOutdatedVersionBeforeTheNewOneHasSettled) {
  share_.Write("many/a", "1");
  share_.Write("many/b", "2");
  clock_.Advance(absl::Hours(1));
  const HashOutcome first = Examine("many");
  ASSERT_EQ(first.kind, Kind::kBuilt);
  const HashJob job{.entry = "many", .published = VersionOf(*first.built)};
  share_.Write("many/c", "only new");
  EXPECT_EQ(Examine(job).kind, Kind::kBuilt);
  {
    MutexLock lock(&mutex_);
    EXPECT_THAT(outdated_, IsEmpty());
  }
  std::filesystem::remove(share_.Path("many/a"));
  share_.Write("many/d", "3");
  EXPECT_EQ(Examine(job).kind, Kind::kBuilt);
  MutexLock lock(&mutex_);
  EXPECT_THAT(outdated_, ElementsAre("many: a"));
}

TEST_F(EntryHasherTest, ASmallEntryDoesNotWaitForALargeOne) {
  // 1 GiB that takes no room on the disk.
  share_.Write("large", "");
  std::filesystem::resize_file(share_.Path("large"), uint64_t{1} << 30);
  share_.Write("small", "1");
  clock_.Advance(absl::Hours(1));
  {
    MutexLock lock(&mutex_);
    held_ = true;
  }
  Start();
  hasher_->Submit(HashJob{.entry = "large"});
  {
    MutexLock lock(&mutex_);
    while (!hashing_) changed_.Wait(&mutex_);
  }
  EXPECT_EQ(Examine("small").kind, Kind::kBuilt);
  EXPECT_EQ(Examine("large").kind, Kind::kInProgress);
  hasher_->GiveUp("large");
  {
    MutexLock lock(&mutex_);
    held_ = false;
    changed_.NotifyAll();
  }
  const HashOutcome outcome = NextOutcome();
  EXPECT_EQ(outcome.entry, "large");
  EXPECT_EQ(outcome.kind, Kind::kGivenUp);
}

TEST_F(EntryHasherTest, ReportsWhatIsGoneAndWhatIsEmpty) {
  EXPECT_EQ(Examine("none").kind, Kind::kGone);
  std::filesystem::create_directory(share_.Path("empty"));
  EXPECT_EQ(Examine("empty").kind, Kind::kEmpty);
  std::filesystem::create_symlink("empty", share_.Path("link"));
  const HashOutcome outcome = Examine("link");
  EXPECT_EQ(outcome.kind, Kind::kFailed);
  EXPECT_TRUE(absl::IsFailedPrecondition(outcome.why));
}

}  // namespace
}  // namespace shoal::seeder
