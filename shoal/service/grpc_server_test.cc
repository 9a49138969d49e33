#include "shoal/service/grpc_server.h"

#include <future>
#include <string>

#include "gmock/gmock.h"

#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/impl/codegen/server_callback_handlers.h"
#include "gtest/gtest.h"
#include "shoal/service/health_client.h"
#include "shoal/service/listener.h"
#include "shoal/service/loopback_client.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

grpc::ByteBuffer Bytes(const std::string& text) {
  const grpc::Slice slice(text);
  return {&slice, 1};
}

std::string Text(const grpc::ByteBuffer& bytes) {
  grpc::Slice slice;
  EXPECT_TRUE(bytes.DumpToSingleSlice(&slice).ok());
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

// A service of one unary method, by hand, so that no proto file is needed: answers who calls, or waits to be
// cancelled.
class PeerService final : public grpc::Service {
 public:
  PeerService() {
    AddMethod(new grpc::internal::RpcServiceMethod("/test.Peer/Who", grpc::internal::RpcMethod::NORMAL_RPC,
                                                   nullptr));
    MarkMethodCallback(0, new grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
                              [this](grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* reply) { return Who(context, request, reply); }));
  }

  std::future<void> waiting() { return waiting_.get_future(); }

 private:
  class Hanging final : public grpc::ServerUnaryReactor {
   public:
    void OnCancel() override { Finish(grpc::Status::CANCELLED); }
    void OnDone() override { delete this; }
  };

  grpc::ServerUnaryReactor* Who(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                grpc::ByteBuffer* reply) {
    if (Text(*request) == "hang") {
      waiting_.set_value();
      return new Hanging;
    }
    *reply = Bytes(context->peer());
    auto* const reactor = context->DefaultReactor();
    reactor->Finish(ToGrpc(absl::OkStatus()));
    return reactor;
  }

  std::promise<void> waiting_;
};

