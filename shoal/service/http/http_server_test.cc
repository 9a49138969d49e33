#include "shoal/service/http/http_server.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/loopback_client.h"

namespace shoal::service {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HttpServerTest : public ::testing::Test {
 protected:
  void Start(uint32_t max_connections = 256) {
    HttpServer::Routes routes;
    routes["/hello"] = [](const HttpRequest& request) {
      return HttpResponse{200, "text/plain", request.method + " " + request.path + "?" + request.query};
    };
    routes["/a b"] = [](const HttpRequest&) { return HttpResponse{503, "text/plain", "busy"}; };
    auto server = HttpServer::Start({*Endpoint::Parse("127.0.0.1:0"), max_connections}, routes);
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

TEST_F(HttpServerTest, RefusesWhatItDoesNotTake) {
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
      {"POST /hello HTTP/1.1\r\nContent-Length: 70000\r\n\r\n" + std::string(70000, 'x'), "413"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(Ask(c.request), StartsWith(std::string("HTTP/1.1 ") + c.status + " "))
        << c.request.substr(0, 50);
  }
  EXPECT_THAT(Ask(cases[1].request), HasSubstr("Allow: GET, HEAD\r\n"));
}

TEST_F(HttpServerTest, OneConnectionTooManyIsToldSo) {
  Start(1);
  const LoopbackClient first(server_->port());
  first.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  first.ReadUntil("GET /hello?");
  const LoopbackClient second(server_->port());
  EXPECT_THAT(second.ReadAll(), StartsWith("HTTP/1.1 503 "));
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

}  // namespace
}  // namespace shoal::service
