#include "shoal/net/transport/tls_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <string>
#include <thread>

#include "absl/strings/string_view.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/manual_clock.h"
#include "shoal/net/event_loop.h"
#include "tests/support/file_region.h"
#include "tests/support/raw_connection.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_certificates.h"

namespace shoal::net {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

// Two transports on a loop each, over one connection.
class TlsTransportTest : public ::testing::Test {
 protected:
  ~TlsTransportTest() override {
    End(client_loop_, client_);
    End(server_loop_, server_);
  }

  static void End(EventLoop& loop, std::unique_ptr<Transport>& transport) {
    loop.Post([&] {
      if (transport != nullptr) transport->Close();
    });
    loop.Stop();
  }
  template <typename T>
  static std::future<T> Begin(EventLoop& loop, boost::asio::awaitable<T> task) {
    return boost::asio::co_spawn(loop.context(), std::move(task), boost::asio::use_future);
  }
  // Of a literal, which outlives the writing.
  static ByteView Text(absl::string_view text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  }
  static void OnLoop(EventLoop& loop, const std::function<void()>& work) {
    std::promise<void> done;
    loop.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  std::future<absl::Status> BeginDial(std::shared_ptr<TlsContext> tls, uint16_t port) {
    client_ = TlsTransports(std::move(tls))->Dial(client_loop_, {IpAddress::V4({127, 0, 0, 1}), port});
    return Begin(client_loop_, client_->Open());
  }
  std::future<absl::Status> BeginAccept(std::shared_ptr<TlsContext> tls) {
    OnLoop(server_loop_,
           [&] { server_ = TlsTransports(std::move(tls))->Accept(server_loop_, listener_.AcceptSocket()); });
    return Begin(server_loop_, server_->Open());
  }
  void Connect(const std::shared_ptr<TlsContext>& client, const std::shared_ptr<TlsContext>& server) {
    auto dialled = BeginDial(client, listener_.port());
    auto accepted = BeginAccept(server);
    const absl::Status dial = dialled.get();
    ASSERT_TRUE(dial.ok()) << dial;
    const absl::Status accept = accepted.get();
    ASSERT_TRUE(accept.ok()) << accept;
  }
  void Connect() { Connect(certificates_.Context(), certificates_.Context()); }

  static std::string ReadExactly(EventLoop& loop, Transport& transport, size_t size) {
    std::string bytes;
    std::vector<uint8_t> buffer(100'000);
    while (bytes.size() < size) {
      const auto count =
          Begin(loop,
                transport.ReadSome(std::span(buffer).first(std::min(buffer.size(), size - bytes.size()))))
              .get();
      if (!count.ok()) {
        ADD_FAILURE() << count.status();
        break;
      }
      bytes.append(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*count));
    }
    return bytes;
  }
  static absl::Status ReadFailure(EventLoop& loop, Transport& transport) {
    std::array<uint8_t, 16> buffer;
    return Begin(loop, transport.ReadSome(buffer)).get().status();
  }

  const TestCertificates certificates_;
  RawListener listener_;
  EventLoop client_loop_{"client"};
  EventLoop server_loop_{"server"};
  std::unique_ptr<Transport> client_;
  std::unique_ptr<Transport> server_;
};

TEST_F(TlsTransportTest, CarriesBytesBothWaysAtTheSameTime) {
  Connect();
  const std::string up = SampleBytes(3'000'000, 1);
  const std::string down = SampleBytes(5'000'000, 2);
  auto write_up = Begin(client_loop_, client_->Write(AsBytes(up)));
  auto write_down = Begin(server_loop_, server_->Write(AsBytes(down)));
  auto read_up =
      std::async(std::launch::async, [&] { return ReadExactly(server_loop_, *server_, up.size()); });
  EXPECT_TRUE(ReadExactly(client_loop_, *client_, down.size()) == down);
  EXPECT_TRUE(read_up.get() == up);
  EXPECT_TRUE(write_up.get().ok());
  EXPECT_TRUE(write_down.get().ok());
  EXPECT_GT(client_->sent_bytes(), up.size());
  EXPECT_EQ(client_->sent_bytes(), server_->received_bytes());
  EXPECT_EQ(server_->sent_bytes(), client_->received_bytes());
  EXPECT_EQ(client_->remote().port, listener_.port());
}

TEST_F(TlsTransportTest, SendsARegionAfterItsHeader) {
  Connect();
  const std::string bytes = SampleBytes(9'000'000, 3);
  const RegionFile file(bytes);
  const std::string header = "a header";
  for (const uint32_t size : {0u, 1u, 16'384u, 65'536u, 65'537u, 4'000'000u}) {
    const FileRegion region = file.Region(1'000'000, size);
    auto written = Begin(server_loop_, server_->WriteRegion(AsBytes(header), region));
    EXPECT_TRUE(ReadExactly(client_loop_, *client_, header.size() + size) ==
                header + bytes.substr(1'000'000, size))
        << size;
    EXPECT_TRUE(written.get().ok());
  }
}

TEST_F(TlsTransportTest, AFileThatIsTooShortIsFilledUpAndAFailedPrecondition) {
  Connect();
  const RegionFile file(std::string(100'000, 'x'));
  file.Truncate(90'000);
  const FileRegion region = file.Region(0, 100'000);
  auto written = Begin(server_loop_, server_->WriteRegion({}, region));
  EXPECT_EQ(ReadExactly(client_loop_, *client_, 100'000),
            std::string(90'000, 'x') + std::string(10'000, '\0'));
  EXPECT_EQ(written.get().code(), absl::StatusCode::kFailedPrecondition);
  auto next = Begin(server_loop_, server_->Write(Text("next")));
  EXPECT_EQ(ReadExactly(client_loop_, *client_, 4), "next");
  EXPECT_TRUE(next.get().ok());
}

TEST_F(TlsTransportTest, EndWritingEndsThePeersReadingOnly) {
  Connect();
  OnLoop(client_loop_, [&] { client_->EndWriting(); });
  EXPECT_THAT(std::string(ReadFailure(server_loop_, *server_).message()), HasSubstr("closed by the peer"));
  auto written = Begin(server_loop_, server_->Write(Text("still heard")));
  EXPECT_EQ(ReadExactly(client_loop_, *client_, 11), "still heard");
  EXPECT_TRUE(written.get().ok());
}

TEST_F(TlsTransportTest, CloseEndsPendingCalls) {
  Connect();
  std::array<uint8_t, 16> buffer;
  auto reading = Begin(client_loop_, client_->ReadSome(buffer));
  const std::string much(50'000'000, 'x');
  auto writing = Begin(client_loop_, client_->Write(AsBytes(much)));
  OnLoop(client_loop_, [&] { client_->Close(); });
  EXPECT_EQ(reading.get().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(writing.get().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Begin(client_loop_, client_->Write(AsBytes(much))).get().code(), absl::StatusCode::kCancelled);
}

TEST_F(TlsTransportTest, APeerOfAnotherAuthorityIsRefusedByBothEnds) {
  const TestCertificates others;
  auto dialled = BeginDial(others.Context(), listener_.port());
  auto accepted = BeginAccept(certificates_.Context());
  EXPECT_THAT(std::string(dialled.get().message()), HasSubstr("the peer's certificate is not accepted"));
  EXPECT_THAT(std::string(accepted.get().message()),
              HasSubstr("does not accept the certificate of --tls-cert"));
}

TEST_F(TlsTransportTest, AClientOfAnotherAuthorityLearnsItFromItsFirstRead) {
  const TestCertificates others;
  TlsFiles files = others.files();
  files.authorities = certificates_.files().authorities;
  auto dialled = BeginDial(TestCertificates::Context(files), listener_.port());
  auto accepted = BeginAccept(certificates_.Context());
  EXPECT_THAT(std::string(accepted.get().message()), HasSubstr("the peer's certificate is not accepted"));
  EXPECT_TRUE(dialled.get().ok());
  EXPECT_THAT(std::string(ReadFailure(client_loop_, *client_).message()),
              HasSubstr("does not accept the certificate of --tls-cert"));
}

TEST_F(TlsTransportTest, AClientWithoutACertificateIsRefused) {
  auto dialled =
      BeginDial(TestCertificates::Context({"", "", certificates_.files().authorities}), listener_.port());
  auto accepted = BeginAccept(certificates_.Context());
  EXPECT_THAT(std::string(accepted.get().message()), HasSubstr("showed no certificate"));
  EXPECT_TRUE(dialled.get().ok());
  EXPECT_THAT(std::string(ReadFailure(client_loop_, *client_).message()), HasSubstr("certificate required"));
}

TEST_F(TlsTransportTest, APlainClientIsRefused) {
  RawConnection client = RawConnection::To(listener_.port());
  auto accepted = BeginAccept(certificates_.Context());
  ASSERT_TRUE(client.Send(std::string(64, 'S')));
  EXPECT_THAT(std::string(accepted.get().message()), HasSubstr("speaks no TLS"));
}

TEST_F(TlsTransportTest, APlainServerIsNamed) {
  auto dialled = BeginDial(certificates_.Context(), listener_.port());
  RawConnection server = listener_.Accept();
  ASSERT_TRUE(server.Send(std::string(64, 'S')));
  EXPECT_THAT(std::string(dialled.get().message()), HasSubstr("speaks no TLS"));
}

TEST_F(TlsTransportTest, AServerThatHangsUpIsAskedForTls) {
  auto dialled = BeginDial(certificates_.Context(), listener_.port());
  RawConnection server = listener_.Accept();
  EXPECT_FALSE(server.Read(50).empty());
  server.Close();
  EXPECT_EQ(dialled.get().code(), absl::StatusCode::kUnavailable);
}

TEST_F(TlsTransportTest, AHandshakeThatStopsHalfwayEndsWithClose) {
  RawConnection client = RawConnection::To(listener_.port());
  auto accepted = BeginAccept(certificates_.Context());
  ASSERT_TRUE(client.Send(std::string("\x16\x03\x01\x02\x00\x01", 6)));
  OnLoop(server_loop_, [&] { server_->Close(); });
  EXPECT_EQ(accepted.get().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(client.ReadToEnd());
}

TEST_F(TlsTransportTest, ARecordThatWasChangedOnTheWayBreaksTheConnection) {
  // A relay between both, which passes all on until it is told to change the next byte.
  RawListener front;
  auto dialled = BeginDial(certificates_.Context(), front.port());
  const FileDescriptor to_client = front.AcceptSocket();
  FileDescriptor to_server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const SocketAddress address = RawConnection::Loopback(listener_.port());
  ASSERT_EQ(::connect(to_server.get(), address.get(), address.size), 0);
  std::atomic<bool> change = false;
  const auto relay = [&change](int from, int to) {
    std::array<char, 4096> bytes;
    for (ssize_t size; (size = ::recv(from, bytes.data(), bytes.size(), 0)) > 0;) {
      if (change) bytes[static_cast<size_t>(size) - 1] ^= 1;
      if (::send(to, bytes.data(), static_cast<size_t>(size), MSG_NOSIGNAL) < 0) break;
    }
    ::shutdown(to, SHUT_WR);
  };
  std::thread up([&] { relay(to_client.get(), to_server.get()); });
  std::thread down([&] { relay(to_server.get(), to_client.get()); });
  auto accepted = BeginAccept(certificates_.Context());
  EXPECT_TRUE(dialled.get().ok());
  EXPECT_TRUE(accepted.get().ok());
  auto first = Begin(server_loop_, server_->Write(Text("right")));
  EXPECT_EQ(ReadExactly(client_loop_, *client_, 5), "right");
  EXPECT_TRUE(first.get().ok());
  change = true;
  auto second = Begin(server_loop_, server_->Write(Text("wrong")));
  const absl::Status broken = ReadFailure(client_loop_, *client_);
  EXPECT_EQ(broken.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(broken.message()), AnyOf(HasSubstr("mac"), HasSubstr("decryption")));
  EXPECT_TRUE(second.get().ok());
  OnLoop(client_loop_, [&] { client_->Close(); });
  OnLoop(server_loop_, [&] { server_->Close(); });
  up.join();
  down.join();
}

TEST_F(TlsTransportTest, ARunningConnectionOutlivesItsCertificate) {
  ManualClock clock;
  TlsContext::Options options;
  options.clock = &clock;
  const auto context = certificates_.Context(options);
  Connect(context, context);
  const TestCertificates others;
  certificates_.TakeOver(others);
  clock.Advance(absl::Seconds(10));
  std::unique_ptr<Transport> old_client = std::move(client_);
  std::unique_ptr<Transport> old_server = std::move(server_);
  Connect(context, others.Context());
  auto written = Begin(server_loop_, old_server->Write(Text("as before")));
  EXPECT_EQ(ReadExactly(client_loop_, *old_client, 9), "as before");
  EXPECT_TRUE(written.get().ok());
  OnLoop(client_loop_, [&] { old_client.reset(); });
  OnLoop(server_loop_, [&] { old_server.reset(); });
}

}  // namespace
}  // namespace shoal::net
