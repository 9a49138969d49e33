#include "shoal/net/transport/tls_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/tls.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <string>

#include "absl/strings/string_view.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/manual_clock.h"
#include "shoal/net/event_loop.h"
#include "tests/support/fake_kernel_tls.h"
#include "tests/support/file_region.h"
#include "tests/support/raw_connection.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_certificates.h"

namespace shoal::net {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kSmallBuffer = 4096;

// Where what is sent is encrypted.
enum class Encrypting { kProcess, kThisKernel, kFakeKernel };

// Two transports on a loop each, over one connection.
class TlsTransportTest : public ::testing::TestWithParam<Encrypting> {
 protected:
  TlsTransportTest() { MeetKernels(); }
  ~TlsTransportTest() override {
    End(client_loop_, client_);
    End(server_loop_, server_);
  }

  // The kernel below a transport that is made later.
  struct Side {
    std::shared_ptr<Transport*> transport = std::make_shared<Transport*>(nullptr);
    std::shared_ptr<FakeKernelTls> fake =
        std::make_shared<FakeKernelTls>([made = transport] { return (*made)->sent_bytes(); });
  };
  void MeetKernels() {
    client_side_ = {};
    server_side_ = {};
    if (GetParam() != Encrypting::kProcess) return;
    client_side_.fake->BeUnavailable();
    server_side_.fake->BeUnavailable();
  }
  static std::shared_ptr<const TransportFactory> Transports(std::shared_ptr<TlsContext> tls,
                                                            const Side& side) {
    return GetParam() == Encrypting::kThisKernel ? TlsTransports(std::move(tls))
                                                 : TlsTransports(std::move(tls), side.fake);
  }
  static bool kernel_encrypts() {
    return GetParam() == Encrypting::kFakeKernel ||
           (GetParam() == Encrypting::kThisKernel && SystemKernelTls()->available());
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
  // Returns the port that leads to listener_.
  uint16_t PortOfRelay() {
    relays_.push_back(std::make_unique<TlsRelay>(listener_.port(), client_side_.fake, server_side_.fake));
    return relays_.back()->port();
  }
  std::future<absl::Status> BeginDial(std::shared_ptr<TlsContext> tls) {
    const uint16_t port = GetParam() == Encrypting::kFakeKernel ? PortOfRelay() : listener_.port();
    return BeginDial(std::move(tls), port);
  }
  std::future<absl::Status> BeginDial(std::shared_ptr<TlsContext> tls, uint16_t port) {
    client_ =
        Transports(std::move(tls), client_side_)->Dial(client_loop_, {IpAddress::V4({127, 0, 0, 1}), port});
    *client_side_.transport = client_.get();
    return Begin(client_loop_, client_->Open());
  }
  std::future<absl::Status> BeginAccept(std::shared_ptr<TlsContext> tls) {
    return BeginAccept(std::move(tls), listener_.AcceptSocket());
  }
  std::future<absl::Status> BeginAccept(std::shared_ptr<TlsContext> tls, FileDescriptor socket) {
    OnLoop(server_loop_, [&] {
      server_ = Transports(std::move(tls), server_side_)->Accept(server_loop_, std::move(socket));
    });
    *server_side_.transport = server_.get();
    return Begin(server_loop_, server_->Open());
  }
  void Connect(const std::shared_ptr<TlsContext>& client, const std::shared_ptr<TlsContext>& server) {
    auto dialled = BeginDial(client);
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
  std::vector<std::unique_ptr<TlsRelay>> relays_;
  Side client_side_;
  Side server_side_;
  EventLoop client_loop_{"client"};
  EventLoop server_loop_{"server"};
  std::unique_ptr<Transport> client_;
  std::unique_ptr<Transport> server_;
};

TEST_P(TlsTransportTest, CarriesBytesBothWaysAtTheSameTime) {
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
  if (kernel_encrypts()) {
    EXPECT_LT(client_->sent_bytes(), server_->received_bytes());
    EXPECT_LT(server_->sent_bytes(), client_->received_bytes());
  } else {
    EXPECT_EQ(client_->sent_bytes(), server_->received_bytes());
    EXPECT_EQ(server_->sent_bytes(), client_->received_bytes());
  }
}

TEST_P(TlsTransportTest, SendsARegionAfterItsHeader) {
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
  EXPECT_EQ(client_->remote().port, relays_.empty() ? listener_.port() : relays_.back()->port());
}

TEST_P(TlsTransportTest, AFileThatIsTooShortIsFilledUpAndAFailedPrecondition) {
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

TEST_P(TlsTransportTest, EndWritingEndsThePeersReadingOnly) {
  Connect();
  OnLoop(client_loop_, [&] { client_->EndWriting(); });
  EXPECT_THAT(std::string(ReadFailure(server_loop_, *server_).message()), HasSubstr("closed by the peer"));
  auto written = Begin(server_loop_, server_->Write(Text("still heard")));
  EXPECT_EQ(ReadExactly(client_loop_, *client_, 11), "still heard");
  EXPECT_TRUE(written.get().ok());
}

TEST_P(TlsTransportTest, CloseEndsPendingCalls) {
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

TEST_P(TlsTransportTest, APeerOfAnotherAuthorityIsRefusedByBothEnds) {
  const TestCertificates others;
  auto dialled = BeginDial(others.Context());
  auto accepted = BeginAccept(certificates_.Context());
  EXPECT_THAT(std::string(dialled.get().message()), HasSubstr("the peer's certificate is not accepted"));
  EXPECT_THAT(std::string(accepted.get().message()),
              HasSubstr("does not accept the certificate of --tls-cert"));
}

TEST_P(TlsTransportTest, AClientOfAnotherAuthorityLearnsItFromItsFirstRead) {
  const TestCertificates others;
  TlsFiles files = others.files();
  files.authorities = certificates_.files().authorities;
  auto dialled = BeginDial(TestCertificates::Context(files));
  auto accepted = BeginAccept(certificates_.Context());
  EXPECT_THAT(std::string(accepted.get().message()), HasSubstr("the peer's certificate is not accepted"));
  EXPECT_TRUE(dialled.get().ok());
  EXPECT_THAT(std::string(ReadFailure(client_loop_, *client_).message()),
              HasSubstr("does not accept the certificate of --tls-cert"));
}

TEST_P(TlsTransportTest, AClientWithoutACertificateIsRefused) {
  auto dialled = BeginDial(TestCertificates::Context({"", "", certificates_.files().authorities}));
  auto accepted = BeginAccept(certificates_.Context());
  EXPECT_THAT(std::string(accepted.get().message()), HasSubstr("showed no certificate"));
  EXPECT_TRUE(dialled.get().ok());
  EXPECT_THAT(std::string(ReadFailure(client_loop_, *client_).message()), HasSubstr("certificate required"));
}

TEST_P(TlsTransportTest, APlainClientIsRefused) {
  RawConnection client = RawConnection::To(listener_.port());
  auto accepted = BeginAccept(certificates_.Context());
  ASSERT_TRUE(client.Send(std::string(64, 'S')));
  EXPECT_THAT(std::string(accepted.get().message()), HasSubstr("speaks no TLS"));
}

TEST_P(TlsTransportTest, APlainServerIsNamed) {
  auto dialled = BeginDial(certificates_.Context());
  RawConnection server = listener_.Accept();
  ASSERT_TRUE(server.Send(std::string(64, 'S')));
  EXPECT_THAT(std::string(dialled.get().message()), HasSubstr("speaks no TLS"));
}

TEST_P(TlsTransportTest, AServerThatHangsUpIsAskedForTls) {
  auto dialled = BeginDial(certificates_.Context());
  RawConnection server = listener_.Accept();
  EXPECT_FALSE(server.Read(50).empty());
  server.Close();
  EXPECT_EQ(dialled.get().code(), absl::StatusCode::kUnavailable);
}

TEST_P(TlsTransportTest, AHandshakeThatStopsHalfwayEndsWithClose) {
  RawConnection client = RawConnection::To(listener_.port());
  auto accepted = BeginAccept(certificates_.Context());
  ASSERT_TRUE(client.Send(std::string("\x16\x03\x01\x02\x00\x01", 6)));
  OnLoop(server_loop_, [&] { server_->Close(); });
  EXPECT_EQ(accepted.get().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(client.ReadToEnd());
}

TEST_P(TlsTransportTest, ARecordThatWasChangedOnTheWayBreaksTheConnection) {
  auto dialled = BeginDial(certificates_.Context(), PortOfRelay());
  auto accepted = BeginAccept(certificates_.Context());
  EXPECT_TRUE(dialled.get().ok());
  EXPECT_TRUE(accepted.get().ok());
  auto first = Begin(server_loop_, server_->Write(Text("right")));
  EXPECT_EQ(ReadExactly(client_loop_, *client_, 5), "right");
  EXPECT_TRUE(first.get().ok());
  relays_.back()->Break();
  auto second = Begin(server_loop_, server_->Write(Text("wrong")));
  const absl::Status broken = ReadFailure(client_loop_, *client_);
  EXPECT_EQ(broken.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(broken.message()), AnyOf(HasSubstr("mac"), HasSubstr("decryption")));
  EXPECT_TRUE(second.get().ok());
}

TEST_P(TlsTransportTest, ARunningConnectionOutlivesItsCertificate) {
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
  MeetKernels();
  Connect(context, others.Context());
  auto written = Begin(server_loop_, old_server->Write(Text("as before")));
  EXPECT_EQ(ReadExactly(client_loop_, *old_client, 9), "as before");
  EXPECT_TRUE(written.get().ok());
  OnLoop(client_loop_, [&] { old_client.reset(); });
  OnLoop(server_loop_, [&] { old_server.reset(); });
}

// A client that does what no TlsTransport does. Blocks.
class OpenSslClient {
 public:
  OpenSslClient(uint16_t port, TlsContext& tls) : ssl_(SSL_new(tls.Current()->context.get()), &SSL_free) {
    const SocketAddress address = RawConnection::Loopback(port);
    EXPECT_EQ(::connect(socket_.get(), address.get(), address.size), 0);
    SSL_set_fd(ssl_.get(), socket_.get());
  }
  bool Connect() { return SSL_connect(ssl_.get()) == 1; }
  // Changes the own keys, and asks the peer to do the same if `theirs_too`.
  bool ChangeKeys(bool theirs_too) {
    return SSL_key_update(ssl_.get(), theirs_too ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED) ==
               1 &&
           SSL_do_handshake(ssl_.get()) == 1;
  }
  bool Send(const std::string& bytes) {
    return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) ==
           static_cast<int>(bytes.size());
  }
  std::string Read(size_t size) {
    std::string bytes(size, '\0');
    const int count = SSL_read(ssl_.get(), bytes.data(), static_cast<int>(size));
    bytes.resize(static_cast<size_t>(std::max(count, 0)));
    return bytes;
  }

 private:
  FileDescriptor socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

TEST_P(TlsTransportTest, APeerMayChangeItsKeys) {
  OpenSslClient client(PortOfRelay(), *certificates_.Context());
  auto connected = std::async(std::launch::async, [&] { return client.Connect(); });
  EXPECT_TRUE(BeginAccept(certificates_.Context()).get().ok());
  ASSERT_TRUE(connected.get());
  EXPECT_TRUE(client.ChangeKeys(false) && client.Send("after it"));
  EXPECT_EQ(ReadExactly(server_loop_, *server_, 8), "after it");
  EXPECT_TRUE(Begin(server_loop_, server_->Write(Text("answer"))).get().ok());
  EXPECT_EQ(client.Read(6), "answer");
}

TEST_P(TlsTransportTest, APeerThatAsksForNewKeysGetsThemOrIsLeft) {
  OpenSslClient client(PortOfRelay(), *certificates_.Context());
  auto connected = std::async(std::launch::async, [&] { return client.Connect(); });
  EXPECT_TRUE(BeginAccept(certificates_.Context()).get().ok());
  ASSERT_TRUE(connected.get());
  EXPECT_TRUE(client.ChangeKeys(true) && client.Send("after it"));
  if (kernel_encrypts()) {
    const absl::Status why =
        absl::UnavailableError("the peer asked for new TLS keys, which the kernel can't change");
    EXPECT_EQ(ReadFailure(server_loop_, *server_), why);
    EXPECT_EQ(Begin(server_loop_, server_->Write(Text("answer"))).get(), why);
    EXPECT_THAT(server_side_.fake->record_types(), IsEmpty());
  } else {
    EXPECT_EQ(ReadExactly(server_loop_, *server_, 8), "after it");
    EXPECT_TRUE(Begin(server_loop_, server_->Write(Text("answer"))).get().ok());
    EXPECT_EQ(client.Read(6), "answer");
  }
}

// What a kernel is asked for, and what becomes of a connection when it refuses.
class KernelTlsTransportTest : public TlsTransportTest {
 protected:
  std::shared_ptr<TlsContext> ContextWith(const char* cipher_suite) const {
    auto tls = certificates_.Context();
    EXPECT_EQ(SSL_CTX_set_ciphersuites(tls->Current()->context.get(), cipher_suite), 1);
    return tls;
  }
  // Sends frames, regions and the end both ways, and checks what arrives.
  void Transfer() {
    Transfer(client_loop_, *client_, server_loop_, *server_);
    Transfer(server_loop_, *server_, client_loop_, *client_);
  }
  static void Transfer(EventLoop& from_loop, Transport& from, EventLoop& to_loop, Transport& to) {
    const std::string frame = SampleBytes(100, 1);
    const std::string bytes = SampleBytes(1'000'000, 2);
    const RegionFile file(bytes);
    for (const uint32_t size : {900'000u, 1u, 0u, 16'384u}) {
      const FileRegion region = file.Region(1'000, size);
      auto sent = Begin(from_loop, from.Write(AsBytes(frame)));
      EXPECT_EQ(ReadExactly(to_loop, to, frame.size()), frame);
      EXPECT_TRUE(sent.get().ok());
      sent = Begin(from_loop, from.WriteRegion(AsBytes(frame), region));
      EXPECT_TRUE(ReadExactly(to_loop, to, frame.size() + size) == frame + bytes.substr(1'000, size));
      EXPECT_TRUE(sent.get().ok());
    }
    OnLoop(from_loop, [&] { from.EndWriting(); });
    EXPECT_EQ(ReadFailure(to_loop, to), absl::UnavailableError("closed by the peer"));
  }
};

TEST_P(KernelTlsTransportTest, TheKernelEncryptsAtBothEndsWithEachCipher) {
  for (const auto& [suite, cipher] :
       {std::pair("TLS_AES_128_GCM_SHA256", TLS_CIPHER_AES_GCM_128),
        std::pair("TLS_AES_256_GCM_SHA384", TLS_CIPHER_AES_GCM_256),
        std::pair("TLS_CHACHA20_POLY1305_SHA256", TLS_CIPHER_CHACHA20_POLY1305)}) {
    SCOPED_TRACE(suite);
    MeetKernels();
    Connect(ContextWith(suite), certificates_.Context());
    Transfer();
    for (const Side& side : {client_side_, server_side_}) {
      EXPECT_EQ(side.fake->keys_offered(), 1);
      EXPECT_EQ(side.fake->cipher(), cipher);
      EXPECT_THAT(side.fake->record_types(), ElementsAre(SSL3_RT_ALERT));  // close_notify
    }
    OnLoop(client_loop_, [&] { client_.reset(); });
    OnLoop(server_loop_, [&] { server_.reset(); });
  }
}

TEST_P(KernelTlsTransportTest, OneEndWithoutSuchAKernelDoesNotMatter) {
  client_side_.fake->BeUnavailable();
  Connect();
  Transfer();
  EXPECT_EQ(client_side_.fake->keys_offered(), 0);
  EXPECT_EQ(server_side_.fake->cipher(), TLS_CIPHER_AES_GCM_128);
}

TEST_P(KernelTlsTransportTest, AKernelThatRefusesTheKeysLeavesEncryptionToTheProcess) {
  client_side_.fake->RefuseKeys();
  server_side_.fake->RefuseKeys();
  Connect();
  Transfer();
  for (const Side& side : {client_side_, server_side_}) {
    EXPECT_EQ(side.fake->keys_offered(), 1);
    EXPECT_EQ(side.fake->cipher(), 0);
    EXPECT_THAT(side.fake->record_types(), IsEmpty());
  }
}

TEST_P(KernelTlsTransportTest, AHandshakeThatHasNotLeftYetKeepsTheKeys) {
  // A chain of certificates that is longer than what two small buffers hold.
  TlsFiles files = certificates_.files();
  const TemporaryFolder folder;
  std::string chain = TemporaryFolder::Read(files.certificate);
  for (int i = 0; i < 60; ++i) chain += TemporaryFolder::Read(files.authorities);
  folder.Write("chain.pem", chain);
  files.certificate = folder.Path("chain.pem");
  relays_.push_back(
      std::make_unique<TlsRelay>(listener_.port(), client_side_.fake, server_side_.fake, kSmallBuffer));
  auto dialled = BeginDial(certificates_.Context(), relays_.back()->port());
  FileDescriptor socket = listener_.AcceptSocket();
  EXPECT_EQ(::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &kSmallBuffer, sizeof kSmallBuffer), 0);
  auto accepted = BeginAccept(TestCertificates::Context(files), std::move(socket));
  EXPECT_TRUE(dialled.get().ok());
  EXPECT_TRUE(accepted.get().ok());
  Transfer();
  EXPECT_EQ(server_side_.fake->keys_offered(), 0);
  EXPECT_EQ(client_side_.fake->cipher(), TLS_CIPHER_AES_GCM_128);
}

TEST_P(KernelTlsTransportTest, TheEndIsToldWhenTheKernelHasRoomForIt) {
  Connect();
  server_side_.fake->RefuseRecords(3);
  OnLoop(server_loop_, [&] { server_->EndWriting(); });
  EXPECT_EQ(ReadFailure(client_loop_, *client_), absl::UnavailableError("closed by the peer"));
  EXPECT_THAT(server_side_.fake->record_types(), ElementsAre(SSL3_RT_ALERT));
}

TEST_P(KernelTlsTransportTest, AClosedTransportDoesNotTellTheEndLater) {
  Connect();
  server_side_.fake->RefuseRecords(1);
  OnLoop(server_loop_, [&] {
    server_->EndWriting();
    server_.reset();
  });
  EXPECT_EQ(ReadFailure(client_loop_, *client_), absl::UnavailableError("closed by the peer"));
  EXPECT_THAT(server_side_.fake->record_types(), IsEmpty());
}

TEST_P(KernelTlsTransportTest, NoAlertGetsIntoWhatIsBeingWritten) {
  Connect();
  const std::string much(50'000'000, 'x');
  auto writing = Begin(server_loop_, server_->Write(AsBytes(much)));
  relays_.back()->Break();
  EXPECT_TRUE(Begin(client_loop_, client_->Write(Text("broken"))).get().ok());
  EXPECT_EQ(ReadFailure(server_loop_, *server_).code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(server_side_.fake->record_types(), IsEmpty());
  OnLoop(server_loop_, [&] { server_->Close(); });
  EXPECT_EQ(writing.get().code(), absl::StatusCode::kCancelled);
}

INSTANTIATE_TEST_SUITE_P(, KernelTlsTransportTest, ::testing::Values(Encrypting::kFakeKernel));
INSTANTIATE_TEST_SUITE_P(, TlsTransportTest,
                         ::testing::Values(Encrypting::kProcess, Encrypting::kThisKernel,
                                           Encrypting::kFakeKernel),
                         [](const ::testing::TestParamInfo<Encrypting>& mode) {
                           return mode.param == Encrypting::kProcess      ? "Process"
                                  : mode.param == Encrypting::kThisKernel ? "ThisKernel"
                                                                          : "FakeKernel";
                         });

}  // namespace
}  // namespace shoal::net
