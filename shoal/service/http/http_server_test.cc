#include "shoal/service/http/http_server.h"

#include <fcntl.h>

#include <functional>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/base/mutex.h"
#include "tests/support/loopback_client.h"
#include "tests/support/temporary_folder.h"

namespace shoal::service {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HttpServerTest : public ::testing::Test {
 protected:
  void Start(uint32_t max_connections = 256) {
    Start({*Endpoint::Parse("127.0.0.1:0"), max_connections}, {});
  }

  void Start(const HttpServer::Options& options, HttpServer::Routes routes) {
    routes["/hello"] = [](const HttpRequest& request) {
      return HttpResponse{200, "text/plain", request.method + " " + request.path + "?" + request.query};
    };
    routes["/a b"] = [](const HttpRequest&) { return HttpResponse{503, "text/plain", "busy"}; };
    auto server = HttpServer::Start(options, routes);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::string Ask(const std::string& request) const {
    const LoopbackClient client(server_->port());
    client.Send(request);
    return client.ReadAll();
  }

  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersRoutes) {
  Start();
  const std::string response = Ask("GET /hello?q=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(response, HasSubstr("Content-Length: 14\r\n"));
  EXPECT_THAT(response, EndsWith("\r\n\r\nGET /hello?q=1"));
  EXPECT_THAT(Ask("GET /a%20b HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.0 503 "));
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  Start();
  const std::string response = Ask("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(response, HasSubstr("Content-Length: 12\r\n"));
  EXPECT_THAT(response, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, KeepsConnectionsAlive) {
  Start();
  const LoopbackClient client(server_->port());
  for (int i = 0; i < 3; ++i) {
    client.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.ReadUntil("GET /hello?"), StartsWith("HTTP/1.1 200 OK\r\n"));
  }
}

TEST_F(HttpServerTest, RefusesOtherRequests) {
  Start();
  const struct {
    std::string request;
    const char* status;
  } cases[] = {
      {"GET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n", "404"},
      {"POST /hello HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", "405"},
      {"GET /%zz HTTP/1.1\r\nConnection: close\r\n\r\n", "400"},
      {"\x16\x03\x01 not http\r\n\r\n", "400"},
      {"GET /hello HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n", "431"},
      {"GET /hello HTTP/1.1\r\nContent-Length: 70000\r\n\r\n" + std::string(70000, 'x'), "413"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(Ask(c.request), StartsWith(std::string("HTTP/1.1 ") + c.status + " "))
        << c.request.substr(0, 50);
  }
  EXPECT_THAT(Ask(cases[1].request), HasSubstr("Allow: GET, HEAD\r\n"));
}

TEST_F(HttpServerTest, ExcessConnectionsAreAnsweredWith503) {
  Start(1);
  const LoopbackClient first(server_->port());
  first.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  first.ReadUntil("GET /hello?");
  const LoopbackClient second(server_->port());
  second.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(second.ReadAll(), StartsWith("HTTP/1.1 503 "));
}

TEST_F(HttpServerTest, HalfRequestsOfOneAddressDoNotKeepOthersOut) {
  Start(4);
  const IpAddress many = IpAddress::V4({127, 0, 0, 2});
  std::vector<LoopbackClient> halves;
  for (int i = 0; i < 6; ++i) {
    halves.emplace_back(server_->port(), many);
    halves.back().Send("GET /hello HTTP/1.1\r\nHost: x\r\n");
  }
  EXPECT_THAT(halves.back().ReadAll(), StartsWith("HTTP/1.1 503 "));
  const LoopbackClient other(server_->port(), IpAddress::V4({127, 0, 0, 3}));
  other.Send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(other.ReadAll(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, ATakenPortIsUnavailable) {
  Start();
  const auto second = HttpServer::Start({Endpoint{*IpAddress::Parse("127.0.0.1"), server_->port()}, 1}, {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("127.0.0.1:"));
}

TEST_F(HttpServerTest, StopsWithConnectionsOpenAndTwice) {
  Start();
  const LoopbackClient client(server_->port());
  client.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  client.ReadUntil("GET /hello?");
  server_->Stop();
  server_->Stop();
}

// Gives its parts one by one; nothing more until `ended`.
class ScriptedBody final : public HttpStream {
 public:
  struct Script {
    Mutex mutex;
    std::vector<Next> parts ABSL_GUARDED_BY(mutex);
    std::function<void()> wake ABSL_GUARDED_BY(mutex);
    bool destroyed ABSL_GUARDED_BY(mutex) = false;
    CondVar changed;

    void Give(Next part) {
      std::function<void()> to_wake;
      {
        MutexLock lock(&mutex);
        parts.push_back(std::move(part));
        to_wake = wake;
      }
      if (to_wake) to_wake();
    }
    void AwaitDestruction() {
      MutexLock lock(&mutex);
      while (!destroyed) changed.Wait(&mutex);
    }
  };

  ScriptedBody(std::shared_ptr<Script> script, std::function<void()> wake) : script_(std::move(script)) {
    MutexLock lock(&script_->mutex);
    script_->wake = std::move(wake);
  }
  ~ScriptedBody() override {
    MutexLock lock(&script_->mutex);
    script_->destroyed = true;
    script_->changed.NotifyAll();
  }
  Next Take() override {
    MutexLock lock(&script_->mutex);
    if (script_->parts.empty()) return Nothing();
    Next next = std::move(script_->parts.front());
    script_->parts.erase(script_->parts.begin());
    return next;
  }

 private:
  const std::shared_ptr<Script> script_;
};

class HttpStreamTest : public HttpServerTest {
 protected:
  // Serves what the script gives at /stream.
  void StartStream(std::optional<uint64_t> length_bytes, const std::string& sign_of_life = "",
                   absl::Duration longest_silence = absl::Milliseconds(1)) {
    HttpServer::Routes routes;
    routes["/stream"] = [script = script_, length_bytes, sign_of_life](const HttpRequest&) {
      HttpResponse response;
      response.open_stream = [script](std::function<void()> wake) {
        return std::make_unique<ScriptedBody>(script, std::move(wake));
      };
      response.length_bytes = length_bytes;
      response.sign_of_life = sign_of_life;
      return response;
    };
    HttpServer::Options options{*Endpoint::Parse("127.0.0.1:0")};
    options.longest_silence = longest_silence;
    Start(options, std::move(routes));
  }

  const std::shared_ptr<ScriptedBody::Script> script_ = std::make_shared<ScriptedBody::Script>();
};

TEST_F(HttpStreamTest, SendsWhatArises) {
  StartStream(std::nullopt);
  const LoopbackClient client(server_->port());
  client.Send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked\r\n"));
  script_->Give("hello");
  EXPECT_EQ(client.ReadUntil("hello\r\n"), "5\r\nhello\r\n");
  script_->Give(" world");
  script_->Give(HttpStream::End());
  EXPECT_EQ(client.ReadUntil("0\r\n\r\n"), "6\r\n world\r\n0\r\n\r\n");
  script_->AwaitDestruction();
  client.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("GET /hello?"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpStreamTest, ShowsThatItIsAliveWhenThereIsNothing) {
  StartStream(std::nullopt, "still here");
  const LoopbackClient client(server_->port());
  client.Send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string twice = "a\r\nstill here\r\na\r\nstill here\r\n";
  EXPECT_THAT(client.ReadUntil(twice), HasSubstr(twice));
  script_->Give("hello");
  const std::string after = "5\r\nhello\r\na\r\nstill here\r\n";
  EXPECT_THAT(client.ReadUntil(after), HasSubstr(after));
  script_->Give(HttpStream::End());
  EXPECT_THAT(client.ReadUntil("0\r\n\r\n"), EndsWith("0\r\n\r\n"));
}

TEST_F(HttpStreamTest, ShowsNothingBeforeItsTime) {
  StartStream(std::nullopt, "still here", absl::Hours(1));
  const LoopbackClient client(server_->port());
  client.Send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  client.ReadUntil("\r\n\r\n");
  for (const char* part : {"one", "two"}) {
    script_->Give(part);
    EXPECT_EQ(client.ReadUntil(absl::StrCat(part, "\r\n")), absl::StrCat("3\r\n", part, "\r\n"));
  }
}

TEST_F(HttpStreamTest, SendsFilesFromTheirPlace) {
  const TemporaryFolder folder;
  const std::string bytes = SampleBytes(3'000'000, 1);
  folder.Write("file", bytes);
  const auto file =
      std::make_shared<const FileDescriptor>(*FileDescriptor::Open(folder.Path("file"), O_RDONLY));
  StartStream(bytes.size() + 1);
  script_->Give(FileRegion{file, 0, 2'000'000});
  script_->Give(FileRegion{file, 2'000'000, 1'000'000});
  script_->Give("!");
  script_->Give(HttpStream::End());
  const std::string response = Ask("GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(response, HasSubstr("Content-Length: 3000001\r\n"));
  EXPECT_TRUE(response.substr(response.find("\r\n\r\n") + 4) == bytes + "!");
}

TEST_F(HttpStreamTest, HeadDoesNotOpenIt) {
  StartStream(7);
  EXPECT_THAT(Ask("HEAD /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              HasSubstr("Content-Length: 7\r\n"));
  MutexLock lock(&script_->mutex);
  EXPECT_FALSE(script_->destroyed);
}

TEST_F(HttpStreamTest, EndsWhenTheClientHangsUp) {
  StartStream(std::nullopt);
  {
    const LoopbackClient client(server_->port());
    client.Send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    client.ReadUntil("\r\n\r\n");
  }
  script_->AwaitDestruction();
  script_->Give("nobody is there");  // its wake function outlives it
}

TEST_F(HttpStreamTest, ABodyThatEndsTooSoonBreaksTheConnection) {
  StartStream(10);
  script_->Give("short");
  script_->Give(HttpStream::End());
  EXPECT_THAT(Ask("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"), EndsWith("\r\n\r\nshort"));
}

TEST_F(HttpStreamTest, IsWokenAfterTheServersEnd) {
  StartStream(std::nullopt);
  const LoopbackClient client(server_->port());
  client.Send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  client.ReadUntil("\r\n\r\n");
  server_->Stop();
  script_->Give("too late");
}

TEST_F(HttpServerTest, TakesPostsWithinTheirBound) {
  HttpServer::Routes routes;
  HttpServer::Route route([](const HttpRequest& request) {
    return HttpResponse{
        200, "text/plain",
        request.path + " " + request.Header("x-name") + " " + std::to_string(request.body.size())};
  });
  route.methods = {"POST"};
  route.max_body_bytes = 200'000;
  route.prefix = true;
  routes["/api/"] = route;
  Start({*Endpoint::Parse("127.0.0.1:0")}, std::move(routes));
  const auto post = [&](size_t size, const std::string& extra = "") {
    return Ask("POST /api/x HTTP/1.1\r\nX-Name: me\r\nConnection: close\r\n" + extra +
               "Content-Length: " + std::to_string(size) + "\r\n\r\n" + std::string(size, 'x'));
  };
  EXPECT_THAT(post(3), EndsWith("/api/x me 3"));
  EXPECT_THAT(post(200'000), EndsWith("/api/x me 200000"));
  EXPECT_THAT(post(9, "Expect: 100-continue\r\n"), StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"));
  EXPECT_THAT(post(200'001), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Ask("GET /api/x HTTP/1.1\r\nConnection: close\r\n\r\n"), HasSubstr("Allow: POST\r\n"));
}

TEST_F(HttpServerTest, AdmitsOnlyWhatItMay) {
  HttpServer::Options options{*Endpoint::Parse("127.0.0.1:0")};
  options.admit = [](const HttpRequest& head) -> std::optional<HttpResponse> {
    EXPECT_EQ(head.remote.ip, *IpAddress::Parse("127.0.0.1"));
    if (head.Header("host") == "good") return std::nullopt;
    return HttpResponse{403, "text/plain", "no", {{"X-Why", "the host"}}};
  };
  Start(options, {});
  EXPECT_THAT(Ask("GET /hello HTTP/1.1\r\nHost: good\r\nConnection: close\r\n\r\n"), HasSubstr(" 200 "));
  const std::string refused = Ask("GET /hello HTTP/1.1\r\nHost: bad\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(refused, HasSubstr("X-Why: the host\r\n"));
}

TEST(ParseQueryTest, DecodesFields) {
  using Fields = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(*ParseQuery("a=1&b=%20+x&&c&=d"), (Fields{{"a", "1"}, {"b", "  x"}, {"c", ""}, {"", "d"}}));
  EXPECT_TRUE(ParseQuery("")->empty());
  EXPECT_FALSE(ParseQuery("a=%").ok());
  EXPECT_FALSE(ParseQuery("a%00=b").ok());
}

TEST(HttpTargetTest, SplitsPathAndQuery) {
  const auto target = HttpTarget::Parse("/a%20b/%2e%2E?x=%20&y?z");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->path, "/a b/..");
  EXPECT_EQ(target->query, "x=%20&y?z");
  EXPECT_EQ(HttpTarget::Parse("/")->path, "/");
}

TEST(HttpTargetTest, RefusesMalformedTargets) {
  for (const char* bad : {"", "a", "*", "http://host/", "/%", "/%2", "/%zz", "/%00"}) {
    EXPECT_FALSE(HttpTarget::Parse(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace shoal::service
