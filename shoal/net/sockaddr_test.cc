#include "shoal/net/sockaddr.h"

#include <gtest/gtest.h>

#include "shoal/base/file_descriptor.h"

namespace shoal::net {
namespace {

TEST(SockaddrTest, SurvivesConversionAndBack) {
  for (const char* text : {"192.0.2.7:4711", "[2001:db8::1]:1", "127.0.0.1:0", "[::]:65535", "0.0.0.0:80"}) {
    SCOPED_TRACE(text);
    const Endpoint endpoint = *Endpoint::Parse(text);
    const SocketAddress address = ToSocketAddress(endpoint);
    EXPECT_EQ(address.get()->sa_family, endpoint.ip.is_v4() ? AF_INET : AF_INET6);
    EXPECT_EQ(address.size, endpoint.ip.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    EXPECT_EQ(FromSocketAddress(address.storage), endpoint);
  }
}

TEST(SockaddrTest, MapsIpv4IntoIpv6AndBack) {
  const Endpoint endpoint = *Endpoint::Parse("192.0.2.7:4711");
  const SocketAddress address = ToV6SocketAddress(endpoint);
  EXPECT_EQ(address.get()->sa_family, AF_INET6);
  EXPECT_EQ(FromSocketAddress(address.storage), endpoint);
}

TEST(SockaddrTest, OtherFamiliesAreUnspecified) {
  sockaddr_storage storage{};
  storage.ss_family = AF_UNIX;
  EXPECT_EQ(FromSocketAddress(storage), Endpoint());
}

TEST(SockaddrTest, LocalPortOfABoundSocket) {
  const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(socket.valid());
  EXPECT_EQ(LocalPort(socket.get()), 0);
  const SocketAddress any = ToSocketAddress(*Endpoint::Parse("127.0.0.1:0"));
  ASSERT_EQ(bind(socket.get(), any.get(), any.size), 0);
  EXPECT_NE(LocalPort(socket.get()), 0);
  EXPECT_EQ(LocalPort(-1), 0);
}

}  // namespace
}  // namespace shoal::net
