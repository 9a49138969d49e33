#include "shoal/service/grpc/grpc_connections.h"

#include <sys/socket.h>

#include <utility>

#include "gtest/gtest.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/net/listener.h"
#include "shoal/net/sockaddr.h"

namespace shoal::service {
namespace {

// A connection of this process to itself.
struct Connected {
  FileDescriptor client;
  FileDescriptor server;
  Endpoint remote;  // the client's end
};

class GrpcConnectionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto listener = net::Listener::Open(*Endpoint::Parse("127.0.0.1:0"));
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
  }

  Connected Connect() {
    Connected connected;
    connected.client = FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const net::SocketAddress address = net::ToSocketAddress(Local());
    EXPECT_EQ(::connect(connected.client.get(), address.get(), address.size), 0);
    net::SocketAddress remote;
    remote.size = sizeof(remote.storage);
    // The client's end is connected, so the connection waits to be accepted.
    connected.server = FileDescriptor(::accept(listener_.socket.get(), remote.get(), &remote.size));
    EXPECT_TRUE(connected.server.valid());
    connected.remote = net::FromSocketAddress(remote.storage);
    return connected;
  }
  Endpoint Local() const { return {IpAddress::V4({127, 0, 0, 1}), listener_.port}; }

  net::Listener listener_;
};

TEST_F(GrpcConnectionsTest, FindsTheLocalEnd) {
  GrpcConnections connections(10);
  const Connected one = Connect();
  EXPECT_TRUE(absl::IsNotFound(connections.LocalOf(one.remote).status()));
  connections.Add(one.server.get());
  ASSERT_TRUE(connections.LocalOf(one.remote).ok());
  EXPECT_EQ(*connections.LocalOf(one.remote), Local());
}

TEST_F(GrpcConnectionsTest, ForgetsClosedConnectionsWhenThereAreTooMany) {
  GrpcConnections connections(2);
  Connected closed = Connect();
  const Connected open = Connect();
  connections.Add(closed.server.get());
  connections.Add(open.server.get());
  const Endpoint gone = closed.remote;
  closed.server.Close();
  const Connected next = Connect();
  connections.Add(next.server.get());
  EXPECT_TRUE(absl::IsNotFound(connections.LocalOf(gone).status()));
  EXPECT_TRUE(connections.LocalOf(open.remote).ok());
  EXPECT_TRUE(connections.LocalOf(next.remote).ok());
}

}  // namespace
}  // namespace shoal::service
