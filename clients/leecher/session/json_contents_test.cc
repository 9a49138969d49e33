#include "clients/leecher/session/json_contents.h"

#include <nlohmann/json.hpp>

#include "gtest/gtest.h"
#include "shoal/content/manifest/manifest_file.h"
#include "shoal/tracking/messages/manifest_summary.h"

namespace shoal::leecher {
namespace {

using Json = nlohmann::json;

ManifestFile EmptyFile() {
  auto manifest =
      Manifest::Create(Manifest::Kind::kFile, "empty", kDefaultChunkSizeBytes, {{"empty", 0, false}}, {});
  EXPECT_TRUE(manifest.ok()) << manifest.status();
  return {*std::move(manifest), {"grpc://t:1"}};
}

TEST(JsonContentsTest, AListedContent) {
  tracking::ContentStatus content;
  content.summary = {
      .id = {}, .name = "a\xff", .length_bytes = 7, .chunk_size_bytes = 4, .chunk_count = 2, .file_count = 1};
  content.first_seen = absl::FromUnixSeconds(1'700'000'000);
  content.seeders = 3;
  const Json json = Json::parse(JsonContent(content));
  EXPECT_EQ(json["content_id"], std::string(64, '0'));
  EXPECT_EQ(json["length_bytes"], 7);
  EXPECT_EQ(json["left_out"], 0);
  EXPECT_EQ(json["seeders"], 3);
  EXPECT_EQ(json["first_seen"], "2023-11-14T22:13:20.000Z");
}

TEST(JsonContentsTest, AManifestFileAndItsSwarm) {
  const ManifestFile file = EmptyFile();
  const tracking::ContentSummary summary = tracking::SummaryOf(file.manifest);
  tracking::GetSwarmResponse swarm;
  swarm.content.summary = summary;
  swarm.peers.resize(1);
  swarm.peers[0].peer.complete = true;
  Json json = Json::parse(JsonInfo(summary, &file.manifest, &file.trackers, &swarm, std::nullopt));
  EXPECT_EQ(json["name"], "empty");
  EXPECT_EQ(json["trackers"][0], "grpc://t:1");
  EXPECT_EQ(json["file_list"][0]["path"], "empty");
  EXPECT_EQ(json["peers"].size(), 1u);
  json = Json::parse(JsonInfo(summary, nullptr, nullptr, nullptr, std::nullopt));
  EXPECT_TRUE(json["file_list"].is_null());
  EXPECT_FALSE(json.contains("trackers"));
  EXPECT_TRUE(json["peers"].empty());
  EXPECT_EQ(Json::parse(JsonMade(summary, "e.shoal", {}, std::nullopt))["path"], "e.shoal");
  EXPECT_EQ(
      Json::parse(JsonMade(summary, "e.shoal", {{"fifo", "it is a FIFO"}}, std::nullopt))["left_out_list"],
      Json::parse(R"([{"path": "fifo", "reason": "it is a FIFO"}])"));
}

TEST(JsonContentsTest, ADryRunNamesTheWantedFiles) {
  auto manifest = Manifest::Create(Manifest::Kind::kFolder, "pond", kDefaultChunkSizeBytes,
                                   {{"carp", 0, false}, {"koi", 0, true}}, {});
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  FileSelection wanted = FileSelection::All(*manifest);
  DryRun plan;
  plan.download = "po";
  plan.path = "out/pond";
  plan.wanted_files = 2;
  const Json json = Json::parse(JsonDryRun(plan, *manifest, wanted, absl::UnixEpoch()));
  EXPECT_EQ(json["event"], "dry_run");
  EXPECT_EQ(json["download"], "po");
  EXPECT_EQ(json["name"], "pond");
  EXPECT_EQ(json["path"], "out/pond");
  EXPECT_EQ(json["wanted_files"], 2);
  EXPECT_TRUE(json["free_bytes"].is_null());
  EXPECT_EQ(json["file_list"][1]["path"], "koi");
  EXPECT_EQ(json["file_list"][1]["executable"], true);
  EXPECT_EQ(json["file_list"][1]["wanted"], true);
}

}  // namespace
}  // namespace shoal::leecher
