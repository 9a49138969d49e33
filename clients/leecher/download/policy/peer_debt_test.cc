#include "clients/leecher/download/policy/peer_debt.h"

#include <gtest/gtest.h>

#include <vector>

namespace shoal::leecher {
namespace {

constexpr uint32_t kChunk = 512 * 1024;
constexpr PeerSlot kPeer{1};

class PeerDebtTest : public testing::Test, private RequestSink {
 protected:
  void Send() {
    requested_.clear();
    cancelled_.clear();
    credits_ = 0;
    debt_.Send(kPeer, *this);
  }
  // How long it still needs, where nothing else is owed.
  absl::Duration Needs(ChunkIndex chunk) {
    LateChunks late;
    debt_.CollectLate(now_, /*begun=*/true, &late);
    absl::Duration needs;
    while (late.Offer(needs, [chunk](ChunkIndex each) { return each == chunk; })) {
      needs += absl::Milliseconds(1);
    }
    return needs;
  }

  absl::Duration now_ = absl::Seconds(100);
  PeerDebt debt_{PeerCredit(CreditLimits(), /*on_probation=*/false, now_), kChunk};
  std::vector<ChunkIndex> requested_;
  std::vector<ChunkIndex> cancelled_;
  uint32_t credits_ = 0;

 private:
  void Request(PeerSlot, std::span<const ChunkIndex> chunks) override {
    requested_.assign(chunks.begin(), chunks.end());
  }
  void RequestAny(PeerSlot, uint32_t chunks) override { credits_ = chunks; }
  void Cancel(PeerSlot, std::span<const ChunkIndex> chunks) override {
    cancelled_.assign(chunks.begin(), chunks.end());
  }
};

TEST_F(PeerDebtTest, CollectsWhatHasBegunIfToldSo) {
  debt_.Ask(ChunkIndex(1), kChunk, now_);
  debt_.Ask(ChunkIndex(2), kChunk, now_);
  PeerDebt::Begin(*debt_.Find(ChunkIndex(1)), now_);
  LateChunks late;
  debt_.CollectLate(now_, /*begun=*/false, &late);
  EXPECT_EQ(late.size(), 1u);
  late.Clear();
  debt_.CollectLate(now_, /*begun=*/true, &late);
  EXPECT_EQ(late.size(), 2u);
}

TEST_F(PeerDebtTest, SaysEachThingOnce) {
  debt_.Ask(ChunkIndex(1), kChunk, now_);
  debt_.Ask(ChunkIndex(2), 1000, now_);
  debt_.AskAny(now_);
  EXPECT_EQ(debt_.chunks(), 3u);
  EXPECT_EQ(debt_.credit().owed_bytes(), 2 * kChunk + 1000u);
  Send();
  EXPECT_EQ(requested_, (std::vector<ChunkIndex>{ChunkIndex(1), ChunkIndex(2)}));
  EXPECT_EQ(credits_, 1u);
  Send();
  EXPECT_TRUE(requested_.empty());
  EXPECT_EQ(credits_, 0u);
}

TEST_F(PeerDebtTest, CallsBackOnlyWhatWasSaid) {
  debt_.Ask(ChunkIndex(1), kChunk, now_);
  debt_.Withdraw(ChunkIndex(1), /*cancel=*/true);
  Send();
  EXPECT_TRUE(requested_.empty() && cancelled_.empty());
  debt_.Ask(ChunkIndex(1), kChunk, now_);
  Send();
  debt_.Withdraw(ChunkIndex(1), /*cancel=*/true);
  debt_.Withdraw(ChunkIndex(1), /*cancel=*/true);
  Send();
  EXPECT_EQ(cancelled_, (std::vector<ChunkIndex>{ChunkIndex(1)}));
  EXPECT_EQ(debt_.credit().owed_bytes(), 0u);
}

TEST_F(PeerDebtTest, AChunkOnCreditUsesIt) {
  debt_.AskAny(now_);
  debt_.AskAny(now_);
  debt_.NoteUnasked(ChunkIndex(3), 1000, /*of_use=*/true, now_);
  EXPECT_EQ(debt_.credits(), 1u);
  ASSERT_NE(debt_.Find(ChunkIndex(3)), nullptr);
  EXPECT_EQ(debt_.credit().owed_bytes(), kChunk + 1000u);
  debt_.NoteUnasked(ChunkIndex(4), kChunk, /*of_use=*/false, now_);
  EXPECT_EQ(debt_.credits(), 0u);
  EXPECT_EQ(debt_.Find(ChunkIndex(4)), nullptr);
  EXPECT_EQ(debt_.credit().owed_bytes(), 1000u);
  debt_.NoteUnasked(ChunkIndex(5), kChunk, /*of_use=*/true, now_);  // called back too late
  EXPECT_EQ(debt_.credit().owed_bytes(), kChunk + 1000u);
}

TEST_F(PeerDebtTest, VoidCreditsAreNeitherOwedNorSaid) {
  debt_.AskAny(now_);
  debt_.VoidCredits();
  Send();
  EXPECT_EQ(credits_, 0u);
  EXPECT_EQ(debt_.credit().owed_bytes(), 0u);
}

TEST_F(PeerDebtTest, WhatHasBegunIsJudgedByItsSpeed) {
  debt_.Ask(ChunkIndex(1), kChunk, now_);
  PeerDebt::Owed& owed = *debt_.Find(ChunkIndex(1));
  PeerDebt::Begin(owed, now_);
  now_ += absl::Milliseconds(100);
  debt_.Progress(owed, kChunk / 4, now_);
  EXPECT_EQ(Needs(ChunkIndex(1)), absl::Milliseconds(300));
  now_ += absl::Milliseconds(100);
  EXPECT_EQ(Needs(ChunkIndex(1)), absl::Milliseconds(600)) << "nothing came meanwhile";
}

TEST_F(PeerDebtTest, ThatNothingWasReadYetSaysLittle) {
  constexpr uint32_t kSmall = 128 * 1024;
  debt_.Ask(ChunkIndex(1), kSmall, now_);
  PeerDebt::Begin(*debt_.Find(ChunkIndex(1)), now_);
  now_ += absl::Milliseconds(100);
  EXPECT_EQ(Needs(ChunkIndex(1)), absl::Milliseconds(200))
      << "as if the half that is read at a time had just come";
}

TEST(LateChunksTest, OffersTheLastToComeFirst) {
  LateChunks late;
  EXPECT_TRUE(late.empty());
  late.Add(ChunkIndex(1), absl::Milliseconds(100));
  late.Add(ChunkIndex(2), absl::Milliseconds(300));
  late.Add(ChunkIndex(3), absl::Milliseconds(200));
  late.Add(ChunkIndex(4), absl::Milliseconds(200));
  late.Sort();

  std::vector<ChunkIndex> offered;
  const auto refuse = [&](ChunkIndex chunk) {
    offered.push_back(chunk);
    return false;
  };
  EXPECT_FALSE(late.Offer(absl::Milliseconds(100), refuse));
  EXPECT_EQ(offered, (std::vector<ChunkIndex>{ChunkIndex(2), ChunkIndex(3), ChunkIndex(4)}));

  offered.clear();
  EXPECT_TRUE(late.Offer(absl::ZeroDuration(), [&](ChunkIndex chunk) { return chunk == ChunkIndex(3); }));
  EXPECT_FALSE(late.Offer(absl::Milliseconds(300), refuse));
  EXPECT_TRUE(offered.empty());
  late.Clear();
  EXPECT_TRUE(late.empty());
}

}  // namespace
}  // namespace shoal::leecher
