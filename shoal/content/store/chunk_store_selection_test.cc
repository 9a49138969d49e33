#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "shoal/base/file_io.h"
#include "shoal/content/store/chunk_store.h"
#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

constexpr uint32_t kChunk = kMinChunkSizeBytes;
using PutResult = ChunkStore::PutResult;

// Chunks: bin/run 0-1, deep/er/carp 2-3, empty none, z 4.
class ChunkStoreSelectionTest : public testing::Test {
 protected:
  static constexpr uint32_t kRun = 0, kCarp = 1, kEmpty = 2, kZ = 3;

  FileSelection Only(const std::vector<uint32_t>& files) const {
    FileSelection selection = FileSelection::None(*sample_.manifest());
    for (const uint32_t file : files) selection.Set(FileIndex(file), true);
    return selection;
  }
  absl::StatusOr<std::shared_ptr<ChunkStore>> TryOpen(const FileSelection& selection) {
    ChunkStore::Options options;
    options.output_folder = folder_.path();
    options.selection = selection;
    return ChunkStore::Open(sample_.manifest(), options);
  }
  std::shared_ptr<ChunkStore> Open(const FileSelection& selection) {
    auto store = TryOpen(selection);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *store : nullptr;
  }
  void Put(ChunkStore* store, uint32_t index, PutResult expected = PutResult::kStored) {
    const absl::StatusOr<PutResult> result = store->Put(ChunkIndex(index), sample_.Chunk(index));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(*result, expected) << index;
  }
  // The content's files under their final name, and whether anything else lies in the output folder.
  std::vector<uint32_t> Finished() {
    std::vector<uint32_t> finished;
    for (uint32_t i = 0; i < sample_.files().size(); ++i) {
      const std::string path = folder_.Path("pond/" + sample_.files()[i].path);
      if (!std::filesystem::exists(path)) continue;
      EXPECT_EQ(folder_.Read(path), sample_.files()[i].bytes) << path;
      finished.push_back(i);
    }
    return finished;
  }
  std::vector<std::string> Endings() {
    std::vector<std::string> endings;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      endings.push_back(entry.path().extension());
    std::sort(endings.begin(), endings.end());
    return endings;
  }
  using Indices = std::vector<uint32_t>;
  using Names = std::vector<std::string>;

  const TemporaryFolder folder_;
  const SampleContent sample_ =
      SampleContent::OfFolder("pond", {{"bin/run", SampleBytes(kChunk + 1, 1), true},
                                       {"deep/er/carp", SampleBytes(2 * kChunk, 2), false},
                                       {"empty", "", false},
                                       {"z", "z", false}});
};

TEST_F(ChunkStoreSelectionTest, BringsTheWantedFilesAndNoOthers) {
  const auto store = Open(Only({kCarp, kZ}));
  Put(store.get(), 0, PutResult::kNotWanted);
  Put(store.get(), 2);
  Put(store.get(), 3);
  EXPECT_FALSE(store->whole());
  EXPECT_EQ(store->Finish().code(), absl::StatusCode::kFailedPrecondition);
  Put(store.get(), 4);
  EXPECT_TRUE(store->whole());
  ASSERT_TRUE(store->Finish().ok());
  EXPECT_EQ(Finished(), (Indices{kCarp, kZ}));
  EXPECT_FALSE(std::filesystem::exists(folder_.Path("pond/bin")));
  EXPECT_EQ(Endings(), (Names{"", ".shoal-progress"}));
  EXPECT_EQ(store->Held().Ranges(), (std::vector<ChunkRange>{{ChunkIndex(2), 3}}));
  EXPECT_TRUE(store->Open(ChunkIndex(3)).ok());
  EXPECT_FALSE(store->Open(ChunkIndex(0)).ok());
  Put(store.get(), 0, PutResult::kNotWanted);
}

TEST_F(ChunkStoreSelectionTest, GivesNothingUpOfWhatALaterRunAddsTo) {
  {
    const auto store = Open(Only({kCarp, kEmpty}));
    Put(store.get(), 2);
    Put(store.get(), 3);
    ASSERT_TRUE(store->Finish().ok());
  }
  {
    const auto store = Open(Only({kCarp, kRun}));
    Put(store.get(), 0);
    EXPECT_TRUE(store->Discard().ok());
  }
  EXPECT_EQ(Open(Only({kCarp, kRun}))->resumed_bytes(), 3 * kChunk);
}

