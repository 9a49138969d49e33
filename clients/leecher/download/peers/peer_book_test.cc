#include "clients/leecher/download/peers/peer_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace shoal::leecher {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

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

// One tracker names this peer, perhaps among others.
void Seen(PeerBook& book, const tracking::PeerInfo& peer, absl::Duration now) {
  book.Seen({peer}, 0, /*whole=*/false, now);
}

PeerBook Book(uint32_t max_connected = 16) {
  PeerBook::Limits limits;
  limits.max_connected = max_connected;
  return PeerBook(IdOf(255), limits, 1);
}

TEST(PeerBook, DialsEachKnownPeerOnce) {
  PeerBook book = Book();
  for (uint8_t n = 1; n <= 3; ++n) Seen(book, Peer(n), kStart);
  std::set<PeerId> called;
  while (const auto call = book.Next(kStart)) EXPECT_TRUE(called.insert(call->peer).second);
  EXPECT_EQ(called.size(), 3u);
  EXPECT_EQ(book.connected(), 3u);
}

TEST(PeerBook, NeverDialsItselfNorAPeerWithoutAPort) {
  PeerBook book = Book();
  Seen(book, Peer(255), kStart);
  tracking::PeerInfo nowhere = Peer(1);
  nowhere.endpoint.port = 0;
  Seen(book, nowhere, kStart);
  EXPECT_FALSE(book.Next(kStart).has_value());
}

TEST(PeerBook, StaysWithinItsConnections) {
  PeerBook book = Book(/*max_connected=*/2);
  for (uint8_t n = 1; n <= 5; ++n) Seen(book, Peer(n), kStart);
  const auto first = book.Next(kStart);
  EXPECT_TRUE(book.Next(kStart).has_value());
  EXPECT_FALSE(book.Next(kStart).has_value());
  EXPECT_TRUE(book.HasSpare(kStart));
  book.Ended(first->peer, kStart, "lost");
  EXPECT_TRUE(book.Next(kStart).has_value());
}

TEST(PeerBook, LeavesAFailedPeerAloneForTwiceAsLongEachTime) {
  PeerBook book = Book();
  Seen(book, Peer(1), kStart);
  absl::Duration now = kStart;
  for (const int most : {1, 2, 4, 8, 16, 32, 60, 60}) {
    SCOPED_TRACE(most);
    ASSERT_TRUE(book.Next(now).has_value());
    book.Ended(IdOf(1), now, "lost");
    EXPECT_FALSE(book.Next(now + absl::Seconds(most) * 0.499).has_value());
    now += absl::Seconds(most);
  }
  ASSERT_TRUE(book.Next(now).has_value());
  book.Proved(IdOf(1));
  book.Ended(IdOf(1), now, "lost");
  EXPECT_TRUE(book.Next(now + absl::Seconds(1)).has_value()) << "forgiven, so the first backoff again";
}

TEST(PeerBook, PrefersPeersThatNeverFailed) {
  PeerBook book = Book();
  Seen(book, Peer(1), kStart);
  book.Next(kStart);
  book.Ended(IdOf(1), kStart, "lost");
  Seen(book, Peer(2), kStart);
  const absl::Duration later = kStart + absl::Seconds(5);
  EXPECT_EQ(book.Next(later)->peer, IdOf(2));
  EXPECT_EQ(book.Next(later)->peer, IdOf(1));
}

TEST(PeerBook, AFrozenPeerComesBackOnProbation) {
  PeerBook book = Book();
  Seen(book, Peer(1), kStart);
  EXPECT_FALSE(book.Next(kStart)->on_probation);
  book.Frozen(IdOf(1), kStart, "lost");
  const auto again = book.Next(kStart + absl::Seconds(1));
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(again->on_probation);
  EXPECT_TRUE(again->failed_before);
}

TEST(PeerBook, APeerIsFoundDeadOnceUntilItProvesGood) {
  PeerBook book = Book();
  EXPECT_FALSE(book.FoundSilent(IdOf(1))) << "not known";
  Seen(book, Peer(1), kStart);
  for (const int round : {1, 2}) {
    SCOPED_TRACE(round);
    for (uint32_t silence = 1; silence <= 2 * PeerBook::kDeadAfter; ++silence) {
      EXPECT_EQ(book.FoundSilent(IdOf(1)), silence == PeerBook::kDeadAfter) << silence;
    }
    ASSERT_TRUE(book.Next(kStart).has_value());
    book.Proved(IdOf(1));
    book.LeftAlone(IdOf(1), kStart, absl::ZeroDuration(), "busy");
  }
}

