#include "clients/leecher/session/json_events.h"

#include <nlohmann/json.hpp>

#include <string>

#include "gtest/gtest.h"
#include "shoal/base/error_cause.h"

namespace shoal::leecher {
namespace {

using Json = nlohmann::json;

const absl::Time kNow = absl::FromUnixMillis(1'700'000'000'123);
const Endpoint kPeer{IpAddress::V4({192, 0, 2, 7}), 6881};

Json Parse(const std::string& line) {
  EXPECT_EQ(line.find('\n'), std::string::npos);
  for (const char c : line) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << line;
  Json json = Json::parse(line, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << line;
  return json;
}

TEST(JsonEventsTest, Start) {
  const Json json = Parse(JsonEvent("m",
                                    DownloadStarted{.content_id = {},
                                                    .name = "model",
                                                    .target_path = "out/model",
                                                    .length_bytes = 10,
                                                    .chunk_count = 1,
                                                    .files = 4,
                                                    .wanted_files = 2,
                                                    .wanted_bytes = 7,
                                                    .resumed_bytes = 5,
                                                    .opening_took = absl::Milliseconds(38)},
                                    kNow));
  EXPECT_EQ(json["event"], "start");
  EXPECT_EQ(json["time"], "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(json["download"], "m");
  EXPECT_EQ(json["content_id"], std::string(64, '0'));
  EXPECT_EQ(json["path"], "out/model");
  EXPECT_EQ(json["length_bytes"], 10);
  EXPECT_EQ(json["resumed_bytes"], 5);
  EXPECT_EQ(json["files"], 4);
  EXPECT_EQ(json["wanted_files"], 2);
  EXPECT_EQ(json["wanted_bytes"], 7);
  EXPECT_EQ(json["decided_ms"], 38);
}

TEST(JsonEventsTest, Peers) {
  EXPECT_EQ(Parse(JsonEvent("m", PeerConnected{{}, kPeer}, kNow))["state"], "connected");
  EXPECT_EQ(Parse(JsonEvent("m", PeerLost{{}, kPeer, "reset", false}, kNow))["state"], "lost");
  const Json dropped = Parse(JsonEvent("m", PeerLost{{}, kPeer, "lied", true}, kNow));
  EXPECT_EQ(dropped["state"], "dropped");
  EXPECT_EQ(dropped["why"], "lied");
  EXPECT_EQ(dropped["endpoint"], "192.0.2.7:6881");
}

TEST(JsonEventsTest, ChunksTrackersAndWaiting) {
  const Json rejected = Parse(JsonEvent("m", ChunkRejected{ChunkIndex(17), {}, kPeer, "SHA-256"}, kNow));
  EXPECT_EQ(rejected["event"], "chunk_rejected");
  EXPECT_EQ(rejected["chunk"], 17);
  const Json moved = Parse(JsonEvent("m", ChunksMoved{{}, kPeer, 4, "slow"}, kNow));
  EXPECT_EQ(moved["event"], "chunks_moved");
  EXPECT_EQ(moved["chunks"], 4);
  const tracking::TrackerUrl url{tracking::TrackerUrl::Protocol::kGrpc, {"t", 1}};
  EXPECT_EQ(Parse(JsonEvent("m", TrackerChanged{url, absl::UnavailableError("x")}, kNow))["state"], "away");
  EXPECT_EQ(Parse(JsonEvent("m", TrackerChanged{url, absl::OkStatus()}, kNow))["state"], "back");
  const absl::Status refused = WithCause(absl::InvalidArgumentError("x"), ErrorCause::kTrackerRefused);
  EXPECT_EQ(Parse(JsonEvent("m", TrackerChanged{url, refused}, kNow))["state"], "refusing");
  EXPECT_EQ(Parse(JsonEvent("m", Waiting{"no peer"}, kNow))["because"], "no peer");
  EXPECT_EQ(Parse(JsonEvent("m", DownloadWarning{"no locks"}, kNow))["event"], "warning");
  EXPECT_EQ(Parse(JsonEvent("m", DownloadWarning{"no locks"}, kNow))["text"], "no locks");
  EXPECT_EQ(Parse(JsonEvent("m", PausedChanged{true}, kNow))["event"], "paused");
  EXPECT_EQ(Parse(JsonEvent("m", PausedChanged{false}, kNow))["event"], "resumed");
  const Json replaced = Parse(JsonEvent("m", ContentReplaced{ContentId(), 7}, kNow));
  EXPECT_EQ(replaced["event"], "replaced");
  EXPECT_EQ(replaced["content_id"], ContentId().ToHex());
  EXPECT_EQ(replaced["discarded_bytes"], 7);
}

TEST(JsonEventsTest, Progress) {
  DownloadStatus status;
  status.phase = DownloadStatus::Phase::kFetching;
  status.held_bytes = 3;
  status.length_bytes = 10;
  status.peers.resize(2);
  status.peers[0].failures = 2;
  Json json = Parse(JsonProgress("m", status, kNow));
  EXPECT_EQ(json["event"], "progress");
  EXPECT_EQ(json["phase"], "fetching");
  EXPECT_EQ(json["bytes"], 3);
  EXPECT_EQ(json["failures"], 2);
  EXPECT_TRUE(json["eta_seconds"].is_null());
  EXPECT_TRUE(json["waiting_because"].is_null());
  EXPECT_TRUE(json["limit_down_bytes_per_second"].is_null());
  EXPECT_EQ(json["paused"], false);
  status.paused = true;
  status.in_order_bytes = 2;
  status.chunks_under_way = 4;
  status.sent_bytes = 5;
  status.send_rate_bytes_per_second = 7.9;
  status.limit_down_bytes_per_second = 1000;
  status.eta = absl::Seconds(2);
  status.waiting_because = "no peer";
  json = Parse(JsonProgress("m", status, kNow));
  EXPECT_EQ(json["eta_seconds"], 2.0);
  EXPECT_EQ(json["waiting_because"], "no peer");
  EXPECT_EQ(json["paused"], true);
  EXPECT_EQ(json["in_order_bytes"], 2);
  EXPECT_EQ(json["chunks_under_way"], 4);
  EXPECT_EQ(json["sent_bytes"], 5);
  EXPECT_EQ(json["send_bytes_per_second"], 7);
  EXPECT_EQ(json["limit_down_bytes_per_second"], 1000);
  EXPECT_TRUE(json["limit_up_bytes_per_second"].is_null());
}

TEST(JsonEventsTest, FinishedSumsUp) {
  const tracking::TrackerUrl url{tracking::TrackerUrl::Protocol::kUdp, {"t", 1}};
  DownloadRecord record("m", {url}, absl::ZeroDuration());
  record.Observe(TrackerChanged{url, absl::UnavailableError("x")}, absl::Seconds(1));
  record.Observe(TrackerChanged{url, absl::OkStatus()}, absl::Seconds(2));
  record.Observe(DownloadFinished{absl::OkStatus(), "out/m", {}}, absl::Seconds(4));
  DownloadStatus status;
  status.held_bytes = status.length_bytes = 400;
  DownloadStatus::Peer peer;
  peer.endpoint = kPeer;
  peer.chunks = 3;
  peer.received_bytes = 300;
  peer.sent_bytes = status.sent_bytes = 40;
  status.peers = {peer, peer};
  status.peers[1].chunks = 1;
  status.peers[1].dropped_because = "lied";
  const Json json = Parse(JsonFinished(record, status, ExitCode::kOk, kNow));
  EXPECT_EQ(json["event"], "finished");
  EXPECT_EQ(json["ok"], true);
  EXPECT_EQ(json["exit_code"], 0);
  EXPECT_TRUE(json["error"].is_null());
  EXPECT_EQ(json["path"], "out/m");
  EXPECT_EQ(json["seconds"], 4.0);
  EXPECT_EQ(json["bytes_per_second"], 100);
  EXPECT_EQ(json["sent_bytes"], 40);
  EXPECT_EQ(json["send_bytes_per_second"], 10);
  EXPECT_EQ(json["peers"][0]["share"], 0.75);
  EXPECT_EQ(json["peers"][0]["bytes_per_second"], 75);
  EXPECT_EQ(json["peers"][0]["sent_bytes"], 40);
  EXPECT_EQ(json["peers"][0]["send_bytes_per_second"], 10);
  EXPECT_EQ(json["peers"][1]["dropped_because"], "lied");
  EXPECT_EQ(json["tracker_outages"][0]["seconds"], 1.0);
  EXPECT_EQ(json["checked"], Json::array({"crc32", "sha256"}));
}

TEST(JsonEventsTest, AFailureHasItsCodeAndItsCandidates) {
  DownloadRecord record("m", {}, absl::ZeroDuration());
  DownloadFinished finished{absl::FailedPreconditionError("several"), "", {}};
  finished.candidates.resize(2);
  record.Observe(finished, absl::Seconds(1));
  const Json json = Parse(JsonFinished(record, {}, ExitCode::kAmbiguousName, kNow));
  EXPECT_EQ(json["ok"], false);
  EXPECT_EQ(json["exit_code"], 6);
  EXPECT_EQ(json["error"]["status"], "FAILED_PRECONDITION");
  EXPECT_EQ(json["candidates"].size(), 2u);
}

TEST(JsonEventsTest, AnyBytesGiveValidJson) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  Parse(JsonEvent(all, Waiting{all}, kNow));
}

TEST(JsonEventsTest, ServingAndErrors) {
  EXPECT_EQ(Parse(JsonServing({.port = 7, .contents = 1, .peers = 2, .sent_bytes = 3}, false, kNow))["event"],
            "serving");
  EXPECT_EQ(Parse(JsonServing({.port = 7}, true, kNow))["event"], "serving_ended");
  Json json = Parse(JsonError(absl::NotFoundError("x"), ExitCode::kNotFound, kNow));
  EXPECT_EQ(json["exit_code"], 3);
  EXPECT_TRUE(json["error"]["cause"].is_null());
  const absl::Status error = WithCause(absl::UnavailableError("x"), ErrorCause::kNoPeer);
  json = Parse(JsonError(error, ExitCode::kNoPeer, kNow));
  EXPECT_EQ(json["error"]["cause"], "no_peer");
}

}  // namespace
}  // namespace shoal::leecher
