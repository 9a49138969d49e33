#include "services/seeder/seeder_pages.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "shoal/base/manual_clock.h"
#include "tests/support/temporary_folder.h"

namespace shoal::seeder {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;

// Serves nothing; says what it is told to have sent.
class SilentServer final : public stream::ChunkServer {
 public:
  uint16_t port() const override { return 1; }
  Totals totals() const override { return {}; }
  stream::ContentTotals content_totals(const ContentId& content) const override {
    const auto found = sent.find(content);
    return found == sent.end() ? stream::ContentTotals() : found->second;
  }
  std::vector<std::pair<ContentId, stream::ContentTotals>> all_content_totals() const override { return {}; }
  void Announce(const ContentId&, const std::vector<ChunkIndex>&) override {}
  void Drop(const ContentId&) override {}
  void Stop() override {}

  std::map<ContentId, stream::ContentTotals> sent;
};

class SeederPagesTest : public ::testing::Test {
 protected:
  ContentId Publish(const std::string& entry) {
    share_.Write(entry, "bytes of " + entry);
    auto built = BuildManifest(share_.Path(entry), {});
    EXPECT_TRUE(built.ok()) << built.status();
    const ContentId id = built->manifest.id();
    catalog_.Publish(entry, *std::move(built), /*from_cache=*/false, [](const absl::Status&) {});
    return id;
  }

  service::HttpResponse Get(const std::string& path, const std::string& query = "") {
    service::HttpRequest request;
    request.method = "GET";
    request.path = path;
    request.query = query;
    return routes_.at(path).handler(request);
  }
  json Shown(const std::string& path, const std::string& query = "") {
    const service::HttpResponse response = Get(path, query);
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_THAT(response.headers, Contains(Key("Content-Security-Policy")));
    return json::parse(response.body);
  }

  const TemporaryFolder share_;
  ManualClock clock_;
  CatalogRecord record_{clock_};
  Catalog catalog_{&record_};
  SilentServer server_;
  service::ServingFigures figures_;
  service::HttpServer::Routes routes_ = SeederPages(
      {.record = &record_,
       .server = &server_,
       .clock = &clock_,
       .share = "/srv/models",
       .version = "1.2.3",
       .signer = "ed25519:key",
       .figures = [this] { return figures_; },
       .trackers = [] { return std::vector<PageSources::Tracker>{{"grpc://t:1", "it is away"}}; }});
};

TEST_F(SeederPagesTest, ThePageHasItsFilesAndNoOthers) {
  EXPECT_THAT(Get("/").body, HasSubstr("seeder/seeder.js"));
  for (const char* path : {"/seeder/seeder.js", "/parts/style.css", "/parts/table.js"})
    EXPECT_TRUE(routes_.contains(path)) << path;
  for (const auto& [path, route] : routes_) EXPECT_THAT(path, Not(HasSubstr("tracker"))) << path;
}

TEST_F(SeederPagesTest, StatusHasTotalsHashingAndTrackers) {
  figures_.sent_bytes = 1000;
  figures_.by_content = {{"id", "a", 1000, 30.4, 1}, {"id", "b", 0, 20, 1}};
  figures_.not_ready = "scanning the folder";
  record_.OnHashing("big", 5, 10);
  clock_.Advance(absl::Seconds(5));
  const json status = Shown("/api/status");
  EXPECT_EQ(status["version"], "1.2.3");
  EXPECT_EQ(status["shareFolder"], "/srv/models");
  EXPECT_EQ(status["signer"], "ed25519:key");
  EXPECT_EQ(status["uptimeSeconds"], 5);
  EXPECT_EQ(status["ready"], false);
  EXPECT_EQ(status["notReady"], "scanning the folder");
  EXPECT_EQ(status["sentBytes"], 1000);
  EXPECT_EQ(status["sendRateBytesPerSecond"], 50);
  EXPECT_EQ(status["hashing"], json({{{"entry", "big"}, {"doneBytes", 5}, {"totalBytes", 10}}}));
  EXPECT_EQ(status["trackers"], json({{{"url", "grpc://t:1"}, {"failure", "it is away"}}}));
}

TEST_F(SeederPagesTest, ContentsAreFoundByAPartOfTheirName) {
  const ContentId alpha = Publish("Alpha.bin");
  Publish("beta.bin");
  server_.sent[alpha].sent_bytes = 77;
  server_.sent[alpha].peers.resize(2);
  EXPECT_EQ(Shown("/api/contents")["total"], 2);
  const json found = Shown("/api/contents", "nameContains=aLPHa");
  ASSERT_EQ(found["total"], 1);
  const json& content = found["contents"][0];
  EXPECT_EQ(content["name"], "Alpha.bin");
  EXPECT_EQ(content["contentHex"], alpha.ToHex());
  EXPECT_EQ(content["lengthBytes"], 18);
  EXPECT_EQ(content["sentBytes"], 77);
  EXPECT_EQ(content["peers"], 2);
  EXPECT_EQ(Shown("/api/contents", "nameContains=gamma")["contents"], json::array());
  for (const char* bad : {"nothing=1", "nameContains=%"})
    EXPECT_EQ(Get("/api/contents", bad).status, 400) << bad;
}

TEST_F(SeederPagesTest, PeersHaveTheContentThatTheyFetch) {
  const ContentId id = Publish("alpha.bin");
  stream::PeerUpload upload;
  upload.endpoint = *Endpoint::Parse("10.0.0.7:9000");
  upload.sent_bytes = 512;
  upload.bytes_per_second = 9.6;
  server_.sent[id].peers = {upload};
  const json peers = Shown("/api/peers");
  ASSERT_EQ(peers["total"], 1);
  EXPECT_EQ(peers["peers"][0]["endpoint"], "10.0.0.7:9000");
  EXPECT_EQ(peers["peers"][0]["name"], "alpha.bin");
  EXPECT_EQ(peers["peers"][0]["sentBytes"], 512);
  EXPECT_EQ(peers["peers"][0]["sendRateBytesPerSecond"], 10);
}

TEST_F(SeederPagesTest, WhatIsLeftOutHasItsReason) {
  record_.OnProblem("bad \xff name", absl::InvalidArgumentError("is not UTF-8"));
  record_.OnLeftOut("models", {{"latest", "leads outside"}});
  const json left_out = Shown("/api/left_out");
  ASSERT_EQ(left_out["total"], 2);
  EXPECT_EQ(left_out["entries"][0]["entry"], "bad \xef\xbf\xbd name");
  EXPECT_FALSE(left_out["entries"][0].contains("path"));
  EXPECT_EQ(left_out["entries"][1],
            json({{"entry", "models"}, {"path", "latest"}, {"reason", "leads outside"}}));
}

TEST_F(SeederPagesTest, ListsAreBounded) {
  std::vector<LeftOut> many;
  for (size_t i = 0; i < kMaxListed + 7; ++i) many.push_back({absl::StrCat(i), "is a socket"});
  record_.OnLeftOut("models", many);
  const json left_out = Shown("/api/left_out");
  EXPECT_EQ(left_out["total"], kMaxListed + 7);
  EXPECT_EQ(left_out["entries"].size(), kMaxListed);
}

}  // namespace
}  // namespace shoal::seeder
