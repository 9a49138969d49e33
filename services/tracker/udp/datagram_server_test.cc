#include "services/tracker/udp/datagram_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/net/sockaddr.h"

namespace shoal::tracker {
namespace {

using ::testing::HasSubstr;

// A socket connected to a port of this machine, over IPv4 or IPv6.
class Client {
 public:
  explicit Client(uint16_t port, int family = AF_INET, const char* v4_address = "127.0.0.1")
      : fd_(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const absl::StatusOr<IpAddress> ip = IpAddress::Parse(family == AF_INET ? v4_address : "::1");
    const net::SocketAddress address = net::ToSocketAddress({*ip, port});
    connected_ = ::connect(fd_.get(), address.get(), address.size) == 0;
  }

  bool connected() const { return connected_; }
  bool Send(const std::string& datagram) const {
    return ::send(fd_.get(), datagram.data(), datagram.size(), 0) == static_cast<ssize_t>(datagram.size());
  }
  std::string Receive() const {
    std::string datagram(4096, '\0');
    const ssize_t size = ::recv(fd_.get(), datagram.data(), datagram.size(), 0);
    datagram.resize(size < 0 ? 0 : static_cast<size_t>(size));
    return datagram;
  }

 private:
  const FileDescriptor fd_;
  bool connected_ = false;
};

DatagramServer::Options Loopback(uint32_t sockets = 1) {
  DatagramServer::Options options;
  options.listen = {IpAddress::V4({127, 0, 0, 1}), 0};
  options.sockets = sockets;
  return options;
}

// Answers each datagram with the result of `one`; an empty string is no response.
class OneByOne final : public DatagramHandler {
 public:
  using One = std::function<std::string(ByteView datagram, const Endpoint& source)>;
  explicit OneByOne(One one) : one_(std::move(one)) {}

  void Answer(std::span<IncomingDatagram> batch, bool) const override {
    for (IncomingDatagram& datagram : batch) {
      const std::string response = one_(datagram.bytes, datagram.source);
      std::copy(response.begin(), response.end(), datagram.room.begin());
      datagram.response_bytes = response.size();
    }
  }

