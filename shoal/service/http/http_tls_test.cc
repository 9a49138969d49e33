#include <fcntl.h>
#include <openssl/ssl.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/service/http/http_server.h"
#include "tests/support/loopback_client.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_certificates.h"

namespace shoal::service {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A blocking client that speaks TLS, without a certificate unless `credentials` have one.
class TlsLoopbackClient {
 public:
  TlsLoopbackClient(uint16_t port, const net::TlsCredentials& credentials)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        ssl_(SSL_new(credentials.context.get()), &SSL_free) {
    const net::SocketAddress address = net::ToSocketAddress({IpAddress::V4({127, 0, 0, 1}), port});
    EXPECT_EQ(connect(socket_.get(), address.get(), address.size), 0);
    SSL_set_fd(ssl_.get(), socket_.get());
    EXPECT_EQ(SSL_connect(ssl_.get()), 1);
  }

  void Send(const std::string& text) const {
    EXPECT_EQ(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())),
              static_cast<int>(text.size()));
  }
  // Reads until `end` was read, or the other end closes; `end` empty: until it closes.
  std::string ReadUntil(const std::string& end) const {
    std::string text;
    char buffer[4096];
    while (end.empty() || text.find(end) == std::string::npos) {
      const int size = SSL_read(ssl_.get(), buffer, sizeof(buffer));
      if (size <= 0) break;
      text.append(buffer, static_cast<size_t>(size));
    }
    return text;
  }
  // Says goodbye as a browser does.
  void Shutdown() const { SSL_shutdown(ssl_.get()); }

 private:
  const FileDescriptor socket_;
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

// Gives one part, then nothing until it is destroyed.
class EndlessBody final : public HttpStream {
 public:
  explicit EndlessBody(std::promise<void>* destroyed) : destroyed_(destroyed) {}
  ~EndlessBody() override { destroyed_->set_value(); }
  Next Take() override {
    if (std::exchange(given_, true)) return Nothing();
    return "begun";
  }

 private:
  std::promise<void>* const destroyed_;
  bool given_ = false;
};

// Gives regions, one after the other.
class RegionsBody final : public HttpStream {
 public:
  explicit RegionsBody(std::vector<FileRegion> regions) : regions_(std::move(regions)) {}
  Next Take() override {
    if (regions_.empty()) return End();
    const FileRegion next = regions_.front();
    regions_.erase(regions_.begin());
    return next;
  }

 private:
  std::vector<FileRegion> regions_;
};

class HttpTlsTest : public ::testing::Test {
 protected:
  void Start(HttpServer::Routes routes = {}, bool browsers_too = false) {
    net::TlsFiles files = certificates_.files();
    files.browsers_too = browsers_too;
    HttpServer::Options options;
    options.listen = *Endpoint::Parse("127.0.0.1:0");
    options.tls = TestCertificates::Context(files);
    routes["/hello"] = [](const HttpRequest& request) {
      return HttpResponse{200, "text/plain", request.path};
    };
    auto server = HttpServer::Start(options, std::move(routes));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  static HttpServer::Routes Streaming(std::function<std::unique_ptr<HttpStream>()> open) {
    HttpServer::Routes routes;
    routes["/stream"] = [open = std::move(open)](const HttpRequest&) {
      HttpResponse response;
      response.open_stream = [open](const std::function<void()>&) { return open(); };
      return response;
    };
    return routes;
  }
  TlsLoopbackClient Browser() const { return {server_->port(), *browser_->Current()}; }

  const TestCertificates certificates_;
  const std::shared_ptr<net::TlsContext> browser_ =
      TestCertificates::Context({"", "", certificates_.files().authorities});
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpTlsTest, AnswersBrowsersWithoutCertificates) {
  Start();
  const TlsLoopbackClient client = Browser();
  for (int request = 0; request < 2; ++request) {
    client.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.ReadUntil("/hello"), StartsWith("HTTP/1.1 200 OK\r\n"));
  }
  client.Send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.ReadUntil(""), EndsWith("\r\n\r\n/hello"));
}

TEST_F(HttpTlsTest, MayDemandCertificates) {
  Start({}, /*browsers_too=*/true);
  const TlsLoopbackClient refused = Browser();
  EXPECT_EQ(refused.ReadUntil(""), "");
  const TlsLoopbackClient client(server_->port(), *certificates_.Context()->Current());
  client.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("/hello"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpTlsTest, SendsFiles) {
  const TemporaryFolder folder;
  const std::string bytes = SampleBytes(3'000'000, 1);
  folder.Write("file", bytes);
  const auto file =
      std::make_shared<const FileDescriptor>(*FileDescriptor::Open(folder.Path("file"), O_RDONLY));
  Start(Streaming([file] {
    return std::make_unique<RegionsBody>(
        std::vector<FileRegion>{FileRegion{file, 0, 2'000'000}, FileRegion{file, 2'000'000, 1'000'000}});
  }));
  const TlsLoopbackClient client = Browser();
  client.Send("GET /stream HTTP/1.0\r\n\r\n");
  const std::string response = client.ReadUntil("");
  EXPECT_TRUE(response.substr(response.find("\r\n\r\n") + 4) == bytes);
}

TEST_F(HttpTlsTest, AStreamEndsWhenTheClientHangsUp) {
  std::promise<void> destroyed;
  Start(Streaming([&destroyed] { return std::make_unique<EndlessBody>(&destroyed); }));
  {
    const TlsLoopbackClient client = Browser();
    client.Send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.ReadUntil("begun"), HasSubstr("begun"));
    client.Shutdown();
  }
  destroyed.get_future().wait();
}

TEST_F(HttpTlsTest, APlainClientIsToldSo) {
  Start();
  const LoopbackClient client(server_->port());
  client.Send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string response = client.ReadAll();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(response, EndsWith("\r\n\r\nthis port speaks TLS: begin with https"));
}

}  // namespace
}  // namespace shoal::service
