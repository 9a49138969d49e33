#include "clients/leecher/download/policy/wanted_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <initializer_list>
#include <vector>

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

TEST(CheckGlob, RefusesWhatMatchesNothing) {
  for (const char* glob :
       {"*", "a[bc]", "[!a-c]?", "[]]", "[^]a]", "\\[", "a]", "[[:digit:]]", "[[]", "[\\]]"}) {
    EXPECT_TRUE(CheckGlob(glob).ok()) << glob;
  }
  for (const char* glob : {"", "[", "a[b", "[]", "[!]", "a\\", "[a\\]", "[[:digit:]", "x[a]["}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckGlob(glob))) << glob;
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

TEST(SelectionRules, CoverEmptyFoldersAndLinks) {
  SelectionRules rules;
  EXPECT_TRUE(rules.WantsEntry("a/b"));
  rules.include = {"a/", "*.link"};
  EXPECT_TRUE(rules.WantsEntry("a"));
  EXPECT_TRUE(rules.WantsEntry("a/b"));
  EXPECT_TRUE(rules.WantsEntry("c/x.link"));
  EXPECT_FALSE(rules.WantsEntry("c"));
  rules.exclude = {"a/b/"};
  EXPECT_TRUE(rules.WantsEntry("a/c"));
  EXPECT_FALSE(rules.WantsEntry("a/b"));
  rules.priorities = {{"a/c", kSkip}};
  EXPECT_FALSE(rules.WantsEntry("a/c"));
}

TEST(WantedFilesTest, AnIncludedLinkIncludesItsFile) {
  // Laid out like a model cache.
  const auto manifest = std::make_shared<const Manifest>(
      Manifest::Create(Manifest::Kind::kFolder, "cache", kChunk,
                       {{"blobs/1", 0, false}, {"blobs/2", 0, false}, {"blobs/3", 0, false}}, {}, {},
                       {{"snapshots/a/again", "./config"},
                        {"snapshots/a/config", "../../blobs/1"},
                        {"snapshots/a/nothing", "../nothing"},
                        {"snapshots/b/model", "../../blobs/2"}})
          .value());
  const auto wanted = [&](const SelectionRules& rules) {
    const WantedFiles files(manifest, rules);
    std::vector<bool> result;
    for (uint32_t i = 0; i < 3; ++i) result.push_back(files.wanted(FileIndex(i)));
    return result;
  };
  SelectionRules rules;
  rules.include = {"snapshots/a/"};
  EXPECT_THAT(wanted(rules), ElementsAre(true, false, false));
  rules.include = {"again"};
  EXPECT_THAT(wanted(rules), ElementsAre(true, false, false));
  rules.include = {"snapshots/"};
  EXPECT_THAT(wanted(rules), ElementsAre(true, true, false));
  rules.exclude = {"blobs/2"};
  EXPECT_THAT(wanted(rules), ElementsAre(true, false, false));
}

TEST(WantedFilesTest, WithoutRulesEverythingIsNormal) {
  const WantedFiles wanted(Folder(), SelectionRules());
  EXPECT_TRUE(wanted.everything());
  EXPECT_EQ(wanted.wanted_files(), 5u);
  EXPECT_EQ(wanted.wanted_chunks(), 7u);
  EXPECT_EQ(wanted.wanted_bytes(), 5 * kChunk + 2);
  EXPECT_THAT(wanted.ChunksAt(kNormal), ElementsAre(Chunks(0, 7)));
  EXPECT_THAT(wanted.ChunksAt(kSkip), IsEmpty());
}

TEST(WantedFilesTest, RulesBecomeRunsOfChunks) {
  SelectionRules rules;
  rules.exclude = {"b"};
  rules.priorities = {{"sub/", kHigh}};
  const WantedFiles wanted(Folder(), rules);
  EXPECT_FALSE(wanted.everything());
  EXPECT_EQ(wanted.wanted_files(), 4u);
  EXPECT_EQ(wanted.wanted_chunks(), 6u);
  EXPECT_EQ(wanted.wanted_bytes(), 5 * kChunk + 1);
  EXPECT_THAT(wanted.ChunksAt(kSkip), ElementsAre(Chunks(2, 1)));
  EXPECT_THAT(wanted.ChunksAt(kNormal), ElementsAre(Chunks(0, 2)));
  EXPECT_THAT(wanted.ChunksAt(kHigh), ElementsAre(Chunks(3, 4)));
  EXPECT_EQ(wanted.selection().count(), 4u);
  EXPECT_FALSE(wanted.selection().Wants(FileIndex(1)));
  EXPECT_THAT(wanted.chunks().Ranges(), ElementsAre(Chunks(0, 2), Chunks(3, 4)));
  EXPECT_EQ(wanted.priority(FileIndex(2)), kNormal) << "an empty file is wanted as others are";
}

