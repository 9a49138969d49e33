#include "services/tracker/bittorrent/bep15.h"

#include <array>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::tracker::bep15 {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

// The bytes are written out by hand from the protocol's tables, not by the code that is tested.
constexpr char kHash[] = "000102030405060708090a0b0c0d0e0f10111213";
constexpr char kConnectHex[] =
    "0000041727101980"
    "00000000"
    "cafebabe";
constexpr char kAnnounceHex[] =
    "1122334455667788"
    "00000001"
    "cafebabe"
    "000102030405060708090a0b0c0d0e0f10111213"
    "2d53483030303130000000000000000000000000"
    "0000000000000000"
    "0000000000000400"
    "0000000000000000"
    "00000002"
    "00000000"
    "00000000"
    "0000001e"
    "1ae1";

std::string Bytes(const std::string& hex) {
  return absl::HexStringToBytes(hex);
}

Request Parse(const std::string& bytes) {
  return ParseRequest(AsBytes(bytes));
}

bool IsNothing(const Request& request) {
  return std::holds_alternative<std::monostate>(request);
}

TEST(Bep15Test, ConnectIsReadToTheByte) {
  const Request request = Parse(Bytes(kConnectHex));
  const auto* connect = std::get_if<ConnectRequest>(&request);
  ASSERT_NE(connect, nullptr);
  EXPECT_EQ(connect->transaction_id, 0xcafebabeu);
}

TEST(Bep15Test, AnnounceIsReadToTheByte) {
  const Request request = Parse(Bytes(kAnnounceHex));
  const auto* announce = std::get_if<AnnounceRequest>(&request);
  ASSERT_NE(announce, nullptr);
  EXPECT_EQ(announce->connection_id, 0x1122334455667788u);
  EXPECT_EQ(announce->transaction_id, 0xcafebabeu);
  EXPECT_EQ(announce->info_hash.ToHex(), kHash);
  EXPECT_EQ(announce->left_bytes, 1024u);
  EXPECT_EQ(announce->event, Event::kStarted);
  EXPECT_EQ(announce->wanted, 30);
  EXPECT_EQ(announce->port, 6881);
}

TEST(Bep15Test, WhatIsNotOfTheProtocolIsNothing) {
  const struct {
    const char* what;
    std::string bytes;
  } cases[] = {
      {"empty", ""},
      {"a connect cut short", Bytes(kConnectHex).substr(0, 15)},
      {"a connect with another protocol id", Bytes("0000041727101981"
                                                   "00000000"
                                                   "cafebabe")},
      {"an announce cut short", Bytes(kAnnounceHex).substr(0, 97)},
      {"a scrape of nothing", Bytes("1122334455667788"
                                    "00000002"
                                    "cafebabe")},
      {"a scrape of less than a hash", Bytes("1122334455667788"
                                             "00000002"
                                             "cafebabe") +
                                           std::string(19, 'x')},
      {"an action of a response", Bytes("1122334455667788"
                                        "00000003"
                                        "cafebabe") +
                                      std::string(90, 'x')},
      {"an unknown action", Bytes("1122334455667788"
                                  "00000004"
                                  "cafebabe") +
                                std::string(90, 'x')},
  };
  for (const auto& one : cases) EXPECT_TRUE(IsNothing(Parse(one.bytes))) << one.what;
}

TEST(Bep15Test, LongerIsFineAndOptionsAreSkipped) {
  // BEP 41: URL data "/announce", then the end; and a length that points past the end.
  for (const std::string& options :
       {Bytes("0209") + "/announce" + Bytes("00"), Bytes("02ff61"), std::string(500, 'x')}) {
    const Request request = Parse(Bytes(kAnnounceHex) + options);
    ASSERT_TRUE(std::holds_alternative<AnnounceRequest>(request)) << options.size();
    EXPECT_EQ(std::get<AnnounceRequest>(request).port, 6881);
  }
  EXPECT_TRUE(std::holds_alternative<ConnectRequest>(Parse(Bytes(kConnectHex) + "more")));
}

TEST(Bep15Test, NumbersAtTheirEdges) {
  std::string bytes = Bytes(kAnnounceHex);
  bytes.replace(80, 4, Bytes("00000007"));  // an undefined event
  bytes.replace(92, 4, Bytes("ffffffff"));
  bytes.replace(64, 8, Bytes("ffffffffffffffff"));
  const auto announce = std::get<AnnounceRequest>(Parse(bytes));
  EXPECT_EQ(announce.event, Event::kNone);
  EXPECT_EQ(announce.wanted, -1);
  EXPECT_EQ(announce.left_bytes, ~uint64_t{0});
}