class GrpcServerTest : public ::testing::Test {
 protected:
  void Start(const std::string& listen = "127.0.0.1:0", uint32_t max_connections = 100) {
    GrpcServer::Options options;
    options.listen = *Endpoint::Parse(listen);
    options.max_connections = max_connections;
    options.max_message_bytes = 4096;
    options.service_names = {"test.Peer"};
    auto server = GrpcServer::Start(options, {&service_});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::string Target(const std::string& host = "127.0.0.1") const {
    return host + ":" + std::to_string(server_->port());
  }

  // One call over a connection of its own.
  static std::pair<grpc::Status, std::string> Call(const std::string& target, const std::string& method,
                                                   const std::string& request) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    grpc::GenericStub stub(grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    const grpc::ByteBuffer sent = Bytes(request);
    grpc::ByteBuffer reply;
    std::promise<grpc::Status> done;
    stub.UnaryCall(&context, method, {}, &sent, &reply,
                   [&](grpc::Status status) { done.set_value(std::move(status)); });
    const grpc::Status status = done.get_future().get();
    return {status, status.ok() ? Text(reply) : std::string()};
  }

  PeerService service_;
  std::unique_ptr<GrpcServer> server_;
};

TEST_F(GrpcServerTest, KnowsWhereACallComesFrom) {
  for (const char* listen : {"127.0.0.1:0", "0.0.0.0:0", "[::]:0"}) {
    Start(listen);
    const auto [status, peer] = Call(Target(), "/test.Peer/Who", "");
    ASSERT_TRUE(status.ok()) << status.error_message();
    const auto from = ParseGrpcPeer(peer);
    ASSERT_TRUE(from.ok()) << peer;
    EXPECT_EQ(from->ip.ToString(), "127.0.0.1") << listen;
    EXPECT_NE(from->port, 0);
  }
}

TEST_F(GrpcServerTest, KnowsWhereACallOverIpv6ComesFrom) {
  if (!Listener::Open(*Endpoint::Parse("[::1]:0")).ok()) GTEST_SKIP() << "no IPv6 here";
  Start("[::]:0");
  const auto [status, peer] = Call(Target("[::1]"), "/test.Peer/Who", "");
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_TRUE(ParseGrpcPeer(peer).ok()) << peer;
  EXPECT_EQ(ParseGrpcPeer(peer)->ip.ToString(), "::1");
}

TEST_F(GrpcServerTest, HealthFollowsSetServingAndStop) {
  Start();
  const HostPort address{"127.0.0.1", server_->port()};
  EXPECT_EQ(CheckHealth(address, absl::Seconds(60)).code(), absl::StatusCode::kUnavailable);
  server_->SetServing(true);
  EXPECT_TRUE(CheckHealth(address, absl::Seconds(60)).ok()) << CheckHealth(address, absl::Seconds(60));
  // HealthCheckRequest{service: "test.Peer"}.
  EXPECT_EQ(Call(Target(), "/grpc.health.v1.Health/Check", "\x0A\x09test.Peer").second, "\x08\x01");
  server_->SetServing(false);
  EXPECT_THAT(std::string(CheckHealth(address, absl::Seconds(60)).message()), HasSubstr("not serving"));
  server_->Stop(absl::ZeroDuration());
  EXPECT_EQ(CheckHealth(address, absl::Seconds(60)).code(), absl::StatusCode::kUnavailable);
}

TEST_F(GrpcServerTest, ReflectionAndChannelzAreThere) {
  Start();
  // GetServersRequest{}: the reply names at least one server.
  const auto [status, servers] = Call(Target(), "/grpc.channelz.v1.Channelz/GetServers", "");
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_FALSE(servers.empty());
  // A stream, called here as a unary method: found, which UNIMPLEMENTED would deny.
  const auto reflection = Call(Target(), "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                               std::string("\x3A\x01*", 3));
  EXPECT_NE(reflection.first.error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(GrpcServerTest, TooLargeAMessageIsRefused) {
  Start();
  EXPECT_EQ(Call(Target(), "/test.Peer/Who", std::string(5000, 'x')).first.error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Call(Target(), "/test.Peer/Who", std::string(4000, 'x')).first.ok());
}

TEST_F(GrpcServerTest, ConnectionsAreBoundedAndFreedAgain) {
  Start("127.0.0.1:0", 2);
  const LoopbackClient a(server_->port());
  LoopbackClient b(server_->port());
  a.ReadUntil(std::string(1, '\x04'));  // the server's SETTINGS frame: it has the connection
  b.ReadUntil(std::string(1, '\x04'));
  const LoopbackClient c(server_->port());
  EXPECT_EQ(c.ReadAll(), "") << "one too many is closed without a word";
  b.Close();
  // gRPC closes its end of b when it comes to it; until then, connections are refused.
  grpc::Status status;
  do {
    status = Call(Target(), "/test.Peer/Who", "").first;
  } while (status.error_code() == grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(GrpcServerTest, StopCancelsWhatDoesNotEndInTime) {
  Start();
  std::future<void> waiting = service_.waiting();
  auto call = std::async(std::launch::async, [&] { return Call(Target(), "/test.Peer/Who", "hang").first; });
  waiting.wait();
  server_->Stop(absl::Milliseconds(10));
  server_->Stop(absl::Seconds(100));
  EXPECT_FALSE(call.get().ok());
}

TEST_F(GrpcServerTest, ATakenPortIsUnavailable) {
  Start();
  GrpcServer::Options options;
  options.listen = {*IpAddress::Parse("127.0.0.1"), server_->port()};
  const auto second = GrpcServer::Start(options, {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(Target()));
}

TEST(GrpcConversionTest, StatusAndPeers) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_EQ(ToGrpc(absl::NotFoundError("x")).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ToGrpc(absl::NotFoundError("x")).error_message(), "x");
  EXPECT_EQ(ParseGrpcPeer("ipv4:192.0.2.7:4711")->ToString(), "192.0.2.7:4711");
  EXPECT_EQ(ParseGrpcPeer("ipv6:%5B2001:db8::1%5D:4711")->ToString(), "[2001:db8::1]:4711");
  EXPECT_EQ(ParseGrpcPeer("ipv6:[2001:db8::1]:4711")->ToString(), "[2001:db8::1]:4711");
  EXPECT_FALSE(ParseGrpcPeer("unix:/run/x").ok());
  EXPECT_FALSE(ParseGrpcPeer("").ok());
}

}  // namespace
}  // namespace shoal
