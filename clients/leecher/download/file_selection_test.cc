#include "clients/leecher/download/file_selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::leecher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using enum FilePriority;

constexpr uint32_t kChunk = kMinChunkSizeBytes;

TEST(GlobMatches, TakesNamesAnywhereAndWholePaths) {
  const struct {
    const char* glob;
    const char* path;
    bool matches;
  } cases[] = {
      {"*.csv", "labels.csv", true},
      {"*.csv", "deep/down/labels.csv", true},
      {"*.csv", "labels.csv.gz", false},
      {"*.CSV", "labels.csv", false},
      {"labels*", "labels/other", false},  // the name is "other"
      {"train/*", "train/a", true},
      {"train/*", "train/deep/a", true},
      {"train/*", "other/train/a", false},
      {"*/train/*", "other/train/a", true},
      {"train/", "train/deep/a", true},
      {"train/", "train", false},
      {"train/a", "train/a", true},
      {"[a-c]?.bin", "x/b1.bin", true},
      {"[!a-c]?.bin", "x/b1.bin", false},
      {"*", ".hidden", true},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"", "a", false},
      {"model.bin", "model.bin", true},
  };
  for (const auto& row : cases) {
    EXPECT_EQ(GlobMatches(row.glob, row.path), row.matches) << row.glob << " and " << row.path;
  }
}

TEST(SelectionRules, ExclusionBeatsInclusionAndTheLastPriorityCounts) {
  SelectionRules rules;
  EXPECT_TRUE(rules.everything());
  EXPECT_EQ(rules.PriorityOf("a"), kNormal);
  rules.include = {"train/*", "*.csv"};
  rules.exclude = {"*.tmp"};
  rules.priorities = {{"*", kLow}, {"train/first*", kHigh}, {"*.csv", kSkip}, {"best.csv", kHigh}};
  EXPECT_FALSE(rules.everything());
  EXPECT_EQ(rules.PriorityOf("train/a.bin"), kLow);
  EXPECT_EQ(rules.PriorityOf("train/first.bin"), kHigh);
  EXPECT_EQ(rules.PriorityOf("train/first.tmp"), kSkip);
  EXPECT_EQ(rules.PriorityOf("a.csv"), kSkip);
  EXPECT_EQ(rules.PriorityOf("best.csv"), kHigh);
  EXPECT_EQ(rules.PriorityOf("other/a.bin"), kSkip);
}

std::shared_ptr<const Manifest> Folder() {
  // Chunks: a 0-1, b 2, empty none, d 3-5, e 6.
  std::vector<FileEntry> files = {
      {"a", 2 * kChunk}, {"b", 1}, {"empty", 0}, {"sub/d", 2 * kChunk + 1}, {"sub/e", kChunk}};
  auto manifest = Manifest::Create(Manifest::Kind::kFolder, "folder", kChunk, std::move(files),
                                   std::vector<ChunkChecksums>(7));
  EXPECT_TRUE(manifest.ok()) << manifest.status();
  return std::make_shared<const Manifest>(*std::move(manifest));
}

ChunkRange Chunks(uint32_t first, uint32_t count) {
  return {ChunkIndex(first), count};
}

TEST(FileSelection, WithoutRulesEverythingIsNormal) {
  const FileSelection selection(Folder(), SelectionRules());
  EXPECT_TRUE(selection.everything());
  EXPECT_EQ(selection.wanted_files(), 5u);
  EXPECT_EQ(selection.wanted_chunks(), 7u);
  EXPECT_EQ(selection.wanted_bytes(), 5 * kChunk + 2);
  EXPECT_THAT(selection.ChunksAt(kNormal), ElementsAre(Chunks(0, 7)));
  EXPECT_THAT(selection.ChunksAt(kSkip), IsEmpty());
}

TEST(FileSelection, RulesBecomeRunsOfChunks) {
  SelectionRules rules;
  rules.exclude = {"b"};
  rules.priorities = {{"sub/", kHigh}};
  const FileSelection selection(Folder(), rules);
  EXPECT_FALSE(selection.everything());
  EXPECT_EQ(selection.wanted_files(), 4u);
  EXPECT_EQ(selection.wanted_chunks(), 6u);
  EXPECT_EQ(selection.wanted_bytes(), 5 * kChunk + 1);
  EXPECT_THAT(selection.ChunksAt(kSkip), ElementsAre(Chunks(2, 1)));
  EXPECT_THAT(selection.ChunksAt(kNormal), ElementsAre(Chunks(0, 2)));
  EXPECT_THAT(selection.ChunksAt(kHigh), ElementsAre(Chunks(3, 4)));
  EXPECT_EQ(selection.priority(FileIndex(2)), kNormal) << "an empty file is wanted as others are";
}

TEST(FileSelection, ChangesWhileItIsUsed) {
  FileSelection selection(Folder(), SelectionRules());
  EXPECT_THAT(selection.Matching("sub/*"), ElementsAre(FileIndex(3), FileIndex(4)));
  EXPECT_THAT(selection.Matching("nothing"), IsEmpty());
  EXPECT_TRUE(selection.Set(FileIndex(3), kSkip));
  EXPECT_FALSE(selection.Set(FileIndex(3), kSkip));
  EXPECT_EQ(selection.wanted_chunks(), 4u);
  EXPECT_TRUE(selection.Set(FileIndex(2), kSkip));
  EXPECT_EQ(selection.wanted_files(), 3u);
  EXPECT_EQ(selection.wanted_bytes(), 3 * kChunk + 1);
  EXPECT_TRUE(selection.Set(FileIndex(3), kLow));
  EXPECT_EQ(selection.wanted_chunks(), 7u);
  EXPECT_TRUE(selection.Set(FileIndex(3), kHigh));
  EXPECT_EQ(selection.wanted_chunks(), 7u);
  EXPECT_THAT(selection.ChunksAt(kHigh), ElementsAre(Chunks(3, 3)));
  EXPECT_THAT(selection.ChunksAt(kNormal), ElementsAre(Chunks(0, 3), Chunks(6, 1)));
}

}  // namespace
}  // namespace shoal::leecher