TEST(PeerBook, ABusyPeerIsNoFailure) {
  PeerBook book = Book();
  Seen(book, Peer(1), kStart);
  book.Next(kStart);
  book.LeftAlone(IdOf(1), kStart, absl::Seconds(2), "busy");
  EXPECT_EQ(book.left_alone(kStart), 1u);
  EXPECT_FALSE(book.Next(kStart + absl::Seconds(1.9)).has_value());
  const auto again = book.Next(kStart + absl::Seconds(2));
  ASSERT_TRUE(again.has_value());
  EXPECT_FALSE(again->failed_before);
}

TEST(PeerBook, ADroppedPeerIsGoneForGood) {
  PeerBook book = Book();
  Seen(book, Peer(1), kStart);
  book.Next(kStart);
  book.DropForGood(IdOf(1), Peer(1).endpoint);
  EXPECT_EQ(book.connected(), 0u);
  EXPECT_EQ(book.known(), 0u);
  EXPECT_EQ(book.dropped(), 1u);
  Seen(book, Peer(1), kStart);        // the same again
  Seen(book, Peer(1, 2000), kStart);  // under another address
  Seen(book, Peer(2, 1001), kStart);  // under another id
  EXPECT_FALSE(book.Next(kStart + absl::Hours(1)).has_value());
}

Endpoint At(uint16_t port) {
  return Peer(1, port).endpoint;
}

tracking::PeerInfo PeerAt(uint8_t n, const std::vector<uint16_t>& ports) {
  tracking::PeerInfo peer = Peer(n, ports.front());
  for (size_t i = 1; i < ports.size(); ++i) peer.other_endpoints.push_back(At(ports[i]));
  return peer;
}

TEST(PeerBook, HoldsOneConnectionPerPeerAndPerEndpoint) {
  PeerBook book = Book();
  Seen(book, Peer(1, 2000), kStart);
  Seen(book, Peer(1, 2001), kStart);  // another tracker sees it elsewhere
  const auto call = book.Next(kStart);
  ASSERT_TRUE(call.has_value());
  EXPECT_THAT(call->endpoints, ElementsAre(At(2000), At(2001)));
  Seen(book, Peer(2, 2000), kStart);  // it was restarted and has a new id
  EXPECT_FALSE(book.Next(kStart).has_value());
  // The others are free once it is known which one it is.
  book.Reached(IdOf(1), At(2001));
  const auto second = book.Next(kStart);
  ASSERT_TRUE(second.has_value());
  EXPECT_THAT(second->endpoints, ElementsAre(At(2000)));
}

TEST(PeerBook, OnlyFreeEndpointsOfAPeerAreDialled) {
  PeerBook book = Book();
  Seen(book, Peer(1, 2000), kStart);
  ASSERT_TRUE(book.Next(kStart).has_value());
  Seen(book, PeerAt(2, {2000, 2001}), kStart);  // two networks have a machine at 2000
  const auto call = book.Next(kStart);
  ASSERT_TRUE(call.has_value());
  EXPECT_THAT(call->endpoints, ElementsAre(At(2001)));
}

TEST(PeerBook, StartsWithTheNextEndpointOfAPeerThatFailed) {
  PeerBook book = Book();
  Seen(book, PeerAt(1, {2000, 2001, 2002}), kStart);
  EXPECT_THAT(book.Next(kStart)->endpoints, ElementsAre(At(2000), At(2001), At(2002)));
  book.Reached(IdOf(1), At(2001));
  book.Ended(IdOf(1), kStart, "lost");
  EXPECT_THAT(book.Next(kStart + absl::Seconds(1))->endpoints, ElementsAre(At(2000), At(2002), At(2001)));
}

