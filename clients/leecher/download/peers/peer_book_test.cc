#include "clients/leecher/download/peers/peer_book.h"

#include <gtest/gtest.h>

#include <set>

namespace shoal::leecher {
namespace {

constexpr absl::Duration kStart = absl::Seconds(1000);

PeerId IdOf(uint8_t n) {
  std::array<uint8_t, 16> bytes{};
  bytes[0] = n;
  return PeerId(bytes);
}

tracking::PeerInfo Peer(uint8_t n, uint16_t port = 0) {
  tracking::PeerInfo peer;
  peer.id = IdOf(n);
  peer.endpoint = {IpAddress::V4({127, 0, 0, 1}), port == 0 ? static_cast<uint16_t>(1000 + n) : port};
  return peer;
}

PeerBook Book(uint32_t max_connected = 16) {
  PeerBook::Limits limits;
  limits.max_connected = max_connected;
  return PeerBook(IdOf(255), limits, 1);
}

TEST(PeerBook, CallsEachKnownPeerOnce) {
  PeerBook book = Book();
  for (uint8_t n = 1; n <= 3; ++n) book.Seen(Peer(n), kStart);
  std::set<PeerId> called;
  while (const auto call = book.Next(kStart)) EXPECT_TRUE(called.insert(call->peer).second);
  EXPECT_EQ(called.size(), 3u);
  EXPECT_EQ(book.connected(), 3u);
}

TEST(PeerBook, NeverCallsItselfOrNowhere) {
  PeerBook book = Book();
  book.Seen(Peer(255), kStart);
  tracking::PeerInfo nowhere = Peer(1);
  nowhere.endpoint.port = 0;
  book.Seen(nowhere, kStart);
  EXPECT_FALSE(book.Next(kStart).has_value());
}

TEST(PeerBook, StaysWithinItsConnections) {
  PeerBook book = Book(/*max_connected=*/2);
  for (uint8_t n = 1; n <= 5; ++n) book.Seen(Peer(n), kStart);
  const auto first = book.Next(kStart);
  EXPECT_TRUE(book.Next(kStart).has_value());
  EXPECT_FALSE(book.Next(kStart).has_value());
  EXPECT_TRUE(book.HasSpare(kStart));
  book.Ended(first->peer, kStart);
  EXPECT_TRUE(book.Next(kStart).has_value());
}

TEST(PeerBook, LeavesAFailedPeerAloneForTwiceAsLongEachTime) {
  PeerBook book = Book();
  book.Seen(Peer(1), kStart);
  absl::Duration now = kStart;
  for (const int most : {1, 2, 4, 8, 16, 32, 60, 60}) {
    SCOPED_TRACE(most);
    ASSERT_TRUE(book.Next(now).has_value());
    book.Ended(IdOf(1), now);
    EXPECT_FALSE(book.Next(now + absl::Seconds(most) * 0.499).has_value());
    now += absl::Seconds(most);
  }
  ASSERT_TRUE(book.Next(now).has_value());
  book.Proved(IdOf(1));
  book.Ended(IdOf(1), now);
  EXPECT_TRUE(book.Next(now + absl::Seconds(1)).has_value()) << "forgiven, so the first backoff again";
}

TEST(PeerBook, PrefersThoseWhoNeverFailed) {
  PeerBook book = Book();
  book.Seen(Peer(1), kStart);
  book.Next(kStart);
  book.Ended(IdOf(1), kStart);
  book.Seen(Peer(2), kStart);
  const absl::Duration later = kStart + absl::Seconds(5);
  EXPECT_EQ(book.Next(later)->peer, IdOf(2));
  EXPECT_EQ(book.Next(later)->peer, IdOf(1));
}

TEST(PeerBook, AFrozenPeerComesBackOnProbation) {
  PeerBook book = Book();
  book.Seen(Peer(1), kStart);
  EXPECT_FALSE(book.Next(kStart)->on_probation);
  book.Frozen(IdOf(1), kStart);
  const auto again = book.Next(kStart + absl::Seconds(1));
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(again->on_probation);
  EXPECT_TRUE(again->failed_before);
}

TEST(PeerBook, APeerIsFoundDeadOnceUntilItProvesGood) {
  PeerBook book = Book();
  EXPECT_FALSE(book.FoundSilent(IdOf(1))) << "not known";
  book.Seen(Peer(1), kStart);
  for (const int round : {1, 2}) {
    SCOPED_TRACE(round);
    for (uint32_t silence = 1; silence <= 2 * PeerBook::kDeadAfter; ++silence) {
      EXPECT_EQ(book.FoundSilent(IdOf(1)), silence == PeerBook::kDeadAfter) << silence;
    }
    ASSERT_TRUE(book.Next(kStart).has_value());
    book.Proved(IdOf(1));
    book.LeftAlone(IdOf(1), kStart, absl::ZeroDuration());
  }
}

TEST(PeerBook, ABusyPeerIsNoFailure) {
  PeerBook book = Book();
  book.Seen(Peer(1), kStart);
  book.Next(kStart);
  book.LeftAlone(IdOf(1), kStart, absl::Seconds(2));
  EXPECT_EQ(book.left_alone(kStart), 1u);
  EXPECT_FALSE(book.Next(kStart + absl::Seconds(1.9)).has_value());
  const auto again = book.Next(kStart + absl::Seconds(2));
  ASSERT_TRUE(again.has_value());
  EXPECT_FALSE(again->failed_before);
}

TEST(PeerBook, ADroppedPeerIsGoneForGood) {
  PeerBook book = Book();
  book.Seen(Peer(1), kStart);
  book.Next(kStart);
  book.DropForGood(IdOf(1));
  EXPECT_EQ(book.connected(), 0u);
  EXPECT_EQ(book.known(), 0u);
  EXPECT_EQ(book.dropped(), 1u);
  book.Seen(Peer(1), kStart);        // the same again
  book.Seen(Peer(1, 2000), kStart);  // under another address
  book.Seen(Peer(2, 1001), kStart);  // under another id
  EXPECT_FALSE(book.Next(kStart + absl::Hours(1)).has_value());
}

TEST(PeerBook, HoldsOneConnectionPerPeerAndPerEndpoint) {
  PeerBook book = Book();
  book.Seen(Peer(1, 2000), kStart);
  book.Seen(Peer(1, 2001), kStart);  // another tracker sees it elsewhere
  book.Seen(Peer(2, 2000), kStart);  // it was restarted and has a new id
  const auto call = book.Next(kStart);
  ASSERT_TRUE(call.has_value());
  const auto second = book.Next(kStart);
  EXPECT_TRUE(!second.has_value() || second->endpoint != call->endpoint);
  EXPECT_FALSE(book.Next(kStart).has_value());
}

TEST(PeerBook, TriesAnotherEndpointOfAPeerThatFailed) {
  PeerBook book = Book();
  book.Seen(Peer(1, 2000), kStart);
  book.Seen(Peer(1, 2001), kStart);
  EXPECT_EQ(book.Next(kStart)->endpoint.port, 2000);
  book.Ended(IdOf(1), kStart);
  EXPECT_EQ(book.Next(kStart + absl::Seconds(1))->endpoint.port, 2001);
}

TEST(PeerBook, ForgetsOldPeersForNewOnes) {
  PeerBook book = Book();
  for (size_t n = 0; n < PeerBook::kMaxKnown; ++n) {
    std::array<uint8_t, 16> bytes{};
    bytes[1] = static_cast<uint8_t>(n);
    bytes[2] = static_cast<uint8_t>(n >> 8);
    bytes[3] = 1;
    tracking::PeerInfo peer = Peer(1);
    peer.id = PeerId(bytes);
    book.Seen(peer, kStart);
  }
  book.Seen(Peer(9), kStart + absl::Minutes(1));
  EXPECT_EQ(book.known(), PeerBook::kMaxKnown);
  book.Seen(Peer(9), kStart + PeerBook::kForgetAfter + absl::Minutes(1));
  EXPECT_EQ(book.known(), 1u);
}

}  // namespace
}  // namespace shoal::leecher
