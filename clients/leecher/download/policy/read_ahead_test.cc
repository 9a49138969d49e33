#include "clients/leecher/download/policy/read_ahead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "shoal/content/manifest/manifest.h"

namespace shoal::leecher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint32_t kChunk = 512 * 1024;
constexpr ReaderId kA{1};
constexpr ReaderId kB{2};
constexpr absl::Duration kStart = absl::Seconds(100);

std::shared_ptr<const Manifest> ManifestOf(uint32_t chunks) {
  return std::make_shared<const Manifest>(Manifest::Create(Manifest::Kind::kFile, "film", kChunk,
                                                           {{"film", uint64_t{chunks} * kChunk, false}},
                                                           std::vector<ChunkChecksums>(chunks))
                                              .value());
}

ChunkRange From(uint32_t first, uint32_t end = 1000) {
  return {ChunkIndex(first), end - first};
}

std::vector<uint32_t> Indexes(const std::vector<DueChunk>& due) {
  std::vector<uint32_t> indexes;
  for (const DueChunk& each : due) indexes.push_back(each.chunk.value());
  return indexes;
}

bool All(ChunkIndex) {
  return true;
}

// Reads one chunk in `takes`, until `chunks` are read or for as long as given.
absl::Duration Read(ReadAheads& ahead, ReaderId reader, uint32_t first, uint32_t chunks,
                    absl::Duration takes) {
  absl::Duration now = kStart;
  for (uint32_t chunk = first; chunk <= first + chunks; ++chunk) {
    ahead.Set(reader, From(chunk), /*holds_first=*/true, now);
    now += takes;
  }
  return now - takes;
}

TEST(ReadAheads, WithoutReadersNothingIsDue) {
  ReadAheads ahead(ManifestOf(10));
  EXPECT_TRUE(ahead.empty());
  EXPECT_THAT(ahead.Due(kStart, All), IsEmpty());
}

TEST(ReadAheads, AChunkIsDueWhenTheReaderGetsThere) {
  ReadAheads ahead(ManifestOf(1000));
  ahead.Set(kA, From(7), false, kStart);
  const std::vector<DueChunk> due = ahead.Due(kStart + absl::Seconds(5), All);
  ASSERT_EQ(due.size(), 40u) << "ten seconds at 2 MiB/s";
  for (uint32_t i = 0; i < due.size(); ++i) {
    EXPECT_EQ(due[i], (DueChunk{ChunkIndex(7 + i), kStart + i * absl::Milliseconds(250)}));
  }
}

struct WindowCase {
  const char* what;
  absl::Duration per_chunk;  // the reader takes so long for each of 512 KiB
  uint32_t chunks;           // and reads so many
  size_t window_chunks;
};

TEST(ReadAheads, TheWindowFollowsTheSpeed) {
  const WindowCase cases[] = {
      {"5 MiB/s", absl::Milliseconds(100), 100, 100},
      {"1 MiB/s", absl::Milliseconds(500), 20, 20},
      {"a slow reader has the smallest", absl::Seconds(10), 5, 4},
      {"a fast one the largest", absl::Milliseconds(10), 400, 128},
  };
  for (const WindowCase& test : cases) {
    SCOPED_TRACE(test.what);
    ReadAheads ahead(ManifestOf(1000));
    const absl::Duration now = Read(ahead, kA, 0, test.chunks, test.per_chunk);
    EXPECT_NEAR(static_cast<double>(ahead.Due(now, All).size()), static_cast<double>(test.window_chunks),
                static_cast<double>(test.window_chunks) * 0.05 + 1);
  }
}

