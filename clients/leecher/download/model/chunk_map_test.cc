#include "clients/leecher/download/model/chunk_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace shoal::leecher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ChunkSet Of(uint32_t size, const std::vector<uint32_t>& chunks) {
  ChunkSet set(size);
  for (const uint32_t chunk : chunks) set.Insert(ChunkIndex(chunk));
  return set;
}

std::vector<uint32_t> Bytes(const std::string& cells) {
  std::vector<uint32_t> bytes;
  for (const char cell : cells) bytes.push_back(static_cast<uint8_t>(cell));
  return bytes;
}

ChunkSender Sender(uint16_t port) {
  return {RandomPeerId(), *Endpoint::Parse("10.0.0.1:" + std::to_string(port))};
}

TEST(ChunkMap, ACellIsAChunkWhileThereAreFew) {
  const ChunkSet held = Of(4, {0, 2});
  ChunkPicker picker(held, 1);
  picker.AddPeer(PeerSlot(1), ChunkSet::All(4));
  picker.AddPeer(PeerSlot(2), Of(4, {1, 2}));
  ASSERT_TRUE(picker.Take(PeerSlot(1), ChunkIndex(3)));
  const ChunkSender first = Sender(1);
  const ChunkSender second = Sender(2);
  const ChunkMap map = MakeChunkMap(held, picker, std::vector<uint16_t>{2, 0, 0, 0}, {first, second});
  EXPECT_EQ(map.chunk_count, 4u);
  EXPECT_EQ(map.chunks_per_cell, 1u);
  EXPECT_THAT(Bytes(map.held), ElementsAre(255, 0, 255, 0));
  EXPECT_THAT(Bytes(map.under_way), ElementsAre(0, 0, 0, 255));
  EXPECT_THAT(Bytes(map.availability), ElementsAre(1, 2, 2, 1));
  EXPECT_THAT(Bytes(map.source), ElementsAre(1, 0, 0, 0)) << "an earlier run brought the third";
  EXPECT_THAT(map.sources, ElementsAre(second)) << "only those that a cell names";
}

TEST(ChunkMap, ManyChunksShareACell) {
  constexpr uint32_t kChunks = 3 * ChunkMap::kMaxCells - 5;
  ChunkSet held = Of(kChunks, {0, 3, 4, 5, kChunks - 1});
  ChunkPicker picker(held, 1);
  picker.AddPeer(PeerSlot(1), Of(kChunks, {0, 1, 2, 3, 4}));
  std::vector<uint16_t> sent_by(kChunks, 0);
  sent_by[3] = 1;
  sent_by[5] = 2;
  const ChunkMap map = MakeChunkMap(held, picker, sent_by, {Sender(1), Sender(2)});
  EXPECT_EQ(map.chunks_per_cell, 3u);
  EXPECT_EQ(map.held.size(), ChunkMap::kMaxCells - 1u);
  EXPECT_THAT(Bytes(map.held.substr(0, 3)), ElementsAre(85, 255, 0));
  EXPECT_EQ(Bytes(map.held).back(), 255u) << "the last cell has one chunk";
  EXPECT_THAT(Bytes(map.availability.substr(0, 2)), ElementsAre(1, 0)) << "of the rarest";
  EXPECT_THAT(Bytes(map.source.substr(0, 2)), ElementsAre(0, 1));
  EXPECT_EQ(map.sources.size(), 1u) << "of the last chunk that has one";
}

TEST(ChunkMap, ALittleIsNotNothingAndMostIsNotAll) {
  constexpr uint32_t kPerCell = 600;
  constexpr uint32_t kChunks = kPerCell * ChunkMap::kMaxCells;
  ChunkSet held = Of(kChunks, {0});
  for (uint32_t chunk = kPerCell; chunk < 2 * kPerCell - 1; ++chunk) held.Insert(ChunkIndex(chunk));
  const ChunkMap map = MakeChunkMap(held, ChunkPicker(held, 1), std::vector<uint16_t>(kChunks, 0), {});
  EXPECT_THAT(Bytes(map.held.substr(0, 3)), ElementsAre(1, 254, 0));
}

TEST(ChunkMap, NamesAtMost255Peers) {
  std::vector<ChunkSender> senders;
  std::vector<uint16_t> sent_by;
  for (uint16_t i = 1; i <= 300; ++i) {
    senders.push_back(Sender(i));
    sent_by.push_back(i);
  }
  const ChunkSet held = ChunkSet::All(300);
  const ChunkMap map = MakeChunkMap(held, ChunkPicker(held, 1), sent_by, senders);
  EXPECT_EQ(map.sources.size(), 255u);
  EXPECT_EQ(Bytes(map.source)[254], 255u);
  EXPECT_EQ(Bytes(map.source)[255], 0u);
}

TEST(ChunkMap, NoChunksNoCells) {
  const ChunkMap map = MakeChunkMap(ChunkSet(0), ChunkPicker(ChunkSet(0), 1), {}, {});
  EXPECT_EQ(map.chunk_count, 0u);
  EXPECT_THAT(map.held, IsEmpty());
}

}  // namespace
}  // namespace shoal::leecher