TEST(PeerBook, TriesTheOtherEndpointsOfAPeerThatIsNotThere) {
  PeerBook book = Book();
  Seen(book, PeerAt(1, {2000, 2001}), kStart);
  absl::Duration now = kStart;
  ASSERT_TRUE(book.Next(now).has_value());
  book.Reached(IdOf(1), At(2000));
  book.NotThere(IdOf(1), now, absl::ZeroDuration(), "not served here");
  now += absl::Seconds(1);
  EXPECT_THAT(book.Next(now)->endpoints, ElementsAre(At(2001), At(2000)));
  book.Reached(IdOf(1), At(2001));
  book.NotThere(IdOf(1), now, absl::Minutes(5), "not served here");
  EXPECT_FALSE(book.Next(now + absl::Minutes(4)).has_value()) << "each has had its chance";
  EXPECT_TRUE(book.Next(now + absl::Minutes(5)).has_value());
}

TEST(PeerBook, SoonAsksAgainAPeerThatWithdrewTheContent) {
  PeerBook book = Book();
  Seen(book, Peer(1), kStart);
  absl::Duration now = kStart;
  for (const int seconds : {2, 4, 8}) {
    ASSERT_TRUE(book.Next(now).has_value());
    book.NotThere(IdOf(1), now, absl::ZeroDuration(), "not served here");
    EXPECT_FALSE(book.Next(now + absl::Seconds(seconds - 1)).has_value());
    now += absl::Seconds(seconds);
  }
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(book.Next(now).has_value());
    book.NotThere(IdOf(1), now, absl::ZeroDuration(), "not served here");
    now += absl::Minutes(1);
  }
}

TEST(PeerBook, NeverDialsItsOwnEndpointAgain) {
  PeerBook book = Book();
  Seen(book, PeerAt(1, {2000, 2001}), kStart);
  ASSERT_TRUE(book.Next(kStart).has_value());
  Seen(book, Peer(2, 2000), kStart);
  book.IsSelf(IdOf(1), At(2000), kStart);
  const auto call = book.Next(kStart);
  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(call->peer, IdOf(1));
  EXPECT_THAT(call->endpoints, ElementsAre(At(2001)));
  Seen(book, Peer(2, 2000), kStart);
  EXPECT_FALSE(book.Next(kStart).has_value());
}

TEST(PeerBook, ABrokenPeerIsTriedAgainAfterGrowingPauses) {
  PeerBook book = Book();
  Seen(book, Peer(1), kStart);
  absl::Duration now = kStart;
  for (const int seconds : {10, 10, 10, 10, 16, 32, 60, 60}) {
    ASSERT_TRUE(book.Next(now).has_value());
    EXPECT_EQ(book.broken(), 0u);
    book.Broken(IdOf(1), now, "it can't read");
    EXPECT_EQ(book.broken(), 1u);
    EXPECT_FALSE(book.Next(now + absl::Seconds(seconds) / 2 - absl::Milliseconds(1)).has_value());
    now += absl::Seconds(seconds);
  }
}

TEST(PeerBook, ABrokenPeerComesBackOnceNoTrackerHasNamedIt) {
  PeerBook book = Book();
  book.Seen({Peer(1)}, 0, /*whole=*/true, kStart);
  book.Seen({Peer(1)}, 1, /*whole=*/true, kStart);
  ASSERT_TRUE(book.Next(kStart).has_value());
  book.Broken(IdOf(1), kStart, "it can't read");
  EXPECT_EQ(book.broken(), 1u);
  const absl::Duration later = kStart + absl::Seconds(1);
  book.Seen({}, 0, /*whole=*/true, later);
  book.Seen({}, 1, /*whole=*/false, later);  // it may be among those that were left out
  book.Seen({Peer(1)}, 1, /*whole=*/true, later);
  EXPECT_FALSE(book.Next(later).has_value());
  book.Seen({}, 0, /*whole=*/true, later);
  book.Seen({}, 1, /*whole=*/true, later);
  EXPECT_EQ(book.broken(), 0u);
  book.Seen({Peer(1)}, 1, /*whole=*/true, later);
  EXPECT_TRUE(book.Next(later).has_value());
}