TEST(ReadAheads, AReaderThatWaitsIsNotSlow) {
  ReadAheads ahead(ManifestOf(1000));
  absl::Duration now = Read(ahead, kA, 0, 100, absl::Milliseconds(100));
  const double speed = ahead.SpeedOf(kA);
  // Each further chunk comes after a minute, and is read at once.
  for (uint32_t chunk = 101; chunk < 110; ++chunk) {
    ahead.Set(kA, From(chunk), /*holds_first=*/false, now);
    now += absl::Minutes(1);
    EXPECT_THAT(ahead.Gained(ChunkIndex(chunk + 1), now), IsEmpty());
    EXPECT_THAT(ahead.Gained(ChunkIndex(chunk), now), ElementsAre(kA));
    EXPECT_THAT(ahead.Gained(ChunkIndex(chunk), now), IsEmpty()) << "it waits no longer";
    now += absl::Milliseconds(100);
  }
  EXPECT_NEAR(ahead.SpeedOf(kA), speed, speed * 0.1);
}

TEST(ReadAheads, WhatAReaderWaitsForIsOverdue) {
  ReadAheads ahead(ManifestOf(1000));
  ahead.Set(kA, From(7), /*holds_first=*/false, kStart);
  EXPECT_EQ(ahead.Due(kStart + absl::Seconds(3), All)[0].due, kStart);
  ahead.Set(kA, From(7), /*holds_first=*/false, kStart + absl::Seconds(4));
  EXPECT_EQ(ahead.Due(kStart + absl::Seconds(5), All)[0].due, kStart) << "the same again moves nothing";
}

TEST(ReadAheads, NothingIsOverdueWhileAReaderPauses) {
  ReadAheads ahead(ManifestOf(1000));
  ahead.Set(kA, From(7), /*holds_first=*/true, kStart);
  const absl::Duration later = kStart + absl::Hours(1);
  EXPECT_EQ(ahead.Due(later, [](ChunkIndex chunk) { return chunk.value() > 7; })[0].due,
            later + absl::Milliseconds(250));
}

TEST(ReadAheads, ASeekIsNotRead) {
  ReadAheads ahead(ManifestOf(1000));
  const absl::Duration now = Read(ahead, kA, 0, 100, absl::Milliseconds(100));
  const double speed = ahead.SpeedOf(kA);
  ahead.Set(kA, From(10), false, now);
  EXPECT_EQ(ahead.SpeedOf(kA), speed);
  EXPECT_EQ(Indexes(ahead.Due(now, All))[0], 10u);
}

TEST(ReadAheads, LeavesOutWhatIsThere) {
  ReadAheads ahead(ManifestOf(1000));
  ahead.Set(kA, From(0, 6), false, kStart);
  const auto odd = [](ChunkIndex chunk) { return chunk.value() % 2 == 1; };
  EXPECT_THAT(Indexes(ahead.Due(kStart, odd)), ElementsAre(1, 3, 5)) << "and ends with what is read";
}

TEST(ReadAheads, TheReadersTakeTurnsByTime) {
  ReadAheads ahead(ManifestOf(1000));
  ahead.Set(kA, From(0, 3), false, kStart);
  ahead.Set(kB, From(2, 5), false, kStart + absl::Milliseconds(125));
  EXPECT_THAT(Indexes(ahead.Due(kStart, All)), ElementsAre(0, 2, 1, 3, 4)) << "2 is due to B before A";
  ahead.Remove(kB);
  EXPECT_THAT(Indexes(ahead.Due(kStart, All)), ElementsAre(0, 1, 2));
}

TEST(ReadAheads, ARangeOutsideOfTheContentEndsTheReader) {
  for (const ChunkRange& range : {From(10, 11), From(0, 0), ChunkRange{ChunkIndex(5), 0xFFFFFFFF}}) {
    ReadAheads ahead(ManifestOf(10));
    ahead.Set(kA, From(0, 10), false, kStart);
    ahead.Set(kA, range, false, kStart);
    EXPECT_TRUE(ahead.empty());
  }
}

TEST(ReadAheads, BoundsTheChunksOfAWindow) {
  ReadAheads ahead(ManifestOf(1000), {.max_chunks = 3});
  ahead.Set(kA, From(0), false, kStart);
  EXPECT_THAT(Indexes(ahead.Due(kStart, All)), ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace shoal::leecher
