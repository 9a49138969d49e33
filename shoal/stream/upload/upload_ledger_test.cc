#include "shoal/stream/upload/upload_ledger.h"

#include <gtest/gtest.h>

#include "shoal/base/manual_clock.h"

namespace shoal::stream {
namespace {

TEST(UploadLedgerTest, CountsByPeerAndInTotal) {
  ManualClock clock;
  UploadLedger ledger(clock);
  const PeerId one = RandomPeerId();
  const Endpoint there{IpAddress::V4({10, 0, 0, 1}), 7000};
  const auto first = ledger.Open(one, there);
  const auto second = ledger.Open(RandomPeerId(), there);
  clock.Advance(absl::Seconds(1));
  first->Sent(1000, 1, clock.Uptime());
  first->Sent(2000, 2, clock.Uptime());
  second->Sent(500, 1, clock.Uptime());

  const ContentTotals both = ledger.Read();
  EXPECT_EQ(both.sent_bytes, 3500);
  EXPECT_EQ(both.sent_chunks, 4);
  EXPECT_DOUBLE_EQ(both.bytes_per_second, 3500);
  ASSERT_EQ(both.peers.size(), 2);
  EXPECT_EQ(both.peers[0].peer, one);
  EXPECT_EQ(both.peers[0].endpoint, there);
  EXPECT_EQ(both.peers[0].sent_bytes, 3000);
  EXPECT_EQ(both.peers[0].sent_chunks, 3);
  EXPECT_DOUBLE_EQ(both.peers[0].bytes_per_second, 3000);

  // A disconnected peer still counts in the total.
  ledger.Close(first);
  ledger.Close(first);
  clock.Advance(absl::Minutes(1));
  const ContentTotals later = ledger.Read();
  EXPECT_EQ(later.sent_bytes, 3500);
  EXPECT_EQ(later.sent_chunks, 4);
  EXPECT_EQ(later.bytes_per_second, 0);
  EXPECT_EQ(later.peers.size(), 1);
  ASSERT_EQ(later.gone.size(), 1);
  EXPECT_EQ(later.gone[0].peer, one);
  EXPECT_EQ(later.gone[0].sent_bytes, 3000);
  EXPECT_EQ(later.gone[0].bytes_per_second, 0);
}

TEST(UploadLedgerTest, ADisconnectedPeerIsReportedAsGone) {
  ManualClock clock;
  UploadLedger ledger(clock);
  const PeerId peer = RandomPeerId();
  for (int i = 0; i < 3; ++i) {
    const auto account = ledger.Open(peer, Endpoint());
    account->Sent(10, 1, clock.Uptime());
    ledger.Close(account);
  }
  ledger.Close(ledger.Open(RandomPeerId(), Endpoint()));  // it received nothing
  const ContentTotals totals = ledger.Read();
  ASSERT_EQ(totals.gone.size(), 1);
  EXPECT_EQ(totals.gone[0].sent_bytes, 30);
  EXPECT_EQ(totals.gone[0].sent_chunks, 3);
}

TEST(UploadLedgerTest, KeepsABoundedNumberOfPeers) {
  ManualClock clock;
  UploadLedger ledger(clock);
  for (size_t i = 0; i < UploadLedger::kMaxGone + 5; ++i) {
    const auto account = ledger.Open(RandomPeerId(), Endpoint());
    account->Sent(1, 1, clock.Uptime());
    ledger.Close(account);
  }
  EXPECT_EQ(ledger.Read().gone.size(), UploadLedger::kMaxGone);
  EXPECT_EQ(ledger.Read().sent_bytes, UploadLedger::kMaxGone + 5);
}

}  // namespace
}  // namespace shoal::stream