TEST(Bep15Test, ScrapeTakesWholeHashesUpToTheMost) {
  const std::string head = Bytes(
      "1122334455667788"
      "00000002"
      "cafebabe");
  const struct {
    size_t bytes;
    size_t hashes;
  } cases[] = {{20, 1}, {39, 1}, {40, 2}, {74 * 20, 74}, {75 * 20, 74}, {80 * 20 + 3, 74}};
  for (const auto& one : cases) {
    const std::string bytes = head + std::string(one.bytes, 'h');
    const Request request = Parse(bytes);
    ASSERT_TRUE(std::holds_alternative<ScrapeRequest>(request)) << one.bytes;
    EXPECT_EQ(std::get<ScrapeRequest>(request).info_hashes.size(), one.hashes * 20) << one.bytes;
  }
}

TEST(Bep15Test, ResponsesToTheByte) {
  std::array<uint8_t, 200> room{};
  const auto hex = [&](size_t size) {
    return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(room.data()), size));
  };
  EXPECT_EQ(hex(WriteConnectResponse(0xcafebabe, 0x1122334455667788, room.data())),
            "00000000"
            "cafebabe"
            "1122334455667788");
  const SwarmCounts counts{3, 5, 7};
  EXPECT_EQ(hex(WriteAnnounceHead(0xcafebabe, 300, counts, room.data())),
            "00000001"
            "cafebabe"
            "0000012c"
            "00000005"
            "00000003");  // leechers, seeders
  EXPECT_EQ(hex(WriteScrapeHead(0xcafebabe, room.data())),
            "00000002"
            "cafebabe");
  EXPECT_EQ(hex(WriteScrapeEntry(counts, room.data())),
            "00000003"
            "00000007"
            "00000005");
  EXPECT_EQ(hex(WriteError(0xcafebabe, "no", room.data())),
            "00000003"
            "cafebabe"
            "6e6f");
  EXPECT_LE(WriteError(1, std::string(100, 'x'), room.data()), kAnnounceRequestBytes);
}

TEST(Bep15Test, TheClientsSideBuildsTheSameBytes) {
  EXPECT_EQ(BuildConnect({0xcafebabe}), Bytes(kConnectHex));
  AnnounceRequest announce;
  announce.connection_id = 0x1122334455667788;
  announce.transaction_id = 0xcafebabe;
  announce.info_hash = *InfoHash::FromHex(kHash);
  announce.left_bytes = 1024;
  announce.event = Event::kStarted;
  announce.wanted = 30;
  announce.port = 6881;
  EXPECT_EQ(BuildAnnounce(announce, "-SH00010"), Bytes(kAnnounceHex));
  EXPECT_EQ(BuildScrape(0x1122334455667788, 0xcafebabe, {*InfoHash::FromHex(kHash)}),
            Bytes(std::string("1122334455667788"
                              "00000002"
                              "cafebabe") +
                  kHash));
}

TEST(Bep15Test, TheClientsSideReadsResponses) {
  const std::string announce = Bytes(
      "00000001"
      "cafebabe"
      "0000012c"
      "00000005"
      "00000003");
  const std::string v4 = announce + Bytes(
                                        "c0000201"
                                        "1ae1"
                                        "c0000202"
                                        "1ae2");
  const auto response = std::get<AnnounceResponse>(ParseResponse(AsBytes(v4), false));
  EXPECT_EQ(response.interval_seconds, 300u);
  EXPECT_EQ(response.counts.leechers, 5u);
  EXPECT_EQ(response.counts.seeders, 3u);
  EXPECT_THAT(response.peers,
              ElementsAre(*Endpoint::Parse("192.0.2.1:6881"), *Endpoint::Parse("192.0.2.2:6882")));
  const std::string v6 = announce + Bytes(
                                        "20010db8000000000000000000000001"
                                        "1ae1");
  EXPECT_THAT(std::get<AnnounceResponse>(ParseResponse(AsBytes(v6), true)).peers,
              ElementsAre(*Endpoint::Parse("[2001:db8::1]:6881")));
  const std::string scrape = Bytes(
      "00000002"
      "cafebabe"
      "00000003"
      "00000007"
      "00000005");
  const auto scraped = std::get<ScrapeResponse>(ParseResponse(AsBytes(scrape), false));
  ASSERT_THAT(scraped.counts, SizeIs(1));
  EXPECT_EQ(scraped.counts[0].completed, 7u);
  const std::string error = Bytes(
                                "00000003"
                                "cafebabe") +
                            "no";
  EXPECT_EQ(std::get<ErrorResponse>(ParseResponse(AsBytes(error), false)).message, "no");
  for (const char* hex : {"", "00000000",
                          "00000000"
                          "cafebabe"
                          "11",
                          "00000001"
                          "cafebabe",
                          "00000009"
                          "cafebabe"}) {
    EXPECT_TRUE(std::holds_alternative<std::monostate>(ParseResponse(AsBytes(Bytes(hex)), false))) << hex;
  }
}

}  // namespace
}  // namespace shoal::tracker::bep15