TEST(WantedFilesTest, ChangesWhileItIsUsed) {
  WantedFiles wanted(Folder(), SelectionRules());
  EXPECT_THAT(wanted.Matching("sub/*"), ElementsAre(FileIndex(3), FileIndex(4)));
  EXPECT_THAT(wanted.Matching("nothing"), IsEmpty());
  EXPECT_TRUE(wanted.Set(FileIndex(3), kSkip));
  EXPECT_FALSE(wanted.Set(FileIndex(3), kSkip));
  EXPECT_EQ(wanted.wanted_chunks(), 4u);
  EXPECT_TRUE(wanted.Set(FileIndex(2), kSkip));
  EXPECT_EQ(wanted.wanted_files(), 3u);
  EXPECT_EQ(wanted.wanted_bytes(), 3 * kChunk + 1);
  EXPECT_TRUE(wanted.Set(FileIndex(3), kLow));
  EXPECT_EQ(wanted.wanted_chunks(), 7u);
  EXPECT_TRUE(wanted.Set(FileIndex(3), kHigh));
  EXPECT_EQ(wanted.wanted_chunks(), 7u);
  EXPECT_THAT(wanted.ChunksAt(kHigh), ElementsAre(Chunks(3, 3)));
  EXPECT_THAT(wanted.ChunksAt(kNormal), ElementsAre(Chunks(0, 3), Chunks(6, 1)));
}

constexpr uint32_t kChunks = 6;

// The last chunk has one byte.
std::shared_ptr<const Manifest> SixChunks() {
  auto manifest = Manifest::Create(Manifest::Kind::kFile, "file", kChunk, {{"file", 5 * kChunk + 1}},
                                   std::vector<ChunkChecksums>(kChunks));
  EXPECT_TRUE(manifest.ok()) << manifest.status();
  return std::make_shared<const Manifest>(*std::move(manifest));
}

ChunkSet Chunks(std::initializer_list<uint32_t> indices) {
  ChunkSet chunks(kChunks);
  for (const uint32_t index : indices) chunks.Insert(ChunkIndex(index));
  return chunks;
}

TEST(WantedProgressTest, CountsWhatComesAndWhatWasThere) {
  WantedProgress progress(SixChunks(), Chunks({1, 5}));
  EXPECT_EQ(progress.chunks_held(), 2u);
  EXPECT_EQ(progress.held_bytes(), kChunk + 1);
  EXPECT_EQ(progress.resumed_bytes(), kChunk + 1);
  EXPECT_EQ(progress.in_order_bytes(), 0u);
  progress.Gained(ChunkIndex(0));
  progress.Gained(ChunkIndex(0));
  EXPECT_EQ(progress.chunks_held(), 3u);
  EXPECT_EQ(progress.held_bytes(), 2 * kChunk + 1);
  EXPECT_EQ(progress.resumed_bytes(), kChunk + 1);
  EXPECT_EQ(progress.in_order_bytes(), 2 * kChunk);
  for (const uint32_t chunk : {4, 3, 2}) progress.Gained(ChunkIndex(chunk));
  EXPECT_EQ(progress.in_order_bytes(), 5 * kChunk + 1);
}

TEST(WantedProgressTest, WhatIsNotWantedCountsOnceItIs) {
  WantedProgress progress(SixChunks(), Chunks({0, 1}));
  progress.Want(Chunks({1, 3, 4}));
  EXPECT_EQ(progress.held_bytes(), kChunk);
  EXPECT_EQ(progress.resumed_bytes(), kChunk);
  EXPECT_EQ(progress.in_order_bytes(), kChunk);
  progress.Gained(ChunkIndex(2));
  EXPECT_EQ(progress.chunks_held(), 1u);
  progress.Gained(ChunkIndex(3));
  EXPECT_EQ(progress.in_order_bytes(), 2 * kChunk) << "chunk 2 is not waited for";
  progress.Want(ChunkSet::All(kChunks));
  EXPECT_EQ(progress.chunks_held(), 4u);
  EXPECT_EQ(progress.resumed_bytes(), 2 * kChunk);
  EXPECT_EQ(progress.in_order_bytes(), 4 * kChunk);
}

}  // namespace
}  // namespace shoal::leecher