TEST(PeerBook, RemembersWhyPeersAreNotConnected) {
  PeerBook book = Book();
  for (const uint8_t n : {3, 1, 2}) Seen(book, Peer(n), kStart);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(book.Next(kStart).has_value());
  EXPECT_TRUE(book.Failures(8).empty());
  book.Ended(IdOf(1), kStart, "refused");
  book.LeftAlone(IdOf(2), kStart, absl::Seconds(1), "busy");
  const std::vector<PeerFailure> failures = book.Failures(8);
  ASSERT_EQ(failures.size(), 2u);
  EXPECT_EQ(failures[0].endpoint, Peer(1).endpoint);
  EXPECT_EQ(failures[0].why, "refused");
  EXPECT_EQ(failures[1].why, "busy");
  EXPECT_EQ(book.Failures(1).size(), 1u);

  const std::string text = DescribeFailures(book.Failures(1), 3);
  EXPECT_THAT(text, StartsWith("the 3 known peers: 127.0.0.1:1001 (refused) and 2 more. "));
  EXPECT_THAT(text, HasSubstr("--advertise"));
  EXPECT_EQ(DescribeFailures({}, 0), "");
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
    Seen(book, peer, kStart);
  }
  Seen(book, Peer(9), kStart + absl::Minutes(1));
  EXPECT_EQ(book.known(), PeerBook::kMaxKnown);
  Seen(book, Peer(9), kStart + PeerBook::kForgetAfter + absl::Minutes(1));
  EXPECT_EQ(book.known(), 1u);
}

TEST(PeerBook, RemembersWhichTrackersHaveNamedAPeer) {
  PeerBook book = Book();
  book.Seen({Peer(1)}, 0, /*whole=*/true, kStart);
  book.Seen({Peer(1), Peer(2)}, 5, /*whole=*/true, kStart);
  // A tracker that forgets a peer has named it all the same.
  book.Seen({}, 0, /*whole=*/true, kStart);
  while (const auto call = book.Next(kStart)) {
    EXPECT_EQ(call->trackers.to_ullong(), call->peer == IdOf(1) ? 0x21u : 0x20u);
  }
}

TEST(PeerBook, AFailureIsRememberedWhileThePeerIsDialledAgain) {
  PeerBook book = Book();
  Seen(book, Peer(1), kStart);
  ASSERT_TRUE(book.Next(kStart).has_value());
  book.Ended(IdOf(1), kStart, "no connection within 5s");
  ASSERT_TRUE(book.Next(kStart + absl::Minutes(1)).has_value());
  ASSERT_EQ(book.Failures(8).size(), 1u);
  EXPECT_EQ(book.Failures(8)[0].why, "no connection within 5s");
}

TEST(PeerBook, AFailureIsNamedByTheEndpointThatWasDialledFirst) {
  PeerBook book = Book();
  tracking::PeerInfo peer = Peer(1);
  peer.other_endpoints = {Peer(2).endpoint, Peer(3).endpoint};
  Seen(book, peer, kStart);
  for (int i = 0; i < 3; ++i) {
    const auto call = book.Next(kStart + absl::Minutes(i));
    ASSERT_TRUE(call.has_value());
    book.Ended(IdOf(1), kStart + absl::Minutes(i), "refused");
    EXPECT_EQ(book.Failures(8)[0].endpoint, call->endpoints[0]) << "the others are dialled first later";
  }
}

TEST(PeerBook, TellsPeersThatWantATicketApart) {
  PeerBook book = Book();
  Seen(book, Peer(1), kStart);
  Seen(book, Peer(2), kStart);
  while (book.Next(kStart)) {
  }
  book.WantsTicket(IdOf(1), kStart, "a ticket is missing");
  EXPECT_EQ(book.wanting_ticket(), 1u);
  EXPECT_FALSE(DescribeFailures(book.Failures(8), 1).ends_with("HOST")) << "no advice about firewalls";
  book.Ended(IdOf(2), kStart, "refused");
  EXPECT_TRUE(DescribeFailures(book.Failures(8), 2).ends_with("HOST"));
  // It is dialled again after a moment, and then the ticket counts.
  while (book.Next(kStart + absl::Seconds(1))) {
  }
  EXPECT_EQ(book.connected(), 2u);
  EXPECT_EQ(book.wanting_ticket(), 1u) << "until it says otherwise";
  book.Reached(IdOf(1), Peer(1).endpoint);
  book.Ended(IdOf(1), kStart + absl::Seconds(2), "gone");
  EXPECT_EQ(book.wanting_ticket(), 0u);
}

}  // namespace
}  // namespace shoal::leecher
