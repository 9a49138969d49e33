#include "services/tracker/http/tracker_pages.h"

#include <nlohmann/json.hpp>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/test_requests.h"
#include "shoal/base/manual_clock.h"
#include "tests/support/temporary_folder.h"

namespace shoal::tracker {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;

class TrackerPagesTest : public ::testing::Test {
 protected:
  service::HttpResponse Get(const std::string& path) { return routes_.at(path).handler({}); }

  json Limit(const json& status, const std::string& name) {
    for (const json& limit : status["limits"]) {
      if (limit["name"] == name) return limit;
    }
    return nullptr;
  }

  ManualClock clock_;
  TrackerState state_{{}, &clock_};
  service::Metrics metrics_;
  RateLimiter limiter_{{.per_source_per_second = 1, .per_source_burst = 1, .unproven_per_second = 0}, 1};
  ListenerMetrics listeners_{&metrics_, &state_, &limiter_};
  std::atomic<bool> ready_ = false;
  service::HttpServer::Routes routes_ =
      TrackerPages({&state_, &metrics_, &listeners_, &limiter_, &clock_, &ready_, "1.2.3"});
};

TEST_F(TrackerPagesTest, ThePageHasItsFilesAndNoOthers) {
  const service::HttpResponse page = Get("/");
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(page.body, HasSubstr("tracker/tracker.js"));
  EXPECT_THAT(page.headers, Contains(Key("Content-Security-Policy")));
  for (const char* path : {"/tracker/tracker.js", "/parts/style.css", "/parts/table.js", "/parts/icon.svg"})
    EXPECT_TRUE(routes_.contains(path)) << path;
  for (const auto& [path, route] : routes_) EXPECT_THAT(path, ::testing::Not(HasSubstr("agent"))) << path;
}

TEST(PageGuardTest, WithTokensOnlyHealthAndThePageItselfAreOpen) {
  const AccessControl open;
  EXPECT_FALSE(PageGuard(&open)({.method = "GET", .path = "/", .query = "", .body = ""}));
  TemporaryFolder folder;
  // sha256sum of "lister" and of "fetcher"
  folder.Write("tokens",
               "af9d7f5c94154c51766656842b4ca4ca1024bf010a5d61350766af33ec179a82 list\n"
               "89008e294b51090a98a32c9d5eed43f6a54b19b54aab3424b5168ef6cc5d5f45 fetch\n");
  const auto access = AccessControl::Open(folder.Path("tokens"));
  ASSERT_TRUE(access.ok()) << access.status();
  const auto status = [guard = PageGuard(access->get())](const std::string& path, const std::string& token) {
    service::HttpRequest request{.method = "GET", .path = path, .query = "", .body = ""};
    if (!token.empty()) request.headers["authorization"] = "Bearer " + token;
    const auto refusal = guard(request);
    return refusal ? refusal->status : 200;
  };
  for (const char* path : {"/api/status", "/metrics", "/nowhere", "/healthz/", "/parts/"}) {
    EXPECT_EQ(status(path, ""), 401) << path;
    EXPECT_EQ(status(path, "nobody"), 401) << path;
    EXPECT_EQ(status(path, "fetcher"), 403) << path;
    EXPECT_EQ(status(path, "lister"), 200) << path;
  }
  for (const char* path : {"/healthz", "/readyz", "/", "/parts/style.css"})
    EXPECT_EQ(status(path, ""), 200) << path;
}

TEST_F(TrackerPagesTest, StatusHasTotalsLimitsAndRefusals) {
  ASSERT_TRUE(state_.registry()->Register(TestSeeder(1, TestContent(1))).ok());
  ASSERT_TRUE(state_.registry()->Register(TestRegister(2, TestContent(1), 1)).ok());
  for (int i = 0; i < 3; ++i) limiter_.Admit(TestEndpoint(1).ip, clock_.Uptime());
  RegistryLimits limits;
  limits.new_contents_per_second = 0.5;
  limits.new_contents_burst = 1;
  state_.registry()->SetLimits(limits);
  ASSERT_TRUE(state_.registry()->Register(TestSeeder(3, TestContent(2)), TestEndpoint(3).ip).ok());
  ASSERT_TRUE(state_.registry()->Leave(TestLeave(3)).ok());
  EXPECT_FALSE(state_.registry()->Register(TestSeeder(3, TestContent(3)), TestEndpoint(3).ip).ok());
  listeners_.RecordCall(Call::kLookup, absl::Microseconds(30));
  clock_.Advance(absl::Seconds(90));
  const service::HttpResponse response = Get("/api/status");
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_THAT(response.headers, Contains(Key("Content-Security-Policy")));
  const json status = json::parse(response.body);
  EXPECT_EQ(status["version"], "1.2.3");
  EXPECT_EQ(status["ready"], false);
  EXPECT_EQ(status["uptimeSeconds"], 90);
  EXPECT_EQ(status["leaseSeconds"], 30);
  EXPECT_EQ(status["contents"], 1);
  EXPECT_EQ(status["completeLeases"], 1);
  EXPECT_EQ(status["partialLeases"], 1);
  EXPECT_EQ(status["listeners"][0]["answered"], 1);
  EXPECT_EQ(Limit(status, "max-leases")["used"], 2);
  EXPECT_FALSE(Limit(status, "max-peers-per-content").contains("used"));
  EXPECT_EQ(Limit(status, "max-chunk-set-bytes")["unit"], "bytes");
  EXPECT_EQ(Limit(status, "rate-per-address")["refused"], 2);
  EXPECT_EQ(Limit(status, "new-contents-per-address")["limit"], 0.5);
  EXPECT_EQ(Limit(status, "new-contents-per-address")["unit"], "per second");
  EXPECT_EQ(Limit(status, "new-contents-per-address")["refused"], 1);
}

TEST_F(TrackerPagesTest, HealthAndMetricsAreForMachines) {
  EXPECT_EQ(Get("/healthz").status, 200);
  EXPECT_EQ(Get("/readyz").status, 503);
  ready_ = true;
  EXPECT_EQ(Get("/readyz").body, "ready\n");
  EXPECT_THAT(Get("/metrics").body, HasSubstr("shoal_tracker_contents 0"));
}

}  // namespace
}  // namespace shoal::tracker
