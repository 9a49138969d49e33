#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "shoal/content/store/chunk_store.h"
#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

using testing::ElementsAre;

constexpr uint32_t kChunk = kMinChunkSizeBytes;

// A folder with files, empty folders and links, laid out like a model cache: blobs, and names that lead to
// them.
class ChunkStoreEntriesTest : public testing::Test {
 protected:
  static std::shared_ptr<const Manifest> WithEntries(const SampleContent& sample) {
    const Manifest& files = *sample.manifest();
    std::vector<ChunkChecksums> checksums;
    for (uint32_t i = 0; i < files.chunk_count(); ++i) checksums.push_back(files.checksums(ChunkIndex(i)));
    return std::make_shared<const Manifest>(
        Manifest::Create(files.kind(), files.name(), files.chunk_size_bytes(), files.files(),
                         std::move(checksums), {"empty", "snapshots/none"},
                         {{"latest", "snapshots/1"}, {"snapshots/1/model", "../../blobs/one"}})
            .value());
  }
  absl::StatusOr<std::shared_ptr<ChunkStore>> TryOpen(bool repair = false) {
    ChunkStore::Options options;
    options.output_folder = folder_.path();
    options.repair = repair;
    options.selection = selection_;
    options.wants_entry = wants_entry_;
    return ChunkStore::Open(manifest_, options);
  }
  std::shared_ptr<ChunkStore> Open(bool repair = false) {
    auto store = TryOpen(repair);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *store : nullptr;
  }
  void PutMissing(ChunkStore* store) {
    for (uint32_t i = 0; i < manifest_->chunk_count(); ++i) {
      if (!store->Holds(ChunkIndex(i))) {
        EXPECT_TRUE(store->Put(ChunkIndex(i), sample_.Chunk(i)).ok());
      }
    }
  }
  // What lies below the target, in order: "PATH" for a file, "PATH/" for a folder, "PATH -> TARGET" for a
  // link.
  std::vector<std::string> Tree() const {
    std::vector<std::string> tree;
    for (auto it = std::filesystem::recursive_directory_iterator(folder_.Path("cache"));
         it != std::filesystem::recursive_directory_iterator(); ++it) {
      std::string line = std::filesystem::relative(it->path().parent_path(), folder_.Path("cache"));
      line = (line == "." ? "" : line + "/") + it->path().filename().string();
      if (it->is_symlink()) {
        line += " -> " + std::filesystem::read_symlink(it->path()).string();
      } else if (it->is_directory()) {
        line += "/";
      }
      tree.push_back(line);
    }
    std::sort(tree.begin(), tree.end());
    return tree;
  }
  void ExpectAll() const {
    EXPECT_THAT(Tree(), ElementsAre("blobs/", "blobs/one", "blobs/two", "empty/", "latest -> snapshots/1",
                                    "snapshots/", "snapshots/1/", "snapshots/1/model -> ../../blobs/one",
                                    "snapshots/none/"));
    EXPECT_EQ(folder_.Read(folder_.Path("cache/latest/model")), sample_.files()[0].bytes);
    EXPECT_EQ(folder_.Read(folder_.Path("cache/blobs/two")), sample_.files()[1].bytes);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
  }

  const TemporaryFolder folder_;
  const SampleContent sample_ = SampleContent::OfFolder(
      "cache", {{"blobs/one", SampleBytes(2 * kChunk, 1), false}, {"blobs/two", "two", false}});
  const std::shared_ptr<const Manifest> manifest_ = WithEntries(sample_);
  std::optional<FileSelection> selection_;
  ContentEntries::Wants wants_entry_;
};

TEST_F(ChunkStoreEntriesTest, EmptyFoldersAndLinksComeWithTheFiles) {
  const auto store = Open();
  PutMissing(store.get());
  EXPECT_FALSE(std::filesystem::exists(folder_.Path("cache")));
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  ExpectAll();
  EXPECT_EQ(store->Finish(), absl::OkStatus());
}

TEST_F(ChunkStoreEntriesTest, ComeAfterAStopToo) {
  {
    const auto store = Open();
    ASSERT_TRUE(store->Put(ChunkIndex(1), sample_.Chunk(1)).ok());
  }
  const auto store = Open();
  EXPECT_TRUE(store->Holds(ChunkIndex(1)));
  PutMissing(store.get());
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  ExpectAll();
}

TEST_F(ChunkStoreEntriesTest, AreAddedToAFolderThatHasTheFiles) {
  folder_.Write("cache/blobs/one", sample_.files()[0].bytes);
  folder_.Write("cache/blobs/two", sample_.files()[1].bytes);
  const auto store = Open();
  EXPECT_TRUE(store->whole());
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  ExpectAll();
}

TEST_F(ChunkStoreEntriesTest, ReplaceNothingButWrongLinksInARepair) {
  folder_.Write("cache/blobs/one", sample_.files()[0].bytes);
  folder_.Write("cache/blobs/two", "old");
  std::filesystem::create_symlink("snapshots/0", folder_.Path("cache/latest"));
  EXPECT_EQ(TryOpen().status().code(), absl::StatusCode::kAlreadyExists);
  {
    const auto store = Open(/*repair=*/true);
    PutMissing(store.get());
    EXPECT_EQ(std::filesystem::read_symlink(folder_.Path("cache/latest")), "snapshots/0");
    ASSERT_EQ(store->Finish(), absl::OkStatus());
    ExpectAll();
  }
  std::filesystem::remove(folder_.Path("cache/latest"));
  folder_.Write("cache/latest", "precious");
  for (const bool repair : {false, true})
    EXPECT_EQ(TryOpen(repair).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(folder_.Read(folder_.Path("cache/latest")), "precious");
}

TEST_F(ChunkStoreEntriesTest, OnlySelectedOnesCome) {
  FileSelection only_two = FileSelection::None(*manifest_);
  only_two.Set(FileIndex(1), true);
  selection_ = only_two;
  {
    const auto store = Open();
    ASSERT_TRUE(store->Put(ChunkIndex(2), sample_.Chunk(2)).ok());
    ASSERT_EQ(store->Finish(), absl::OkStatus());
    EXPECT_THAT(Tree(), ElementsAre("blobs/", "blobs/two"));
  }
  wants_entry_ = [](const std::string& path) { return path != "empty"; };
  {
    const auto store = Open();
    ASSERT_EQ(store->Finish(), absl::OkStatus());
    EXPECT_THAT(Tree(),
                ElementsAre("blobs/", "blobs/two", "latest -> snapshots/1", "snapshots/", "snapshots/1/",
                            "snapshots/1/model -> ../../blobs/one", "snapshots/none/"));
  }
  // The rest, later.
  selection_.reset();
  wants_entry_ = nullptr;
  const auto store = Open();
  EXPECT_TRUE(store->Holds(ChunkIndex(2)));
  PutMissing(store.get());
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  ExpectAll();
}

TEST_F(ChunkStoreEntriesTest, NothingIsWrittenThroughLinksThatAreThere) {
  const TemporaryFolder outside;
  for (const char* at : {"cache", "cache/snapshots", "cache/empty", "cache/blobs"}) {
    const std::string path = folder_.Path(at);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::filesystem::create_symlink(outside.path(), path);
    for (const bool repair : {false, true}) {
      const auto store = TryOpen(repair);
      EXPECT_EQ(store.status().code(), absl::StatusCode::kAlreadyExists) << at << " " << store.status();
    }
    EXPECT_TRUE(std::filesystem::is_empty(outside.path())) << at;
    std::filesystem::remove_all(folder_.Path("cache"));
  }
}

}  // namespace
}  // namespace shoal
