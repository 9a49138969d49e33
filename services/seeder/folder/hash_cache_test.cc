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

TEST_F(HashCacheTest, FindsWhatWasStored) {
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

TEST_F(HashCacheTest, OutlivesTheProcess) {
  ASSERT_TRUE(cache_->Store("file", Build("file")).ok());
  const auto again = HashCache::Open(state_.Path("deep/down"), share_.path());
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE((*again)->Find("file", Fingerprint("file")));
}

TEST_F(HashCacheTest, TwoSharesDoNotMixTheirs) {
  const TemporaryFolder other_share;
  ASSERT_TRUE(cache_->Store("file", Build("file")).ok());
  const auto other = HashCache::Open(state_.Path("deep/down"), other_share.path());
  ASSERT_TRUE(other.ok());
  EXPECT_FALSE((*other)->Find("file", Fingerprint("file")));
  (*other)->KeepOnly({});
  EXPECT_TRUE(cache_->Find("file", Fingerprint("file")));
}

TEST_F(HashCacheTest, BrokenFilesCountAsNotThere) {
  ASSERT_TRUE(cache_->Store("file", Build("file")).ok());
  ASSERT_EQ(StoredFiles().size(), 1u);
  std::filesystem::resize_file(StoredFiles()[0], std::filesystem::file_size(StoredFiles()[0]) - 1);
  EXPECT_FALSE(cache_->Find("file", Fingerprint("file")));
  ASSERT_TRUE(cache_->Store("file", Build("file")).ok());
  EXPECT_TRUE(cache_->Find("file", Fingerprint("file")));
}

TEST_F(HashCacheTest, ForgetsWhatIsGone) {
  ASSERT_TRUE(cache_->Store("file", Build("file")).ok());
  ASSERT_TRUE(cache_->Store("many", Build("many")).ok());
  cache_->KeepOnly({"many"});
  EXPECT_FALSE(cache_->Find("file", Fingerprint("file")));
  EXPECT_TRUE(cache_->Find("many", Fingerprint("many")));
  cache_->Remove("many");
  EXPECT_TRUE(StoredFiles().empty());
}

TEST_F(HashCacheTest, LeavesOthersFilesAlone) {
  ASSERT_TRUE(cache_->Store("file", Build("file")).ok());
  const std::filesystem::path foreign = StoredFiles()[0].parent_path() / "notes.txt";
  share_.Write("notes.txt", "mine");
  std::filesystem::copy(share_.Path("notes.txt"), foreign);
  cache_->KeepOnly({});
  EXPECT_EQ(StoredFiles(), std::vector<std::filesystem::path>{foreign});
}

TEST_F(HashCacheTest, APlaceThatCanNotBeWrittenIsAnError) {
  state_.Write("blocked", "a file where a folder should be");
  EXPECT_FALSE(HashCache::Open(state_.Path("blocked/state"), share_.path()).ok());
}

}  // namespace
namespace {

HashCacheEntry Sample() {
  const TemporaryFolder folder;
  folder.Write("many/a", SampleBytes(20'000, 1));
  folder.Write("many/b", "");
  ManifestBuilderOptions options;
  options.chunk_size_bytes = kMinChunkSizeBytes;
  auto built = BuildManifest(folder.Path("many"), options);
  EXPECT_TRUE(built.ok()) << built.status();
  return {"many", built->manifest, built->stamps};
}

// With the checksum that fits, so that what is behind it is reached.
std::string Sealed(std::string body) {
  const Sha256Digest digest = Sha256::Of(AsBytes(body));
  body.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return body;
}

TEST(HashCacheEntry, ComesBackAsItWas) {
  const HashCacheEntry entry = Sample();
  const auto decoded = HashCacheEntry::Decode(AsBytes(entry.Encode()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->entry, entry.entry);
  EXPECT_EQ(decoded->manifest.id(), entry.manifest.id());
  EXPECT_EQ(decoded->stamps, entry.stamps);
}

TEST(HashCacheEntry, NoDamagedByteIsOverlooked) {
  const std::string bytes = Sample().Encode();
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x20);
    EXPECT_FALSE(HashCacheEntry::Decode(AsBytes(damaged)).ok()) << i;
  }
}

TEST(HashCacheEntry, NothingThatWasCutOffIsTaken) {
  const std::string bytes = Sample().Encode();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(HashCacheEntry::Decode(AsBytes(bytes).first(size)).ok()) << size;
  }
}

TEST(HashCacheEntry, LengthsThatReachPastTheEndAreRefusedBehindAGoodChecksum) {
  const std::string bytes = Sample().Encode();
  const std::string body = bytes.substr(0, bytes.size() - sizeof(Sha256Digest));
  ASSERT_TRUE(HashCacheEntry::Decode(AsBytes(Sealed(body))).ok());
  for (size_t i = 0; i + 4 <= body.size(); ++i) {
    std::string damaged = body;
    damaged.replace(i, 4, "\xff\xff\xff\xff");
    const auto decoded = HashCacheEntry::Decode(AsBytes(Sealed(damaged)));
    if (decoded.ok()) {
      EXPECT_EQ(decoded->manifest.files().size(), decoded->stamps.size());
    }
  }
  EXPECT_FALSE(HashCacheEntry::Decode(AsBytes(Sealed(body + "x"))).ok());
}

TEST(HashCacheEntry, AnotherVersionIsNoEntry) {
  const std::string bytes = Sample().Encode();
  std::string body = bytes.substr(0, bytes.size() - sizeof(Sha256Digest));
  body[7] = 2;
  EXPECT_TRUE(absl::IsInvalidArgument(HashCacheEntry::Decode(AsBytes(Sealed(body))).status()));
}

}  // namespace

}  // namespace shoal::seeder
