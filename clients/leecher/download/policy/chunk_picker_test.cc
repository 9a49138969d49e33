#include "clients/leecher/download/policy/chunk_picker.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

namespace shoal::leecher {
namespace {

constexpr PeerSlot kA{1};
constexpr PeerSlot kB{2};
constexpr PeerSlot kC{3};

ChunkSet SetOf(uint32_t size, std::initializer_list<uint32_t> chunks) {
  ChunkSet set(size);
  for (const uint32_t chunk : chunks) set.Insert(ChunkIndex(chunk));
  return set;
}

std::vector<uint32_t> PickAll(ChunkPicker& picker, PeerSlot peer) {
  std::vector<uint32_t> picked;
  while (const std::optional<ChunkIndex> chunk = picker.Pick(peer)) picked.push_back(chunk->value());
  return picked;
}

TEST(ChunkPicker, GivesEachMissingChunkOnce) {
  ChunkPicker picker(SetOf(10, {3, 7}), 1);
  picker.AddPeer(kA, ChunkSet::All(10));
  const std::vector<uint32_t> picked = PickAll(picker, kA);
  EXPECT_EQ(std::set<uint32_t>(picked.begin(), picked.end()), (std::set<uint32_t>{0, 1, 2, 4, 5, 6, 8, 9}));
  EXPECT_EQ(picked.size(), 8u);
  EXPECT_EQ(picker.wanted(), 0u);
  EXPECT_EQ(picker.asked(), 8u);
}

TEST(ChunkPicker, GivesAPeerOnlyWhatItHolds) {
  ChunkPicker picker(ChunkSet(100), 1);
  picker.AddPeer(kA, SetOf(100, {5, 50, 99}));
  const std::vector<uint32_t> picked = PickAll(picker, kA);
  EXPECT_EQ(std::set<uint32_t>(picked.begin(), picked.end()), (std::set<uint32_t>{5, 50, 99}));
  EXPECT_EQ(picker.wanted(), 97u);
}

struct RarityCase {
  const char* what;
  std::vector<std::vector<uint32_t>> peers;  // what each holds; the last one asks
  std::vector<std::set<uint32_t>> order;     // groups, rarest first
};

TEST(ChunkPicker, PicksTheRarestFirst) {
  const RarityCase cases[] = {
      {"two levels", {{0, 1, 2}, {0, 1, 2, 3, 4}}, {{3, 4}, {0, 1, 2}}},
      {"three levels", {{0}, {0, 1}, {0, 1, 2}}, {{2}, {1}, {0}}},
      {"what no other peer has", {{1, 2, 3}, {0, 1, 2, 3}}, {{0}, {1, 2, 3}}},
  };
  for (const RarityCase& test : cases) {
    SCOPED_TRACE(test.what);
    ChunkPicker picker(ChunkSet(6), 1);  // no peer holds chunk 5, so that no peer is complete
    uint32_t slot = 0;
    for (const auto& holds : test.peers) {
      ChunkSet set(6);
      for (const uint32_t chunk : holds) set.Insert(ChunkIndex(chunk));
      picker.AddPeer(PeerSlot(slot++), set);
    }
    const std::vector<uint32_t> picked = PickAll(picker, PeerSlot(slot - 1));
    size_t at = 0;
    for (const std::set<uint32_t>& group : test.order) {
      ASSERT_LE(at + group.size(), picked.size());
      EXPECT_EQ(std::set<uint32_t>(picked.begin() + static_cast<long>(at),
                                   picked.begin() + static_cast<long>(at + group.size())),
                group);
      at += group.size();
    }
    EXPECT_EQ(at, picked.size());
  }
}

TEST(ChunkPicker, ACompletePeerAlsoGivesTheRarestFirst) {
  ChunkPicker picker(ChunkSet(4), 1);
  picker.AddPeer(kA, SetOf(4, {0, 1, 2}));
  picker.AddPeer(kB, ChunkSet::All(4));
  EXPECT_EQ(picker.Pick(kB), ChunkIndex(3));
}

TEST(ChunkPicker, BreaksTiesBySeed) {
  const auto picks = [](uint64_t seed) {
    ChunkPicker picker(ChunkSet(64), seed);
    picker.AddPeer(kA, ChunkSet::All(64));
    return PickAll(picker, kA);
  };
  EXPECT_EQ(picks(1), picks(1));
  EXPECT_NE(picks(1), picks(2));
}

TEST(ChunkPicker, AsksOnePeerAtATime) {
  ChunkPicker picker(ChunkSet(1), 1);
  picker.AddPeer(kA, ChunkSet::All(1));
  picker.AddPeer(kB, ChunkSet::All(1));
  EXPECT_TRUE(picker.Pick(kA).has_value());
  EXPECT_FALSE(picker.Pick(kB).has_value());
  EXPECT_TRUE(picker.Return(kA, ChunkIndex(0)));
  EXPECT_TRUE(picker.Pick(kB).has_value());
}

TEST(ChunkPicker, CopiesToOneMorePeer) {
  ChunkPicker picker(ChunkSet(2), 1);
  picker.AddPeer(kA, ChunkSet::All(2));
  picker.AddPeer(kB, SetOf(2, {0}));
  picker.AddPeer(kC, ChunkSet::All(2));
  EXPECT_FALSE(picker.Copy(kB, ChunkIndex(0))) << "no peer was asked";
  EXPECT_EQ(PickAll(picker, kA).size(), 2u);
  EXPECT_FALSE(picker.Copy(kA, ChunkIndex(0))) << "it is the one that was asked";
  EXPECT_FALSE(picker.Copy(kB, ChunkIndex(1))) << "it does not hold it";
  EXPECT_TRUE(picker.Copy(kB, ChunkIndex(0)));
  EXPECT_FALSE(picker.Copy(kC, ChunkIndex(0))) << "two at a time";

  const auto asked = picker.AskedOf(ChunkIndex(0));
  EXPECT_EQ(std::vector<PeerSlot>(asked.begin(), asked.end()), (std::vector<PeerSlot>{kA, kB}));
  picker.Arrived(ChunkIndex(0));
  EXPECT_TRUE(picker.AskedOf(ChunkIndex(0)).empty());
}

TEST(ChunkPicker, AReturnedCopyStaysWithTheOther) {
  ChunkPicker picker(ChunkSet(1), 1);
  picker.AddPeer(kA, ChunkSet::All(1));
  picker.AddPeer(kB, ChunkSet::All(1));
  picker.Pick(kA);
  picker.Copy(kB, ChunkIndex(0));
  EXPECT_FALSE(picker.Return(kA, ChunkIndex(0)));
  EXPECT_EQ(picker.wanted(), 0u);
  EXPECT_TRUE(picker.Return(kB, ChunkIndex(0)));
  EXPECT_EQ(picker.wanted(), 1u);
}

TEST(ChunkPicker, RemovingAPeerFreesWhatItWasAsked) {
  ChunkPicker picker(ChunkSet(8), 1);
  picker.AddPeer(kA, ChunkSet::All(8));
  EXPECT_EQ(PickAll(picker, kA).size(), 8u);
  picker.RemovePeer(kA);
  EXPECT_EQ(picker.wanted(), 8u);
  picker.AddPeer(kB, ChunkSet::All(8));
  EXPECT_EQ(PickAll(picker, kB).size(), 8u);
}

TEST(ChunkPicker, AnExcludedChunkGoesToOthers) {
  ChunkPicker picker(ChunkSet(3), 1);
  picker.AddPeer(kA, ChunkSet::All(3));
  picker.AddPeer(kB, ChunkSet::All(3));
  picker.Exclude(kA, ChunkIndex(1));
  const std::vector<uint32_t> picked = PickAll(picker, kA);
  EXPECT_EQ(std::set<uint32_t>(picked.begin(), picked.end()), (std::set<uint32_t>{0, 2}));
  EXPECT_EQ(PickAll(picker, kB), (std::vector<uint32_t>{1}));
}

TEST(ChunkPicker, LearnsWhatAPeerGains) {
  ChunkPicker picker(ChunkSet(3), 1);
  picker.AddPeer(kA, ChunkSet(3));
  EXPECT_FALSE(picker.Pick(kA).has_value());
  ASSERT_TRUE(picker.PeerGained(kA, {{ChunkIndex(1), 1}}).ok());
  EXPECT_EQ(picker.Pick(kA), ChunkIndex(1));
  ASSERT_TRUE(picker.PeerGained(kA, {{ChunkIndex(0), 3}}).ok());  // complete now
  EXPECT_EQ(PickAll(picker, kA).size(), 2u);
  EXPECT_EQ(picker.PeerGained(kA, {{ChunkIndex(2), 2}}).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(picker.PeerGained(kA, {{ChunkIndex(0xFFFFFFFF), 2}}).code(), absl::StatusCode::kOutOfRange);
}

TEST(ChunkPicker, IsDoneWhenAllAreStored) {
  ChunkPicker picker(ChunkSet(2), 1);
  picker.AddPeer(kA, ChunkSet::All(2));
  PickAll(picker, kA);
  picker.Arrived(ChunkIndex(0));
  picker.Arrived(ChunkIndex(1));
  picker.Stored(ChunkIndex(0));
  EXPECT_FALSE(picker.done());
  picker.Rejected(ChunkIndex(1));
  EXPECT_EQ(picker.Pick(kA), ChunkIndex(1));
  picker.Arrived(ChunkIndex(1));
  picker.Stored(ChunkIndex(1));
  EXPECT_TRUE(picker.done());
  EXPECT_TRUE(ChunkPicker(ChunkSet(0), 1).done());
}

TEST(ChunkPicker, TakesHigherPrioritiesFirst) {
  ChunkPicker picker(ChunkSet(6), 1);
  picker.SetPriority({ChunkIndex(0), 2}, FilePriority::kLow);
  picker.SetPriority({ChunkIndex(4), 1}, FilePriority::kHigh);
  picker.SetPriority({ChunkIndex(5), 1}, FilePriority::kSkip);
  picker.AddPeer(kA, ChunkSet::All(6));
  EXPECT_FALSE(picker.indifferent());
  const std::vector<uint32_t> picked = PickAll(picker, kA);
  ASSERT_EQ(picked.size(), 5u);
  EXPECT_EQ(picked[0], 4u);
  EXPECT_EQ(std::set<uint32_t>(picked.begin() + 1, picked.begin() + 3), (std::set<uint32_t>{2, 3}));
  EXPECT_EQ(std::set<uint32_t>(picked.begin() + 3, picked.end()), (std::set<uint32_t>{0, 1}));
}

TEST(ChunkPicker, PrioritiesMayChangeAtAnyTime) {
  ChunkPicker picker(ChunkSet(3), 1);
  picker.AddPeer(kA, ChunkSet::All(3));
  EXPECT_TRUE(picker.indifferent());
  const ChunkIndex asked = *picker.Pick(kA);
  picker.SetPriority({ChunkIndex(0), 3}, FilePriority::kSkip);
  EXPECT_EQ(picker.wanted(), 0u);
  EXPECT_TRUE(picker.done()) << "nothing is waited for";
  EXPECT_TRUE(picker.Return(kA, asked));
  EXPECT_FALSE(picker.Pick(kA).has_value());
  picker.SetPriority({asked, 1}, FilePriority::kHigh);
  EXPECT_EQ(picker.Pick(kA), asked);
  picker.Arrived(asked);
  picker.SetPriority({asked, 1}, FilePriority::kSkip);
  picker.SetPriority({asked, 1}, FilePriority::kNormal);
  EXPECT_EQ(picker.wanted(), 0u) << "it is here already";
  picker.Stored(asked);
  EXPECT_TRUE(picker.done());
  EXPECT_EQ(picker.held(), 1u);
}

TEST(ChunkPicker, GoesInOrderWhenSequential) {
  ChunkPicker picker(ChunkSet(200), 1);
  picker.SetSequential(true);
  EXPECT_FALSE(picker.indifferent());
  picker.AddPeer(kA, SetOf(200, {3, 150, 70}));
  picker.AddPeer(kB, ChunkSet::All(200));
  EXPECT_EQ(PickAll(picker, kA), (std::vector<uint32_t>{3, 70, 150}));
  picker.SetPriority({ChunkIndex(100), 1}, FilePriority::kHigh);
  EXPECT_EQ(picker.Pick(kB), ChunkIndex(100));
  EXPECT_EQ(picker.Pick(kB), ChunkIndex(0));
  EXPECT_EQ(picker.Pick(kB), ChunkIndex(1));
}

TEST(ChunkPicker, TakesWhatComesUnasked) {
  ChunkPicker picker(SetOf(4, {3}), 1);
  picker.AddPeer(kA, ChunkSet::All(4));
  picker.AddPeer(kB, ChunkSet::All(4));
  EXPECT_TRUE(picker.Claim(kA, ChunkIndex(0)));
  EXPECT_EQ(picker.wanted(), 2u);
  EXPECT_TRUE(picker.Claim(kB, ChunkIndex(0))) << "both may come";
  EXPECT_EQ(picker.AskedOf(ChunkIndex(0)).size(), 2u);
  EXPECT_FALSE(picker.Claim(kA, ChunkIndex(3))) << "it is held";
  EXPECT_FALSE(picker.Claim(kA, ChunkIndex(4))) << "there is no such chunk";
  picker.Arrived(ChunkIndex(0));
  EXPECT_FALSE(picker.Claim(kA, ChunkIndex(0))) << "it is here";
}

// The order stays right through any sequence of events: checked against a plain recount.
TEST(ChunkPicker, KeepsItsOrderThroughRandomEvents) {
  constexpr uint32_t kChunks = 40;
  std::mt19937 random(7);
  ChunkPicker picker(ChunkSet(kChunks), 3);
  std::map<uint32_t, ChunkSet> peers;
  std::map<uint32_t, uint32_t> asked;  // chunk -> slot
  uint32_t next_slot = 0;
  for (int step = 0; step < 20'000; ++step) {
    const uint32_t dice = random() % 10;
    if (peers.size() < 2 || (dice == 0 && peers.size() < 6)) {
      ChunkSet held(kChunks);
      for (uint32_t i = 0; i < kChunks; ++i) {
        if (random() % 3 == 0) held.Insert(ChunkIndex(i));
      }
      if (random() % 4 == 0) held = ChunkSet::All(kChunks);
      picker.AddPeer(PeerSlot(next_slot), held);
      peers[next_slot++] = held;
      continue;
    }
    auto peer = std::next(peers.begin(), static_cast<long>(random() % peers.size()));
    const PeerSlot slot(peer->first);
    if (dice == 1) {
      picker.RemovePeer(slot);
      std::erase_if(asked, [&](const auto& entry) { return entry.second == peer->first; });
      peers.erase(peer);
    } else if (dice == 2) {
      const uint32_t chunk = random() % kChunks;
      ASSERT_TRUE(picker.PeerGained(slot, {{ChunkIndex(chunk), 1}}).ok());
      peer->second.Insert(ChunkIndex(chunk));
    } else if (dice == 3) {
      const uint32_t chunk = random() % kChunks;
      if (asked.contains(chunk)) continue;
      picker.Exclude(slot, ChunkIndex(chunk));
      peer->second.Erase(ChunkIndex(chunk));
    } else if (dice < 7 && !asked.empty()) {
      const auto [chunk, owner] = *asked.begin();
      ASSERT_TRUE(picker.Return(PeerSlot(owner), ChunkIndex(chunk)));
      asked.erase(chunk);
    } else {
      const auto fits = [&](uint32_t chunk) {
        return !asked.contains(chunk) && peer->second.Contains(ChunkIndex(chunk));
      };
      const std::optional<ChunkIndex> picked = picker.Pick(slot);
      if (!picked.has_value()) {
        for (uint32_t chunk = 0; chunk < kChunks; ++chunk) ASSERT_FALSE(fits(chunk));
        continue;
      }
      ASSERT_TRUE(fits(picked->value()));
      asked[picked->value()] = peer->first;
    }
    ASSERT_EQ(picker.wanted() + picker.asked(), kChunks);
    ASSERT_EQ(picker.asked(), asked.size());
  }
}

// A pick must not look at every chunk: with this many, that would take minutes.
TEST(ChunkPicker, StaysQuickWithVeryManyChunks) {
  constexpr uint32_t kChunks = 1'500'000;
  ChunkPicker picker(ChunkSet(kChunks), 1);
  ChunkSet most = ChunkSet::All(kChunks);
  most.Erase(ChunkIndex(17));
  picker.AddPeer(kA, ChunkSet::All(kChunks));
  picker.AddPeer(kB, most);
  for (uint32_t i = 0; i < kChunks / 2; ++i) {
    ASSERT_TRUE(picker.Pick(kA).has_value());
    if (i % 2 == 0) {
      ASSERT_TRUE(picker.Pick(kB).has_value());
    }
  }
}

}  // namespace
}  // namespace shoal::leecher