TEST_F(ChunkStoreSelectionTest, FetchesOnlyWhatALaterRunLacks) {
  {
    const auto store = Open(Only({kCarp, kEmpty}));
    Put(store.get(), 2);
    Put(store.get(), 3);
    ASSERT_TRUE(store->Finish().ok());
  }
  EXPECT_EQ(Finished(), (Indices{kCarp, kEmpty}));
  {
    const auto store = Open(Only({kCarp, kRun}));
    EXPECT_EQ(store->resumed_bytes(), 2 * kChunk);
    EXPECT_TRUE(store->Open(ChunkIndex(2)).ok());
    Put(store.get(), 0);
  }  // stopped half way
  {
    const auto store = Open(Only({kRun}));
    EXPECT_EQ(store->resumed_bytes(), kChunk);
    Put(store.get(), 1);
    ASSERT_TRUE(store->Finish().ok());
    EXPECT_TRUE(store->Open(ChunkIndex(0)).ok());
    EXPECT_TRUE(store->Open(ChunkIndex(3)).ok());
  }
  EXPECT_EQ(Finished(), (Indices{kRun, kCarp, kEmpty}));
  EXPECT_EQ(access(folder_.Path("pond/bin/run").c_str(), X_OK), 0);
  const auto store = Open(FileSelection::All(*sample_.manifest()));
  Put(store.get(), 4);
  ASSERT_TRUE(store->Finish().ok());
  EXPECT_EQ(Finished(), (Indices{kRun, kCarp, kEmpty, kZ}));
  EXPECT_EQ(Endings(), Names{""});
}

TEST_F(ChunkStoreSelectionTest, IsWholeAtOnceWhenNothingNewIsWanted) {
  {
    const auto store = Open(Only({kZ}));
    Put(store.get(), 4);
    ASSERT_TRUE(store->Finish().ok());
  }
  {
    const auto store = Open(Only({kZ}));
    EXPECT_TRUE(store->whole());
    ASSERT_TRUE(store->Finish().ok());
    EXPECT_EQ(Endings(), (Names{"", ".shoal-progress"}));
  }
  // Without the journal the files are read.
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    if (entry.path().extension() == ".shoal-progress") std::filesystem::remove(entry);
  }
  EXPECT_TRUE(Open(Only({kZ}))->whole());
  EXPECT_EQ(TryOpen(Only({kZ, kRun})).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(ChunkStoreSelectionTest, MayChangeMeanwhile) {
  const auto store = Open(Only({kRun}));
  Put(store.get(), 0);
  EXPECT_EQ(store->Select(FileSelection::None(*sample_.manifest())).code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(store->Select(Only({kCarp, kZ})).ok());
  Put(store.get(), 4);
  EXPECT_TRUE(store->Holds(ChunkIndex(0)));
  Put(store.get(), 2);
  ASSERT_TRUE(store->Select(Only({kCarp})).ok());
  Put(store.get(), 3);  // on its way still
  EXPECT_TRUE(store->whole());
  ASSERT_TRUE(store->Finish().ok());
  // Complete files stay, incomplete ones are removed.
  EXPECT_EQ(Finished(), (Indices{kCarp, kZ}));
  EXPECT_FALSE(store->Holds(ChunkIndex(0)));
  EXPECT_FALSE(std::filesystem::exists(folder_.Path("pond/bin")));
  EXPECT_EQ(store->Select(Only({kRun})).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ChunkStoreSelectionTest, TouchesNoFileThatWasChangedUnderItsFinalName) {
  {
    const auto store = Open(Only({kCarp}));
    Put(store.get(), 2);
    Put(store.get(), 3);
    ASSERT_TRUE(store->Finish().ok());
  }
  folder_.Write("pond/deep/er/carp", "precious");
  EXPECT_EQ(TryOpen(Only({kCarp, kZ})).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Endings(), (Names{"", ".shoal-progress"}));
  // The file does not matter when it is not selected.
  const auto store = Open(Only({kZ}));
  Put(store.get(), 4);
  ASSERT_TRUE(store->Finish().ok());
  EXPECT_EQ(folder_.Read(folder_.Path("pond/deep/er/carp")), "precious");
  EXPECT_EQ(folder_.Read(folder_.Path("pond/z")), "z");
}

TEST_F(ChunkStoreSelectionTest, PutsNothingIntoAnotherProgramsFolder) {
  {
    const auto store = Open(Only({kRun}));
    Put(store.get(), 0);
  }
  folder_.Write("pond/mine", "precious");
  EXPECT_EQ(TryOpen(Only({kRun})).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(folder_.Read(folder_.Path("pond/mine")), "precious");
}

TEST_F(ChunkStoreSelectionTest, NeedsASelectionOfThisContent) {
  const SampleContent other = SampleContent::OfFile("f", "f");
  EXPECT_EQ(TryOpen(FileSelection::All(*other.manifest())).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(TryOpen(Only({})).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Endings().empty());
}

}  // namespace
}  // namespace shoal