 private:
  const One one_;
};

const OneByOne kEcho([](ByteView datagram, const Endpoint&) {
  return std::string(datagram.begin(), datagram.end());
});
const OneByOne kSourceAddress([](ByteView, const Endpoint& source) { return source.ip.ToString(); });

// Answers with the address at which a datagram arrived.
class LocalAddressHandler final : public DatagramHandler {
 public:
  void Answer(std::span<IncomingDatagram> batch, bool) const override {
    for (IncomingDatagram& datagram : batch) {
      const std::string local = datagram.local.ToString();
      std::copy(local.begin(), local.end(), datagram.room.begin());
      datagram.response_bytes = local.size();
    }
  }
};

TEST(DatagramServerTest, AnswersFromWhicheverSocketTheKernelChooses) {
  const auto server = DatagramServer::Start(Loopback(3), &kEcho);
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_NE((*server)->port(), 0);
  for (int i = 0; i < 30; ++i) {
    const Client client((*server)->port());
    ASSERT_TRUE(client.Send("hello " + std::to_string(i)));
    EXPECT_EQ(client.Receive(), "hello " + std::to_string(i));
  }
}

TEST(DatagramServerTest, EachOfManyGetsItsOwnResponse) {
  const auto server = DatagramServer::Start(Loopback(), &kEcho);
  ASSERT_TRUE(server.ok()) << server.status();
  const Client client((*server)->port());
  std::set<std::string> expected;
  for (int i = 0; i < 150; ++i) {
    expected.insert(std::to_string(i));
    ASSERT_TRUE(client.Send(std::to_string(i)));
  }
  std::set<std::string> answers;
  for (int i = 0; i < 150; ++i) answers.insert(client.Receive());
  EXPECT_EQ(answers, expected);
}

TEST(DatagramServerTest, NamesTheSourceOfADatagram) {
  const auto server = DatagramServer::Start(Loopback(), &kSourceAddress);
  ASSERT_TRUE(server.ok()) << server.status();
  const Client client((*server)->port());
  ASSERT_TRUE(client.Send("who am I?"));
  EXPECT_EQ(client.Receive(), "127.0.0.1");
}

TEST(DatagramServerTest, EmptyResponsesAndTruncatedDatagramsAreNotSent) {
  const OneByOne handler([](ByteView datagram, const Endpoint&) {
    if (datagram.empty()) return std::string("cut off");
    return datagram[0] == 'q' ? std::string() : std::string("response");
  });
  const auto server = DatagramServer::Start(Loopback(), &handler);
  ASSERT_TRUE(server.ok()) << server.status();
  const Client client((*server)->port());
  ASSERT_TRUE(client.Send("quiet"));
  ASSERT_TRUE(client.Send("loud"));
  EXPECT_EQ(client.Receive(), "response");
  ASSERT_TRUE(client.Send(std::string(5000, 'x')));
  EXPECT_EQ(client.Receive(), "cut off");
}

TEST(DatagramServerTest, AnAddressInUseIsAnErrorThatNamesIt) {
  const auto first = DatagramServer::Start(Loopback(2), &kEcho);
  ASSERT_TRUE(first.ok()) << first.status();
  DatagramServer::Options options = Loopback(2);
  options.listen.port = (*first)->port();
  const auto second = DatagramServer::Start(options, &kEcho);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(options.listen.ToString()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use"));
  (*first)->Stop();
  EXPECT_TRUE(DatagramServer::Start(options, &kEcho).ok());
}

TEST(DatagramServerTest, BothFamiliesOnOneSocket) {
  DatagramServer::Options options;
  options.listen = {IpAddress(), 0};  // "::"
  const auto server = DatagramServer::Start(options, &kSourceAddress);
  if (!server.ok()) GTEST_SKIP() << "this machine has no IPv6: " << server.status();
  const Client v4((*server)->port());
  ASSERT_TRUE(v4.Send("x"));
  EXPECT_EQ(v4.Receive(), "127.0.0.1");
  const Client v6((*server)->port(), AF_INET6);
  if (!v6.connected()) GTEST_SKIP() << "this machine has no IPv6 loopback";
  ASSERT_TRUE(v6.Send("x"));
  EXPECT_EQ(v6.Receive(), "::1");
}

TEST(DatagramServerTest, AnUnspecifiedIpv4AddressTakesBothFamiliesToo) {
  DatagramServer::Options options;
  options.listen = {IpAddress::V4({0, 0, 0, 0}), 0};
  const auto server = DatagramServer::Start(options, &kSourceAddress);
  ASSERT_TRUE(server.ok()) << server.status();
  const Client v4((*server)->port());
  ASSERT_TRUE(v4.Send("x"));
  EXPECT_EQ(v4.Receive(), "127.0.0.1");
  const Client v6((*server)->port(), AF_INET6);
  if (!v6.connected()) GTEST_SKIP() << "this machine has no IPv6 loopback";
  ASSERT_TRUE(v6.Send("x"));
  EXPECT_EQ(v6.Receive(), "::1");
}

TEST(DatagramServerTest, TellsWhereADatagramArrivesAndAnswersFromThere) {
  const LocalAddressHandler handler;
  for (const IpAddress& listen : {IpAddress(), IpAddress::V4({127, 0, 0, 1})}) {
    DatagramServer::Options options;
    options.listen = {listen, 0};
    const auto server = DatagramServer::Start(options, &handler);
    ASSERT_TRUE(server.ok()) << server.status();
    const Client v4((*server)->port());
    ASSERT_TRUE(v4.Send("x"));
    EXPECT_EQ(v4.Receive(), "127.0.0.1");
    if (!listen.is_unspecified()) continue;
    // A connected socket takes a response from no other address than the one it sent to.
    const Client other((*server)->port(), AF_INET, "127.0.0.2");
    ASSERT_TRUE(other.Send("x"));
    EXPECT_EQ(other.Receive(), "127.0.0.2");
    const Client v6((*server)->port(), AF_INET6);
    if (!v6.connected()) GTEST_SKIP() << "this machine has no IPv6 loopback";
    ASSERT_TRUE(v6.Send("x"));
    EXPECT_EQ(v6.Receive(), "::1");
  }
}

TEST(DatagramServerTest, FilteredDatagramsNeverArrive) {
  // Keeps what begins with 'k'.
  static constexpr sock_filter kFilter[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'k', 0, 1),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  DatagramServer::Options options = Loopback();
  options.filter = kFilter;
  const auto server = DatagramServer::Start(options, &kEcho);
  ASSERT_TRUE(server.ok()) << server.status();
  const Client client((*server)->port());
  ASSERT_TRUE(client.Send("drop"));
  ASSERT_TRUE(client.Send("keep"));
  EXPECT_EQ(client.Receive(), "keep");
}

TEST(DatagramServerTest, StopsTwice) {
  const auto server = DatagramServer::Start(Loopback(2), &kEcho);
  ASSERT_TRUE(server.ok()) << server.status();
  (*server)->Stop();
  (*server)->Stop();
}

}  // namespace
}  // namespace shoal::tracker
