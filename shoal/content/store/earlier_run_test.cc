#include "shoal/content/store/earlier_run.h"

#include <gtest/gtest.h>

#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

constexpr uint32_t kChunk = kMinChunkSizeBytes;

class EarlierRunTest : public testing::Test {
 protected:
  std::shared_ptr<const FolderSource> Find() {
    return FindWhole(sample_.manifest(), folder_.path(), FileSelection::All(*sample_.manifest()));
  }
  // A download of which all is written, as a later run finds it.
  std::unique_ptr<DataFiles> Written() {
    const DataFiles::Names names{folder_.path(), ".f.tmp", "f"};
    auto data = DataFiles::Open(sample_.manifest(), names).value();
    EXPECT_TRUE(data->MakeRoom(FileSelection::All(*sample_.manifest())).ok());
    for (uint32_t i = 0; i < sample_.chunk_count(); ++i) {
      EXPECT_TRUE(data->Write(ChunkIndex(i), sample_.Chunk(i)).ok());
    }
    data.reset();
    return DataFiles::Open(sample_.manifest(), names).value();
  }

  const TemporaryFolder folder_;
  const std::string bytes_ = SampleBytes(5 * kChunk, 1);
  const SampleContent sample_ = SampleContent::OfFile("f", bytes_);
  const ChunkSet all_ = ChunkSet::All(5);
};

TEST_F(EarlierRunTest, FindsAWholeContentOnlyWhenItsBytesAreRight) {
  EXPECT_EQ(Find(), nullptr);
  folder_.Write("f", bytes_);
  EXPECT_NE(Find(), nullptr);
  std::string wrong = bytes_;
  wrong[3 * kChunk] ^= 1;
  folder_.Write("f", wrong);
  EXPECT_EQ(Find(), nullptr);
  folder_.Write("f", bytes_ + "x");
  EXPECT_EQ(Find(), nullptr);
}

TEST_F(EarlierRunTest, BelievesOnlyWhatWasNotedAndIsThere) {
  const auto data = Written();
  ChunkSet noted(5);
  noted.Insert(ChunkIndex(1));
  noted.Insert(ChunkIndex(4));
  for (const bool in_order : {true, false}) {
    EXPECT_EQ(StillThere(*sample_.manifest(), noted, *data, in_order, absl::Now()), noted);
  }
}

TEST_F(EarlierRunTest, ReadsFilesThatWereChangedSince) {
  auto data = Written();
  std::string wrong = bytes_;
  wrong[2 * kChunk] ^= 1;
  folder_.Write(".f.tmp", wrong);
  data = DataFiles::Open(sample_.manifest(), {folder_.path(), ".f.tmp", "f"}).value();
  ChunkSet right = all_;
  right.Erase(ChunkIndex(2));
  // The last record is from long before the writing.
  EXPECT_EQ(StillThere(*sample_.manifest(), all_, *data, /*in_order=*/true, absl::UnixEpoch()), right);
  EXPECT_EQ(StillThere(*sample_.manifest(), all_, *data, /*in_order=*/false, absl::Now()), right);
}

TEST_F(EarlierRunTest, TakesTheJournalAtItsWordAfterASample) {
  const auto data = Written();
  // All of it is wrong, so any sample shows it.
  std::string wrong = bytes_;
  for (uint32_t i = 0; i < 5; ++i) wrong[i * kChunk] ^= 1;
  folder_.Write(".f.tmp", wrong);
  EXPECT_TRUE(
      StillThere(*sample_.manifest(), all_, *data, /*in_order=*/true, absl::InfiniteFuture()).empty());
}

}  // namespace
namespace {

TEST(DownloadNames, CarryTheNameAndTheId) {
  const SampleContent sample = SampleContent::OfFile("model.bin", SampleBytes(10, 1));
  const DownloadNames names(*sample.manifest());
  const std::string stem = ".model.bin." + sample.manifest()->id().ShortHex();
  EXPECT_EQ(names.data, stem + ".shoal-tmp");
  EXPECT_EQ(names.journal, stem + ".shoal-progress");
}

TEST(DownloadNames, AreCutBetweenTwoCharacters) {
  std::string name;
  while (name.size() < 250) name += "\xc3\xa9";  // two bytes each
  for (const std::string& long_name : {name, "x" + name}) {
    const SampleContent sample = SampleContent::OfFile(long_name, SampleBytes(10, 1));
    const DownloadNames names(*sample.manifest());
    EXPECT_LE(names.journal.size() + std::string(".new").size(), 255u);
    const size_t end = names.journal.rfind("." + sample.manifest()->id().ShortHex());
    ASSERT_NE(end, std::string::npos);
    const std::string kept = names.journal.substr(1, end - 1);
    EXPECT_EQ(kept, long_name.substr(0, kept.size()));
    EXPECT_EQ((kept.size() - (long_name[0] == 'x' ? 1 : 0)) % 2, 0u);
    EXPECT_GT(kept.size(), 200u);
  }
}

}  // namespace

}  // namespace shoal
