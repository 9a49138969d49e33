#include "shoal/content/manifest/chunk_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

#include "absl/status/status.h"

namespace shoal {
namespace {

ChunkSet Of(uint32_t size, const std::vector<ChunkRange>& ranges) {
  ChunkSet set(size);
  EXPECT_TRUE(set.InsertRanges(ranges).ok());
  return set;
}

ChunkRange Chunks(uint32_t first, uint32_t count) {
  return {ChunkIndex(first), count};
}

ChunkSet DecodeOk(uint32_t size, const std::string& bytes) {
  const absl::StatusOr<ChunkSet> set = ChunkSet::Decode(size, AsBytes(bytes));
  EXPECT_TRUE(set.ok()) << set.status();
  return set.value_or(ChunkSet());
}

TEST(ChunkSet, CountsItsChunks) {
  ChunkSet set(130);
  EXPECT_TRUE(set.Insert(ChunkIndex(0)));
  EXPECT_TRUE(set.Insert(ChunkIndex(63)));
  EXPECT_TRUE(set.Insert(ChunkIndex(64)));
  EXPECT_TRUE(set.Insert(ChunkIndex(129)));
  EXPECT_FALSE(set.Insert(ChunkIndex(64)));
  EXPECT_EQ(set.count(), 4u);
  EXPECT_TRUE(set.Contains(ChunkIndex(129)));
  EXPECT_FALSE(set.Contains(ChunkIndex(128)));
  EXPECT_TRUE(set.Erase(ChunkIndex(64)));
  EXPECT_FALSE(set.Erase(ChunkIndex(64)));
  EXPECT_EQ(set.Ranges(), (std::vector<ChunkRange>{Chunks(0, 1), Chunks(63, 1), Chunks(129, 1)}));
}

TEST(ChunkSet, OfAllIsFull) {
  for (const uint32_t size : {0u, 1u, 63u, 64u, 65u, 128u, 1000u}) {
    ChunkSet all = ChunkSet::All(size);
    EXPECT_TRUE(all.full());
    EXPECT_EQ(all.Ranges(), size == 0 ? std::vector<ChunkRange>() : std::vector<ChunkRange>{Chunks(0, size)});
    EXPECT_EQ(all, Of(size, {Chunks(0, size)}));
    ChunkSet one_by_one(size);
    for (uint32_t i = 0; i < size; ++i) one_by_one.Insert(ChunkIndex(i));
    EXPECT_EQ(all, one_by_one);
  }
}

TEST(ChunkSet, RefusesRunsPastItsEndAndChangesNothing) {
  ChunkSet set(100);
  EXPECT_EQ(set.InsertRanges({Chunks(0, 5), Chunks(99, 2)}).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(set.InsertRanges({Chunks(UINT32_MAX, 2)}).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(set.InsertRanges({Chunks(1, UINT32_MAX)}).code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(set.empty());
  EXPECT_TRUE(set.InsertRanges({Chunks(10, 90), Chunks(20, 5), Chunks(100, 0)}).ok());
  EXPECT_EQ(set.count(), 90u);
}

TEST(ChunkSet, IsOneByteWhenFullOrEmpty) {
  EXPECT_EQ(ChunkSet(1'000'000).Encode(), std::string("\0", 1));
  EXPECT_EQ(ChunkSet::All(1'000'000).Encode(), "\x01");
  EXPECT_EQ(ChunkSet(0).Encode(), std::string("\0", 1));
  EXPECT_TRUE(DecodeOk(77, "\x01").full());
  EXPECT_TRUE(DecodeOk(77, std::string("\0", 1)).empty());
  EXPECT_TRUE(DecodeOk(77, "").empty());
  EXPECT_TRUE(DecodeOk(0, "\x01").full());
}

TEST(ChunkSet, HasTheBytesThatTheFormatPageShows) {
  // Chunks 3..5 and 300 of 1,000: runs of (3, 3) and (294, 1).
  EXPECT_EQ(Of(1000, {Chunks(3, 3), Chunks(300, 1)}).Encode(), "\x02\x03\x03\xa6\x02\x01");
  // Every second chunk of 10: 2 bytes of bitmap; the lowest bit is the first chunk.
  ChunkSet odd(10);
  for (uint32_t i = 1; i < 10; i += 2) odd.Insert(ChunkIndex(i));
  EXPECT_EQ(odd.Encode(), "\x03\xaa\x02");
}

TEST(ChunkSet, RefusesBytesThatAreNoSetOfThatSize) {
  const std::vector<std::string> bad = {
      std::string("\x00\x00", 2),              // bytes after its end
      "\x01\x01",                              //
      "\x04",                                  // unknown form
      "\x03\xff",                              // bitmap too short
      "\x03\xff\x03\xff",                      // too long
      "\x03\xff\x04",                          // a bit past the end
      "\x02\x80",                              // truncated number
      "\x02\x01",                              // run without its count
      std::string("\x02\x01\x00", 3),          // empty run
      std::string("\x02\x01\x01\x00\x01", 5),  // empty gap
      "\x02\x01\x0a",                          // past the end
      "\x02\xff\xff\xff\xff\x7f\x01",          // more than 32 bits
      "\x02\xff\xff\xff\xff\xff\x01\x01",      // more than 5 bytes
      std::string("\x02\x81\x00\x01", 4),      // overlong number
      "\x02\xff\xff\xff\xff\x0f\xff\xff\xff\xff\x0f",
  };
  for (const std::string& bytes : bad) {
    EXPECT_EQ(ChunkSet::Decode(10, AsBytes(bytes)).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(ChunkSet, RoundTripsThroughItsBytes) {
  std::mt19937 random(1);
  for (const uint32_t size : {1u, 7u, 8u, 9u, 64u, 100u, 4096u, 5001u}) {
    for (const uint32_t per_mille : {1u, 20u, 500u, 980u, 999u}) {
      ChunkSet set(size);
      std::set<uint32_t> expected;
      for (uint32_t i = 0; i < size; ++i) {
        if (random() % 1000 >= per_mille) continue;
        set.Insert(ChunkIndex(i));
        expected.insert(i);
      }
      const std::string bytes = set.Encode();
      EXPECT_LE(bytes.size(), 1 + (size + 7) / 8);
      EXPECT_EQ(DecodeOk(size, bytes), set);
      std::set<uint32_t> visited;
      set.ForEach([&](ChunkIndex index) { visited.insert(index.value()); });
      EXPECT_EQ(visited, expected);
      EXPECT_EQ(Of(size, set.Ranges()), set);
    }
  }
}

TEST(ChunkSet, CombinesWithAnother) {
  const ChunkSet a = Of(130, {Chunks(0, 70), Chunks(129, 1)});
  const ChunkSet b = Of(130, {Chunks(60, 20)});
  ChunkSet both = a;
  both.KeepOnly(b);
  EXPECT_EQ(both, Of(130, {Chunks(60, 10)}));
  ChunkSet either = a;
  either.Add(b);
  EXPECT_EQ(either, Of(130, {Chunks(0, 80), Chunks(129, 1)}));
  ChunkSet rest = a;
  rest.Remove(b);
  EXPECT_EQ(rest, Of(130, {Chunks(0, 60), Chunks(129, 1)}));
}

}  // namespace
}  // namespace shoal
