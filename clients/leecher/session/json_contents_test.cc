#include "clients/leecher/session/json_contents.h"

#include <nlohmann/json.hpp>

#include "gtest/gtest.h"
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
  EXPECT_EQ(json["total_bytes"], 7);
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
  Json json = Json::parse(JsonInfo(summary, &file, &swarm));
  EXPECT_EQ(json["name"], "empty");
  EXPECT_EQ(json["trackers"][0], "grpc://t:1");
  EXPECT_EQ(json["file_list"][0]["path"], "empty");
  EXPECT_EQ(json["peers"].size(), 1u);
  json = Json::parse(JsonInfo(summary, nullptr, nullptr));
  EXPECT_FALSE(json.contains("file_list"));
  EXPECT_TRUE(json["peers"].empty());
  EXPECT_EQ(Json::parse(JsonMade(summary, "e.shoal"))["path"], "e.shoal");
}

}  // namespace
}  // namespace shoal::leecher
