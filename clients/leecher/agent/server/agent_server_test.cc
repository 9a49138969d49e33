#include "clients/leecher/agent/server/agent_server.h"

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/leecher/agent/api/grpc_agent.h"
#include "shoal/base/error_cause.h"
#include "shoal/content/manifest/ids.h"
#include "tests/support/loopback_client.h"
#include "tests/support/temporary_folder.h"

namespace shoal::leecher {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class AgentServerTest : public ::testing::Test {
 protected:
  AgentServer::Options Options() {
    AgentServer::Options options;
    options.agent.state_folder = folder_.Path("state");
    options.agent.output_folder = folder_.Path("out");
    options.unix_socket = socket_;
    options.http = Endpoint::Parse("127.0.0.1:0").value();
    options.version = "1.2.3";
    return options;
  }
  absl::StatusOr<std::string> Call(const std::string& method, const std::string& json) {
    return ConnectToAgent(socket_, absl::Seconds(60))->Call(method, json);
  }
  static std::string Ask(uint16_t port, const std::string& request) {
    const LoopbackClient client(port);
    client.Send(request);
    return client.ReadAll();
  }

  const TemporaryFolder folder_;
  const std::string socket_ = folder_.Path("agent.sock");
};

TEST_F(AgentServerTest, ServesOneApiAtTwoListeners) {
  const auto server = AgentServer::Start(Options());
  ASSERT_TRUE(server.ok()) << server.status();
  const auto limited = Call("SetLimits", "{\"limits\":{\"sendBytesPerSecond\":\"7\"}}");
  ASSERT_TRUE(limited.ok()) << limited.status();
  const std::string response = Ask((*server)->http_port(),
                                   "POST /api/shoal.leecher.v1.DownloadsService/SetLimits HTTP/1.1\r\n"
                                   "Host: localhost\r\nContent-Type: application/json\r\n"
                                   "Connection: close\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  const auto list = Call("List", "");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(*list, HasSubstr("\"version\":\"1.2.3\""));
  EXPECT_TRUE(absl::IsNotFound(Call("Pause", "{\"ids\":[\"7\"]}").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Call("Pause", "{\"nothing\":1}").status()));
  EXPECT_THAT(Ask((*server)->http_port(), "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
              HasSubstr("Content-Security-Policy: default-src 'none'"));
}

TEST_F(AgentServerTest, OnlyThisUserMayConnectToItsSocket) {
  const auto server = AgentServer::Start(Options());
  ASSERT_TRUE(server.ok()) << server.status();
  struct stat info{};
  ASSERT_EQ(stat(socket_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0077, 0u);
}

TEST_F(AgentServerTest, StreamsToTheCommands) {
  const auto server = AgentServer::Start(Options());
  ASSERT_TRUE(server.ok()) << server.status();
  std::string first;
  const absl::Status ended = ConnectToAgent(socket_, absl::Seconds(60))
                                 ->Watch("{}", absl::Milliseconds(1), [&](const std::string& json) {
                                   if (first.empty()) first = json;
                                   // Until nothing comes any more.
                                   return first.empty() || !json.empty();
                                 });
  EXPECT_TRUE(ended.ok()) << ended;
  EXPECT_THAT(first, HasSubstr("\"snapshot\":true"));
}

TEST_F(AgentServerTest, WhatOthersCanReachNeedsAToken) {
  AgentServer::Options open = Options();
  open.http = Endpoint::Parse("0.0.0.0:0").value();
  const absl::Status refused = AgentServer::Start(std::move(open)).status();
  EXPECT_EQ(CauseOf(refused), ErrorCause::kUsage);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--token-file"));

  AgentServer::Options grpc = Options();
  grpc.grpc = Endpoint::Parse("0.0.0.0:0").value();
  EXPECT_EQ(CauseOf(AgentServer::Start(std::move(grpc)).status()), ErrorCause::kUsage);

  folder_.Write("tokens", "a-token-that-is-long-enough\n");
  AgentServer::Options guarded = Options();
  guarded.http = Endpoint::Parse("0.0.0.0:0").value();
  guarded.token_file = folder_.Path("tokens");
  const auto server = AgentServer::Start(std::move(guarded));
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string watch =
      "GET /api/shoal.leecher.v1.DownloadsService/Watch HTTP/1.1\r\nHost: localhost\r\n"
      "Connection: close\r\n\r\n";
  EXPECT_THAT(Ask((*server)->http_port(), watch), StartsWith("HTTP/1.1 401 "));
}

TEST_F(AgentServerTest, SaysThatNoAgentIsThere) {
  const absl::Status missing = Call("List", "").status();
  EXPECT_TRUE(absl::IsUnavailable(missing));
  EXPECT_THAT(std::string(missing.message()), HasSubstr(socket_));
}

TEST_F(AgentServerTest, TakesOverASocketThatWasLeftAndNoOther) {
  {
    ASSERT_TRUE(AgentServer::Start(Options()).ok());
  }
  const auto server = AgentServer::Start(Options());
  ASSERT_TRUE(server.ok()) << server.status();
  AgentServer::Options second = Options();
  second.agent.state_folder = folder_.Path("other");
  EXPECT_TRUE(absl::IsUnavailable(AgentServer::Start(std::move(second)).status()));
  folder_.Write("file", "a person's own");
  AgentServer::Options file = Options();
  file.agent.state_folder = folder_.Path("third");
  file.unix_socket = folder_.Path("file");
  EXPECT_TRUE(absl::IsAlreadyExists(AgentServer::Start(std::move(file)).status()));
}

}  // namespace
}  // namespace shoal::leecher
