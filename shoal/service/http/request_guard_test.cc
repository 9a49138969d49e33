#include "shoal/service/http/request_guard.h"

#include <sys/stat.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temporary_folder.h"

namespace shoal::service {
namespace {

using ::testing::HasSubstr;

constexpr char kToken[] = "correct-horse-battery";

HttpRequest Head(std::map<std::string, std::string> headers, const std::string& path = "/api/x") {
  HttpRequest head;
  head.method = "POST";
  head.path = path;
  head.headers = std::move(headers);
  head.local = *Endpoint::Parse("127.0.0.1:8080");
  return head;
}

RequestGuard Guard() {
  return RequestGuard({.host_names = {"agent.example"}, .guarded_prefixes = {"/api/", "/content/"}});
}

int StatusOf(const RequestGuard& guard, const HttpRequest& head) {
  const auto refusal = guard.Judge(head);
  return refusal.has_value() ? refusal->status : 200;
}

TEST(RequestGuard, TakesItsOwnNamesOnly) {
  const RequestGuard guard = Guard();
  for (const char* host :
       {"localhost", "localhost:8080", "LOCALHOST:1", "a.localhost", "127.0.0.1:8080", "127.0.0.1",
        "[::1]:8080", "10.0.0.1:8080", "[::2]", "agent.example", "Agent.Example:99"}) {
    EXPECT_EQ(StatusOf(guard, Head({{"host", host}})), 200) << host;
  }
  // Names that were rebound to this address.
  for (const char* host : {"", "evil.example", "evil.example:8080", "localhost.evil.example",
                           "agent.example.evil", "0x7f000001", "127.0.0.1.evil.example"}) {
    EXPECT_EQ(StatusOf(guard, Head({{"host", host}})), 421) << host;
  }
}

TEST(RequestGuard, RefusesPagesOfOtherSites) {
  const RequestGuard guard = Guard();
  const auto status = [&](std::map<std::string, std::string> headers, const std::string& path = "/api/x") {
    headers["host"] = "localhost:8080";
    return StatusOf(guard, Head(std::move(headers), path));
  };
  EXPECT_EQ(status({{"origin", "http://localhost:8080"}}), 200);
  EXPECT_EQ(status({{"origin", "https://localhost:8080"}, {"sec-fetch-site", "same-origin"}}), 200);
  EXPECT_EQ(status({{"sec-fetch-site", "none"}}), 200);
  EXPECT_EQ(status({{"origin", "http://evil.example"}}), 403);
  EXPECT_EQ(status({{"origin", "http://localhost:9090"}}), 403);
  EXPECT_EQ(status({{"origin", "null"}}), 403);
  EXPECT_EQ(status({{"sec-fetch-site", "cross-site"}}), 403);
  EXPECT_EQ(status({{"sec-fetch-site", "same-site"}}), 403);
  // A link to the page, but not to what it shows.
  HttpRequest link =
      Head({{"host", "localhost"}, {"sec-fetch-site", "cross-site"}, {"sec-fetch-mode", "navigate"}}, "/");
  link.method = "GET";
  EXPECT_EQ(StatusOf(guard, link), 200);
  link.path = "/content/abc/film.mkv";
  EXPECT_EQ(StatusOf(guard, link), 403);
}

TEST(RequestGuard, AsksForATokenWhereOneIsNeeded) {
  const TemporaryFolder folder;
  folder.Write("tokens", std::string("# of the fleet\n\n") + kToken + "\nanother-long-token\n");
  const auto tokens = AccessTokens::Read(folder.Path("tokens"));
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  const RequestGuard guard({.tokens = *tokens, .guarded_prefixes = {"/api/", "/content/"}});
  const auto status = [&](const std::string& authorization, const std::string& path = "/api/x") {
    return StatusOf(guard, Head({{"host", "localhost"}, {"authorization", authorization}}, path));
  };
  EXPECT_EQ(status(std::string("Bearer ") + kToken), 200);
  EXPECT_EQ(status("bearer another-long-token"), 200);
  for (const char* wrong :
       {"", "Bearer", "Bearer ", "Bearer correct-horse-batter", "Bearer correct-horse-battery2",
        "Basic correct-horse-battery", "correct-horse-battery", "Bearer # of the fleet"}) {
    EXPECT_EQ(status(wrong), 401) << wrong;
  }
  EXPECT_EQ(status("", "/"), 200) << "the page itself shows nothing";
  // Where no header can be set.
  HttpRequest get = Head({{"host", "localhost"}}, "/content/x");
  get.query = std::string("access_token=") + kToken;
  EXPECT_EQ(StatusOf(guard, get), 401) << "a POST can set it";
  get.method = "GET";
  EXPECT_EQ(StatusOf(guard, get), 200);
  get.query = "access_token=wrong-but-long-enough";
  EXPECT_EQ(StatusOf(guard, get), 401);
}

TEST(AccessTokens, AreLongEnough) {
  const TemporaryFolder folder;
  for (const char* bad : {"", "# nothing else\n", "short\n", "has a space in it, and is long\n"}) {
    folder.Write("tokens", bad);
    EXPECT_TRUE(absl::IsInvalidArgument(AccessTokens::Read(folder.Path("tokens")).status())) << bad;
  }
  EXPECT_TRUE(absl::IsNotFound(AccessTokens::Read(folder.Path("nothing")).status()));
}

TEST(AccessTokens, AreMadeOnceForTheirOwnerAlone) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("made");
  const std::string token = *AccessTokens::MakeFile(path);
  EXPECT_TRUE(AccessTokens::Read(path)->Accepts(token));
  struct stat info = {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(AccessTokens::MakeFile(path).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(AccessTokens::Read(path)->Accepts(token));
  EXPECT_NE(*AccessTokens::MakeFile(folder.Path("another")), token);
}

TEST(PageHeaders, LetNothingElseRun) {
  std::string policy;
  for (const auto& [name, value] : PageHeaders()) {
    if (name == "Content-Security-Policy") policy = value;
  }
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  EXPECT_THAT(policy, ::testing::Not(HasSubstr("unsafe")));
}

}  // namespace
}  // namespace shoal::service
