#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "shoal/content/store/chunk_store.h"
#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

constexpr uint32_t kChunk = kMinChunkSizeBytes;
using PutResult = ChunkStore::PutResult;
using Indices = std::vector<uint32_t>;
using Names = std::vector<std::string>;

class ChunkStoreRepairTest : public testing::Test {
 protected:
  absl::StatusOr<std::shared_ptr<ChunkStore>> TryOpen(
      const SampleContent& sample, bool repair = true,
      const std::optional<FileSelection>& selection = std::nullopt) {
    ChunkStore::Options options;
    options.output_folder = folder_.path();
    options.repair = repair;
    options.selection = selection;
    return ChunkStore::Open(sample.manifest(), options);
  }
  std::shared_ptr<ChunkStore> Open(const SampleContent& sample) {
    auto store = TryOpen(sample);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *store : nullptr;
  }
  static Indices Missing(const ChunkStore& store) {
    Indices missing;
    for (uint32_t i = 0; i < store.manifest()->chunk_count(); ++i) {
      if (!store.Holds(ChunkIndex(i))) missing.push_back(i);
    }
    return missing;
  }
  static void PutMissing(const SampleContent& sample, ChunkStore* store) {
    for (const uint32_t i : Missing(*store)) {
      EXPECT_EQ(store->Put(ChunkIndex(i), sample.Chunk(i)).value(), PutResult::kStored) << i;
    }
  }
  Names Entries() const {
    Names names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  static ino_t InodeOf(const std::string& path) {
    struct stat info = {};
    EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
    return info.st_ino;
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat info = {};
    EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }

  const TemporaryFolder folder_;
  // Ten chunks, the last one of 7 bytes.
  const SampleContent file_ = SampleContent::OfFile("fish.bin", SampleBytes(9 * kChunk + 7, 1));
  const std::string& bytes_ = file_.files()[0].bytes;
  // Chunks: bin/run 0-1, deep/er/carp 2-3, empty none, z 4.
  const SampleContent tree_ =
      SampleContent::OfFolder("pond", {{"bin/run", SampleBytes(kChunk + 1, 1), true},
                                       {"deep/er/carp", SampleBytes(2 * kChunk, 2), false},
                                       {"empty", "", false},
                                       {"z", "z", false}});
};

TEST_F(ChunkStoreRepairTest, FetchesOnlyWhatIsWrongInAFile) {
  struct Case {
    std::string there;
    Indices missing;
  };
  std::string damaged = bytes_;
  damaged[3 * kChunk + 5] ^= 1;
  const std::vector<Case> cases = {
      {damaged, {3}},
      {damaged + "and more", {3}},
      {bytes_ + "and more", {}},
      {bytes_.substr(0, 4 * kChunk + 100), {4, 5, 6, 7, 8, 9}},  // as an interrupted copy leaves it
      {std::string(9 * kChunk + 7, '\0'), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
      {"", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
  };
  for (const Case& each : cases) {
    const std::string path = folder_.Write("fish.bin", each.there);
    EXPECT_EQ(TryOpen(file_, /*repair=*/false).status().code(), absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(folder_.Read(path), each.there);
    EXPECT_EQ(Entries(), Names{"fish.bin"});
    const auto store = Open(file_);
    ASSERT_NE(store, nullptr);
    EXPECT_EQ(Missing(*store), each.missing);
    PutMissing(file_, store.get());
    EXPECT_EQ(folder_.Read(path), each.there) << "until the new file is complete";
    ASSERT_EQ(store->Finish(), absl::OkStatus());
    EXPECT_EQ(folder_.Read(path), bytes_);
    EXPECT_EQ(Entries(), Names{"fish.bin"});
  }
}

TEST_F(ChunkStoreRepairTest, LeavesACompleteFileAlone) {
  const std::string path = folder_.Write("fish.bin", bytes_);
  const ino_t inode = InodeOf(path);
  const auto store = Open(file_);
  EXPECT_TRUE(store->whole());
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  EXPECT_EQ(InodeOf(path), inode);
}

TEST_F(ChunkStoreRepairTest, IsAnOrdinaryDownloadWhenNothingIsThere) {
  for (const SampleContent& sample : {file_, tree_}) {
    const auto store = Open(sample);
    EXPECT_TRUE(store->Held().empty());
    PutMissing(sample, store.get());
    ASSERT_EQ(store->Finish(), absl::OkStatus());
  }
  EXPECT_EQ(Entries(), (Names{"fish.bin", "pond"}));
}

TEST_F(ChunkStoreRepairTest, KeepsTheModeOfAFile) {
  const std::string path = folder_.Write("fish.bin", "older");
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  const auto store = Open(file_);
  PutMissing(file_, store.get());
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  EXPECT_EQ(ModeOf(path), 0600u);
}

TEST_F(ChunkStoreRepairTest, ReplacesOnlyTheWrongFilesOfAFolder) {
  folder_.Write("pond/bin/run", tree_.files()[0].bytes);
  std::string damaged = tree_.files()[1].bytes;
  damaged[0] ^= 1;
  folder_.Write("pond/deep/er/carp", damaged);
  folder_.Write("pond/z", "yy");
  folder_.Write("pond/own notes", "mine");
  const ino_t run = InodeOf(folder_.Path("pond/bin/run"));
  const auto store = Open(tree_);
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(Missing(*store), (Indices{2, 4}));
  PutMissing(tree_, store.get());
  EXPECT_EQ(folder_.Read(folder_.Path("pond/deep/er/carp")), damaged);
  EXPECT_EQ(folder_.Read(folder_.Path("pond/z")), "yy");
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  for (const SampleContent::File& file : tree_.files())
    EXPECT_EQ(folder_.Read(folder_.Path("pond/" + file.path)), file.bytes);
  EXPECT_EQ(InodeOf(folder_.Path("pond/bin/run")), run) << "not written again";
  EXPECT_NE(ModeOf(folder_.Path("pond/bin/run")) & 0100, 0u) << "but executable now";
  EXPECT_EQ(folder_.Read(folder_.Path("pond/own notes")), "mine");
  EXPECT_EQ(Entries(), Names{"pond"});
}

TEST_F(ChunkStoreRepairTest, IsNotNeededAfterwards) {
  folder_.Write("pond/z", "yy");
  {
    const auto store = Open(tree_);
    PutMissing(tree_, store.get());
    ASSERT_EQ(store->Finish(), absl::OkStatus());
  }
  const auto store = TryOpen(tree_, /*repair=*/false);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE((*store)->whole());
}

TEST_F(ChunkStoreRepairTest, GoesOnAfterAStop) {
  std::string damaged = tree_.files()[1].bytes;
  damaged[0] ^= 1;
  folder_.Write("pond/deep/er/carp", damaged);
  {
    const auto store = Open(tree_);
    EXPECT_EQ(Missing(*store), (Indices{0, 1, 2, 4}));
    ASSERT_EQ(store->Put(ChunkIndex(0), tree_.Chunk(0)).value(), PutResult::kStored);
  }
  {
    const auto store = Open(tree_);
    EXPECT_EQ(Missing(*store), (Indices{1, 2, 4}));
    PutMissing(tree_, store.get());
  }
  // All is fetched, but the damaged file still has its name: only another repair may replace it.
  EXPECT_EQ(TryOpen(tree_, /*repair=*/false).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(folder_.Read(folder_.Path("pond/deep/er/carp")), damaged);
  const auto store = Open(tree_);
  EXPECT_TRUE(store->whole());
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  EXPECT_EQ(folder_.Read(folder_.Path("pond/deep/er/carp")), tree_.files()[1].bytes);
  EXPECT_EQ(Entries(), Names{"pond"});
}

TEST_F(ChunkStoreRepairTest, CoversTheSelectedFilesOnly) {
  folder_.Write("pond/deep/er/carp", "other");
  folder_.Write("pond/z", "yy");
  FileSelection only_z = FileSelection::None(*tree_.manifest());
  only_z.Set(FileIndex(3), true);
  {
    const auto store = TryOpen(tree_, /*repair=*/true, only_z);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_EQ((*store)->Put(ChunkIndex(4), tree_.Chunk(4)).value(), PutResult::kStored);
    ASSERT_EQ((*store)->Finish(), absl::OkStatus());
  }
  EXPECT_EQ(folder_.Read(folder_.Path("pond/z")), "z");
  EXPECT_EQ(folder_.Read(folder_.Path("pond/deep/er/carp")), "other");
  // The rest, later.
  const auto store = Open(tree_);
  EXPECT_EQ(Missing(*store), (Indices{0, 1, 2, 3}));
  PutMissing(tree_, store.get());
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  EXPECT_EQ(folder_.Read(folder_.Path("pond/deep/er/carp")), tree_.files()[1].bytes);
}

TEST_F(ChunkStoreRepairTest, ReplacesNothingThatCameMeanwhile) {
  const std::string path = folder_.Write("fish.bin", "older");
  const auto store = Open(file_);
  PutMissing(file_, store.get());
  folder_.Write("fish.bin", "newer");
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::min());
  EXPECT_EQ(store->Finish().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(folder_.Read(path), "newer");
  std::filesystem::remove(path);
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  EXPECT_EQ(folder_.Read(path), bytes_);
}

TEST_F(ChunkStoreRepairTest, RefusesWhatIsOfAnotherKind) {
  const TemporaryFolder outside;
  const std::string precious = outside.Write("precious", "precious");
  std::filesystem::create_directory(folder_.Path("fish.bin"));
  EXPECT_EQ(TryOpen(file_).status().code(), absl::StatusCode::kAlreadyExists);
  std::filesystem::remove(folder_.Path("fish.bin"));
  std::filesystem::create_symlink(precious, folder_.Path("fish.bin"));
  EXPECT_EQ(TryOpen(file_).status().code(), absl::StatusCode::kAlreadyExists);
  std::filesystem::remove(folder_.Path("fish.bin"));

  folder_.Write("pond", "a file");
  EXPECT_EQ(TryOpen(tree_).status().code(), absl::StatusCode::kAlreadyExists);
  std::filesystem::remove(folder_.Path("pond"));
  std::filesystem::create_symlink(outside.path(), folder_.Path("pond"));
  EXPECT_EQ(TryOpen(tree_).status().code(), absl::StatusCode::kAlreadyExists);
  std::filesystem::remove(folder_.Path("pond"));
  std::filesystem::create_directory(folder_.Path("pond"));
  std::filesystem::create_symlink(outside.path(), folder_.Path("pond/deep"));
  EXPECT_EQ(TryOpen(tree_).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Entries(), Names{"pond"});
  EXPECT_EQ(outside.Read(precious), "precious");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(outside.path()), {}), 1);
}

}  // namespace
}  // namespace shoal
