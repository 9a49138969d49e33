#include "services/tracker/udp/bep15_datagrams.h"

#include <array>
#include <string>
#include <variant>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/test_requests.h"

namespace shoal::tracker {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class Bep15DatagramsTest : public ::testing::Test {
 protected:
  std::string Answer(const std::string& datagram, const Endpoint& source) {
    std::array<uint8_t, DatagramServer::kMaxResponseBytes> room;
    IncomingDatagram incoming{AsBytes(datagram), source, room, local_};
    result_ = datagrams_.Answer(now_, overloaded_, addresses_, &incoming);
    return {reinterpret_cast<const char*>(room.data()), incoming.response_bytes};
  }
  uint64_t Connect(const Endpoint& source) {
    const std::string request = bep15::BuildConnect({9});
    const std::string response = Answer(request, source);
    EXPECT_LE(response.size(), request.size());
    const auto parsed = std::get<bep15::ConnectResponse>(bep15::ParseResponse(AsBytes(response), false));
    EXPECT_EQ(parsed.transaction_id, 9u);
    return parsed.connection_id;
  }
  bep15::AnnounceRequest Request(const Endpoint& source, uint16_t port, uint64_t left_bytes) {
    bep15::AnnounceRequest request;
    request.connection_id = Connect(source);
    request.transaction_id = 77;
    request.info_hash = InfoHash({1, 2, 3});
    request.left_bytes = left_bytes;
    request.port = port;
    return request;
  }
  bep15::Response Ask(const bep15::AnnounceRequest& request, const Endpoint& source) {
    last_ = Answer(bep15::BuildAnnounce(request, "-SH0010-"), source);
    return bep15::ParseResponse(AsBytes(last_), !source.ip.is_v4());
  }

