#include "services/seeder/folder/hash_cache.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "services/seeder/folder/entry_scan.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/publish/manifest_builder.h"
#include "tests/support/temporary_folder.h"

namespace shoal::seeder {
namespace {

class HashCacheTest : public ::testing::Test {
 protected:
  HashCacheTest() {
    share_.Write("file", "bytes of a file");
    share_.Write("many/a", "1");
    share_.Write("many/b", "2");
    auto cache = HashCache::Open(state_.Path("deep/down"), share_.path());
    EXPECT_TRUE(cache.ok()) << cache.status();
    cache_ = *std::move(cache);
  }

  Sha256Digest Fingerprint(const std::string& entry) { return ScanEntry(share_.Path(entry))->fingerprint; }
  BuiltManifest Build(const std::string& entry) { return *BuildManifest(share_.Path(entry), {}); }

  std::vector<std::filesystem::path> StoredFiles() {
    std::vector<std::filesystem::path> files;
    for (const auto& item : std::filesystem::recursive_directory_iterator(state_.path())) {
      if (item.is_regular_file()) files.push_back(item.path());
    }
    return files;
  }

  const TemporaryFolder share_;
  const TemporaryFolder state_;
  std::unique_ptr<const HashCache> cache_;
};

TEST_F(HashCacheTest, FindsAStoredEntry) {
  for (const char* entry : {"file", "many"}) {
    SCOPED_TRACE(entry);
    EXPECT_FALSE(cache_->Find(entry, Fingerprint(entry)));
    const BuiltManifest built = Build(entry);
    ASSERT_TRUE(cache_->Store(entry, built).ok());
    const auto found = cache_->Find(entry, Fingerprint(entry));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->manifest.id(), built.manifest.id());
    EXPECT_EQ(found->root, built.root);
    EXPECT_EQ(found->stamps, built.stamps);
  }
}

TEST_F(HashCacheTest, AFileThatChangedIsNotFound) {
  ASSERT_TRUE(cache_->Store("file", Build("file")).ok());
  share_.Write("file", "other bytes of it");
  EXPECT_FALSE(cache_->Find("file", Fingerprint("file")));
}

TEST_F(HashCacheTest, DoesNotFindAFileThatWasOverwrittenWithItsTimeRestored) {
  const auto before = FileStamp::Of(share_.Path("file"));
  const auto time = std::filesystem::last_write_time(share_.Path("file"));
  ASSERT_TRUE(cache_->Store("file", Build("file")).ok());
  // Repeated until the step of the file system's time stamps is over.
  do {
    share_.Write("file", "BYTES of a file");
    std::filesystem::last_write_time(share_.Path("file"), time);
  } while (FileStamp::Of(share_.Path("file"))->changed_ns == before->changed_ns);
  const auto after = FileStamp::Of(share_.Path("file"));
  EXPECT_EQ(before->modified_ns, after->modified_ns);
  EXPECT_EQ(before->length_bytes, after->length_bytes);
  EXPECT_FALSE(cache_->Find("file", Fingerprint("file")));
}

TEST_F(HashCacheTest, KeepsEntriesAcrossInstances) {
  ASSERT_TRUE(cache_->Store("file", Build("file")).ok());
  const auto again = HashCache::Open(state_.Path("deep/down"), share_.path());
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE((*again)->Find("file", Fingerprint("file")));
}

TEST_F(HashCacheTest, TwoSharesHaveSeparateEntries) {
  const TemporaryFolder other_share;
  ASSERT_TRUE(cache_->Store("file", Build("file")).ok());
  const auto other = HashCache::Open(state_.Path("deep/down"), other_share.path());
  ASSERT_TRUE(other.ok());
  EXPECT_FALSE((*other)->Find("file", Fingerprint("file")));
  (*other)->KeepOnly({});
  EXPECT_TRUE(cache_->Find("file", Fingerprint("file")));
}

TEST_F(HashCacheTest, ADamagedRecordCountsAsMissing) {
  ASSERT_TRUE(cache_->Store("file", Build("file")).ok());
  ASSERT_EQ(StoredFiles().size(), 1u);
  std::filesystem::resize_file(StoredFiles()[0], std::filesystem::file_size(StoredFiles()[0]) - 1);
  EXPECT_FALSE(cache_->Find("file", Fingerprint("file")));
  ASSERT_TRUE(cache_->Store("file", Build("file")).ok());
  EXPECT_TRUE(cache_->Find("file", Fingerprint("file")));
}

TEST_F(HashCacheTest, RemovesEntriesThatAreGone) {
  ASSERT_TRUE(cache_->Store("file", Build("file")).ok());
  ASSERT_TRUE(cache_->Store("many", Build("many")).ok());
  cache_->KeepOnly({"many"});
  EXPECT_FALSE(cache_->Find("file", Fingerprint("file")));
  EXPECT_TRUE(cache_->Find("many", Fingerprint("many")));
  cache_->Remove("many");
  EXPECT_TRUE(StoredFiles().empty());
}

TEST_F(HashCacheTest, KeepsForeignFiles) {
  ASSERT_TRUE(cache_->Store("file", Build("file")).ok());
  const std::filesystem::path foreign = StoredFiles()[0].parent_path() / "notes.txt";
  share_.Write("notes.txt", "mine");
  std::filesystem::copy(share_.Path("notes.txt"), foreign);
  cache_->KeepOnly({});
  EXPECT_EQ(StoredFiles(), std::vector<std::filesystem::path>{foreign});
}

TEST_F(HashCacheTest, AnUnwritableStateFolderIsAnError) {
  state_.Write("blocked", "a file where a folder should be");
  EXPECT_FALSE(HashCache::Open(state_.Path("blocked/state"), share_.path()).ok());
}

}  // namespace

}  // namespace shoal::seeder
