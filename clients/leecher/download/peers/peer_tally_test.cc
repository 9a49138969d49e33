#include "clients/leecher/download/peers/peer_tally.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace shoal::leecher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr absl::Duration kNow = absl::Hours(1);
const Endpoint kEndpoint = *Endpoint::Parse("10.0.0.1:7");

stream::PeerUpload Upload(const PeerId& peer, uint64_t sent_bytes) {
  return stream::PeerUpload{.peer = peer, .endpoint = kEndpoint, .sent_bytes = sent_bytes};
}

TEST(PeerTallyTest, CountsBothWaysForOnePeer) {
  PeerTally tally;
  const PeerId peer = RandomPeerId();
  tally.Connected(peer, kEndpoint);
  tally.Received(peer, kNow, 1000);
  tally.Stored(peer);
  stream::ContentTotals totals;
  totals.peers = {Upload(peer, 300)};
  tally.Sent(totals, kNow);
  const auto report = tally.Report(kNow + absl::Seconds(1));
  ASSERT_THAT(report, SizeIs(1));
  EXPECT_EQ(report[0].received_bytes, 1000u);
  EXPECT_EQ(report[0].sent_bytes, 300u);
  EXPECT_EQ(report[0].chunks, 1u);
  EXPECT_DOUBLE_EQ(report[0].rate_bytes_per_second, 1000);
  EXPECT_DOUBLE_EQ(report[0].send_rate_bytes_per_second, 300);
}

TEST(PeerTallyTest, NumbersThePeersThatSentChunks) {
  PeerTally tally;
  const PeerId first = RandomPeerId();
  const PeerId second = RandomPeerId();
  const Endpoint elsewhere = *Endpoint::Parse("10.0.0.2:8");
  tally.Connected(first, kEndpoint);
  tally.Connected(second, elsewhere);
  EXPECT_EQ(tally.Stored(second), 1u);
  EXPECT_EQ(tally.Stored(first), 2u);
  tally.Disconnected(second);
  EXPECT_EQ(tally.Stored(second), 1u) << "its last chunk may be stored after it went";
  EXPECT_EQ(tally.Stored(RandomPeerId()), 0u);
  EXPECT_THAT(tally.senders(), ElementsAre(ChunkSender{second, elsewhere}, ChunkSender{first, kEndpoint}));
}

TEST(PeerTallyTest, WhatAPeerHoldsIsKnownWhileItIsConnected) {
  PeerTally tally;
  const PeerId peer = RandomPeerId();
  tally.Connected(peer, kEndpoint);
  tally.Holds(peer, 17);
  EXPECT_EQ(tally.Report(kNow)[0].chunks_held, 17u);
  tally.Disconnected(peer);
  EXPECT_EQ(tally.Report(kNow)[0].chunks_held, 0u);
}

TEST(PeerTallyTest, ConnectionsThatComeAndGoAddUp) {
  PeerTally tally;
  const PeerId peer = RandomPeerId();
  const auto sent = [&](std::vector<stream::PeerUpload> gone, std::vector<stream::PeerUpload> open) {
    stream::ContentTotals totals;
    totals.gone = std::move(gone);
    totals.peers = std::move(open);
    tally.Sent(totals, kNow);
    const auto report = tally.Report(kNow);
    return report.empty() ? 0 : report[0].sent_bytes;
  };
  EXPECT_EQ(sent({}, {Upload(peer, 0)}), 0u);
  EXPECT_THAT(tally.Report(kNow), IsEmpty()) << "a peer that got nothing is not worth a line";
  EXPECT_EQ(sent({}, {Upload(peer, 100)}), 100u);
  EXPECT_EQ(sent({}, {Upload(peer, 100)}), 100u);
  EXPECT_EQ(sent({}, {Upload(peer, 150), Upload(peer, 50)}), 200u);
  EXPECT_EQ(sent({Upload(peer, 200)}, {}), 200u);
  EXPECT_EQ(sent({Upload(peer, 200)}, {Upload(peer, 500)}), 700u);
  EXPECT_EQ(sent({}, {}), 700u) << "what the server forgets stays counted";
}

}  // namespace
}  // namespace shoal::leecher