  const Endpoint home_{IpAddress::V4({192, 0, 2, 1}), 4000};
  BitTorrentSwarms swarms_{{}};
  ConnectionIds ids_{SipHashKey{1}};
  RateLimiter limiter_{{}, 1};
  Bep15Datagrams datagrams_{&swarms_, &ids_, &limiter_};
  const PeerAddresses addresses_{{IpAddress::V4({127, 0, 0, 1}), IpAddress::V4({10, 1, 0, 1})}};
  IpAddress local_;
  absl::Duration now_ = absl::Hours(3);
  bool overloaded_ = false;
  Datagram result_ = Datagram::kMalformed;
  std::string last_;
};

TEST_F(Bep15DatagramsTest, AnnouncesAreAnsweredWithTheOthers) {
  Ask(Request(home_, 6881, 0), home_);
  const auto response = std::get<bep15::AnnounceResponse>(Ask(Request(home_, 6882, 100), home_));
  EXPECT_EQ(response.transaction_id, 77u);
  EXPECT_EQ(response.interval_seconds, 300u);
  EXPECT_EQ(response.counts.seeders, 1u);
  EXPECT_EQ(response.counts.leechers, 1u);
  ASSERT_THAT(response.peers, SizeIs(1));
  EXPECT_EQ(response.peers[0], (Endpoint{home_.ip, 6881}));
  EXPECT_EQ(result_, Datagram::kAnswered);
  const std::string scrape =
      Answer(bep15::BuildScrape(Connect(home_), 5, {InfoHash({1, 2, 3}), InfoHash({4})}), home_);
  const auto scraped = std::get<bep15::ScrapeResponse>(bep15::ParseResponse(AsBytes(scrape), false));
  EXPECT_EQ(scraped.transaction_id, 5u);
  ASSERT_THAT(scraped.counts, SizeIs(2));
  EXPECT_EQ(scraped.counts[0], (SwarmCounts{1, 1, 0}));
  EXPECT_EQ(scraped.counts[1], SwarmCounts());
}

TEST_F(Bep15DatagramsTest, APeerOnThisMachineIsNamedByTheCallersWayToIt) {
  const Endpoint loopback{IpAddress::V4({127, 0, 0, 1}), 4000};
  const Endpoint own{IpAddress::V4({10, 1, 0, 1}), 4000};
  const Endpoint loopback_v6{*IpAddress::Parse("::1"), 4000};
  Ask(Request(loopback, 6881, 0), loopback);
  Ask(Request(own, 6882, 0), own);
  Ask(Request(loopback_v6, 6883, 0), loopback_v6);
  local_ = own.ip;
  const auto named = std::get<bep15::AnnounceResponse>(Ask(Request(home_, 6884, 100), home_));
  EXPECT_THAT(named.peers, ::testing::UnorderedElementsAre(Endpoint{own.ip, 6881}, Endpoint{own.ip, 6882}));
  const Endpoint v6{*IpAddress::Parse("2001:db8::9"), 4000};
  local_ = *IpAddress::Parse("2001:db8::1");
  const auto named_v6 = std::get<bep15::AnnounceResponse>(Ask(Request(v6, 6885, 100), v6));
  EXPECT_THAT(named_v6.peers, ::testing::ElementsAre(Endpoint{local_, 6883}));
  local_ = IpAddress();
  const auto unknown = std::get<bep15::AnnounceResponse>(Ask(Request(home_, 6884, 100), home_));
  EXPECT_THAT(unknown.peers,
              ::testing::UnorderedElementsAre(Endpoint{loopback.ip, 6881}, Endpoint{loopback.ip, 6882}));
}

TEST_F(Bep15DatagramsTest, WithoutAValidIdNothingIsDoneAndNothingSent) {
  auto request = Request(home_, 6881, 0);
  const Endpoint elsewhere{IpAddress::V4({192, 0, 2, 9}), 4000};
  EXPECT_EQ(Answer(bep15::BuildAnnounce(request, ""), elsewhere), "");
  EXPECT_EQ(result_, Datagram::kUnproven);
  request.connection_id ^= 2;
  EXPECT_EQ(Answer(bep15::BuildAnnounce(request, ""), home_), "");
  EXPECT_EQ(Answer(bep15::BuildScrape(request.connection_id, 1, {InfoHash({1})}), home_), "");
  EXPECT_EQ(result_, Datagram::kUnproven);
  EXPECT_EQ(swarms_.usage().swarms.count(), 0u);
  // Another port of the same address is the same client.
  request.connection_id ^= 2;
  EXPECT_NE(Answer(bep15::BuildAnnounce(request, ""), {home_.ip, 4001}), "");
}

TEST_F(Bep15DatagramsTest, GarbageIsDropped) {
  for (const std::string& bytes :
       {std::string(), std::string(15, '\0'), std::string(98, 'x'), std::string(1200, '\0')}) {
    EXPECT_EQ(Answer(bytes, home_), "");
    EXPECT_EQ(result_, Datagram::kMalformed);
  }
}

TEST_F(Bep15DatagramsTest, WhenOverloadedOnlySourcesWithAConnectionIdAreAnswered) {
  const auto request = Request(home_, 6881, 0);
  overloaded_ = true;
  EXPECT_EQ(Answer(bep15::BuildConnect({9}), home_), "");
  EXPECT_EQ(result_, Datagram::kOverRate);
  EXPECT_NE(Answer(bep15::BuildAnnounce(request, ""), home_), "");
  EXPECT_EQ(result_, Datagram::kAnswered);
}

TEST_F(Bep15DatagramsTest, PortZeroIsAnError) {
  const auto response = std::get<bep15::ErrorResponse>(Ask(Request(home_, 0, 0), home_));
  EXPECT_EQ(response.transaction_id, 77u);
  EXPECT_THAT(response.message, HasSubstr("port"));
  EXPECT_EQ(result_, Datagram::kRefused);
}

TEST_F(Bep15DatagramsTest, AsManyPeersAsAreWantedAndFit) {
  const Endpoint v6 = *Endpoint::Parse("[2001:db8::1]:4000");
  for (uint16_t port = 1; port <= 400; ++port) {
    Ask(Request(home_, port, 1), home_);
    Ask(Request(v6, port, 1), v6);
  }
  const struct {
    int32_t wanted;
    Endpoint source;
    size_t given;
  } cases[] = {{-1, home_, 50}, {-5, home_, 50},        {0, home_, 0},
               {7, home_, 7},   {200, home_, 196},      {2'000'000'000, home_, 196},
               {7, v6, 7},      {2'000'000'000, v6, 65}};
  for (const auto& one : cases) {
    auto request = Request(one.source, 1000, 1);
    request.wanted = one.wanted;
    const auto response = std::get<bep15::AnnounceResponse>(Ask(request, one.source));
    EXPECT_EQ(response.peers.size(), one.given) << one.wanted;
    EXPECT_LE(last_.size(), bep15::kMaxResponseBytes);
    for (const Endpoint& peer : response.peers) {
      EXPECT_EQ(peer.ip, one.source.ip);
      EXPECT_TRUE(peer.port >= 1 && peer.port <= 400) << peer.port;
    }
  }
}

TEST_F(Bep15DatagramsTest, AStoppingPeerGetsNoPeers) {
  Ask(Request(home_, 1, 1), home_);
  Ask(Request(home_, 2, 1), home_);
  auto request = Request(home_, 2, 1);
  request.event = bep15::Event::kStopped;
  const auto response = std::get<bep15::AnnounceResponse>(Ask(request, home_));
  EXPECT_EQ(response.counts.leechers, 1u);
  EXPECT_THAT(response.peers, SizeIs(0));
}

}  // namespace
}  // namespace shoal::tracker
