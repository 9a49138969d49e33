#include "shoal/stream/chunk_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/awaitable.hpp>

#include <future>
#include <memory>
#include <vector>

#include "shoal/net/transport/tls_transport.h"
#include "tests/support/file_chunk_source.h"
#include "tests/support/frame_connection.h"
#include "tests/support/recording_delegate.h"
#include "tests/support/test_certificates.h"

namespace shoal::stream {
namespace {

using ::testing::HasSubstr;

// Inverts every byte on the wire, in the place of an encrypted transport.
class InvertingTransport final : public net::Transport {
 public:
  explicit InvertingTransport(std::unique_ptr<net::Transport> inner) : inner_(std::move(inner)) {}

  boost::asio::awaitable<absl::Status> Open() override { co_return co_await inner_->Open(); }
  boost::asio::awaitable<absl::StatusOr<size_t>> ReadSome(std::span<uint8_t> into) override {
    const absl::StatusOr<size_t> count = co_await inner_->ReadSome(into);
    if (count.ok()) Invert(into.first(*count));
    co_return count;
  }
  boost::asio::awaitable<absl::Status> Write(std::span<const uint8_t> bytes) override {
    std::vector<uint8_t> inverted(bytes.begin(), bytes.end());
    Invert(inverted);
    co_return co_await inner_->Write(inverted);
  }
  boost::asio::awaitable<absl::Status> WriteRegion(std::span<const uint8_t> header,
                                                   const FileRegion& region) override {
    std::vector<uint8_t> bytes(header.begin(), header.end());
    bytes.resize(header.size() + region.length_bytes);
    const bool whole =
        pread(region.file->get(), bytes.data() + header.size(), region.length_bytes,
              static_cast<off_t>(region.offset_bytes)) == static_cast<ssize_t>(region.length_bytes);
    const absl::Status written = co_await Write(bytes);
    co_return written.ok() && !whole ? absl::FailedPreconditionError("short file") : written;
  }
  void EndWriting() override { inner_->EndWriting(); }
  void Close() override { inner_->Close(); }
  const Endpoint& remote() const override { return inner_->remote(); }
  uint64_t received_bytes() const override { return inner_->received_bytes(); }
  uint64_t sent_bytes() const override { return inner_->sent_bytes(); }

 private:
  static void Invert(std::span<uint8_t> bytes) {
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(~byte);
  }

  const std::unique_ptr<net::Transport> inner_;
};

class InvertingTransports final : public net::TransportFactory {
 public:
  std::unique_ptr<net::Transport> Accept(net::EventLoop& loop, FileDescriptor socket) const override {
    return std::make_unique<InvertingTransport>(net::TcpTransports()->Accept(loop, std::move(socket)));
  }
  std::unique_ptr<net::Transport> Dial(net::EventLoop& loop, const Endpoint& peer) const override {
    return std::make_unique<InvertingTransport>(net::TcpTransports()->Dial(loop, peer));
  }
};

class ChunkServerTest : public ::testing::Test {
 protected:
  ChunkServerTest() { directory_->Add(source_); }

  absl::StatusOr<std::unique_ptr<ChunkServer>> Start(const std::string& listen = "127.0.0.1:0") {
    options_.listen = *Endpoint::Parse(listen);
    return ChunkServer::Start(options_, loops_, directory_);
  }
  FrameConnection SayHello(const ChunkServer& server, ContentId id, const std::string& ticket = "",
                           const IpAddress& from = IpAddress::V4({127, 0, 0, 1})) {
    FrameConnection peer = FrameConnection::To(server.port(), from);
    Hello hello;
    hello.ticket = ticket;
    hello.content_id = id;
    hello.peer_id = RandomPeerId();
    EXPECT_TRUE(peer.SendFrame(FrameType::kHello, hello.Encode()));
    return peer;
  }
  FrameConnection Meet(const ChunkServer& server) {
    FrameConnection peer = SayHello(server, source_->manifest()->id());
    EXPECT_TRUE(peer.ReadFrame(FrameType::kHello).has_value());
    return peer;
  }
  static Refuse RefusalOn(FrameConnection& peer) {
    const auto frame = peer.ReadFrame(FrameType::kRefuse);
    if (!frame.has_value()) return {};
    return *Refuse::Decode(AsBytes(frame->body));
  }

  net::EventLoopGroup loops_{"server", 2};
  std::shared_ptr<FileChunkSource> source_ = FileChunkSource::Make(100'000, 16384);
  std::shared_ptr<TestDirectory> directory_ = std::make_shared<TestDirectory>();
  ChunkServer::Options options_;
};

TEST_F(ChunkServerTest, ListensOnAllAddresses) {
  for (const char* any : {"0.0.0.0:0", "[::]:0"}) {
    const auto server = Start(any);
    ASSERT_TRUE(server.ok()) << server.status();
    EXPECT_NE((*server)->port(), 0);
    Meet(**server);
  }
}

TEST_F(ChunkServerTest, AnAddressThatIsTakenIsNamed) {
  const auto first = Start();
  ASSERT_TRUE(first.ok());
  const std::string taken = "127.0.0.1:" + std::to_string((*first)->port());
  const auto second = Start(taken);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(taken));
}

TEST_F(ChunkServerTest, BothEndsUseTheTransportThatIsInjected) {
  const auto inverting = std::make_shared<InvertingTransports>();
  options_.transports = inverting;
  const auto server = Start();
  ASSERT_TRUE(server.ok());
  const Endpoint at{IpAddress::V4({127, 0, 0, 1}), (*server)->port()};
  SessionTerms terms;
  terms.content_id = source_->manifest()->id();
  terms.self = RandomPeerId();
  net::EventLoop& loop = *loops_.loops().front();
  const auto dial = [&](const net::TransportFactory& transports, RecordingDelegate* delegate) {
    std::promise<std::shared_ptr<ChunkSession>> dialled;
    loop.Post(
        [&] { dialled.set_value(ChunkSession::Dial(loop, transports, at, terms, {}, nullptr, delegate)); });
    return dialled.get_future().get();
  };
  RecordingDelegate delegate;
  const auto session = dial(*inverting, &delegate);
  delegate.Wait([](const RecordingDelegate::Record& record) { return record.hello.has_value(); });
  loop.Post([&] { session->Request(std::vector<ChunkIndex>{ChunkIndex(2)}); });
  const ByteView expected = source_->BytesOf(ChunkIndex(2));
  const auto received =
      delegate.Wait([](const RecordingDelegate::Record& record) { return !record.chunks.empty(); });
  EXPECT_EQ(received.chunks.front().first, ChunkIndex(2));
  EXPECT_TRUE(received.chunks.front().second == std::string(expected.begin(), expected.end()));

  // A peer with another transport does not understand the server.
  RecordingDelegate plain;
  const auto stranger = dial(*net::TcpTransports(), &plain);
  EXPECT_FALSE(plain.WaitClosed().hello.has_value());
  loop.Post([&] { session->Close(/*tell=*/true); });
  delegate.WaitClosed();
}

TEST_F(ChunkServerTest, ConnectionsBeyondTheBoundAreRefusedWithARetryTime) {
  options_.max_sessions = 2;
  options_.busy_retry = absl::Milliseconds(1234);
  auto server = Start();
  ASSERT_TRUE(server.ok());
  FrameConnection first = Meet(**server);
  FrameConnection second = Meet(**server);
  EXPECT_EQ((*server)->totals().sessions, 2);
  FrameConnection third = SayHello(**server, source_->manifest()->id());
  const Refuse refuse = RefusalOn(third);
  EXPECT_EQ(refuse.reason, Refuse::Reason::kBusy);
  EXPECT_EQ(refuse.retry_after, absl::Milliseconds(1234));
  EXPECT_TRUE(third.ReadToEnd());
  EXPECT_EQ((*server)->totals().refused, 1);
}

TEST_F(ChunkServerTest, WithoutAValidTicketNothingIsServed) {
  options_.max_sessions = 1;
  options_.check_ticket = [](const Hello& theirs, std::optional<absl::string_view>) {
    return theirs.ticket == "valid" ? absl::OkStatus() : absl::PermissionDeniedError("get a ticket");
  };
  auto server = Start();
  ASSERT_TRUE(server.ok());
  FrameConnection holder = SayHello(**server, source_->manifest()->id(), "valid");
  ASSERT_TRUE(holder.ReadFrame(FrameType::kHello).has_value());
  // Strangers take no place, learn nothing about what is served, and what they request behind the hello has
  // no effect.
  for (const ContentId& content : {source_->manifest()->id(), ContentId()}) {
    FrameConnection stranger = SayHello(**server, content, "forged");
    ASSERT_TRUE(stranger.SendFrame(FrameType::kRequest, Request{{{ChunkIndex(0), 1}}}.Encode()));
    ASSERT_TRUE(stranger.SendFrame(FrameType::kManifestRequest, ManifestRequest{0, 1}.Encode()));
    const Refuse refuse = RefusalOn(stranger);
    EXPECT_EQ(refuse.reason, Refuse::Reason::kNoTicket);
    EXPECT_EQ(refuse.detail, "get a ticket");
    EXPECT_TRUE(stranger.ReadToEnd());
  }
  EXPECT_EQ((*server)->totals().sent_bytes, 0u);
  ASSERT_TRUE(holder.SendFrame(FrameType::kRequest, Request{{{ChunkIndex(0), 1}}}.Encode()));
  EXPECT_TRUE(holder.ReadFrame(FrameType::kChunk).has_value());
  FrameConnection without = SayHello(**server, source_->manifest()->id());
  EXPECT_EQ(RefusalOn(without).reason, Refuse::Reason::kNoTicket);
}

TEST_F(ChunkServerTest, AContentHasALimitOfItsOwn) {
  const auto other = FileChunkSource::Make(100'000, 16384, 3);
  directory_->Add(other);
  const auto limit = std::make_shared<net::RateLimit>(0);  // nothing passes
  options_.write_limit_of = [&, id = source_->manifest()->id()](const ContentId& content) {
    return content == id ? limit : nullptr;
  };
  auto server = Start();
  ASSERT_TRUE(server.ok());
  FrameConnection held_back = Meet(**server);
  ASSERT_TRUE(held_back.SendFrame(FrameType::kRequest, Request{{{ChunkIndex(0), 1}}}.Encode()));
  FrameConnection free = SayHello(**server, other->manifest()->id());
  ASSERT_TRUE(free.ReadFrame(FrameType::kHello).has_value());
  ASSERT_TRUE(free.SendFrame(FrameType::kRequest, Request{{{ChunkIndex(0), 2}}}.Encode()));
  EXPECT_TRUE(free.ReadFrame(FrameType::kChunk).has_value());
  EXPECT_EQ((*server)->content_totals(source_->manifest()->id()).sent_chunks, 0u);
  limit->Set(net::RateLimit::kUnlimited);
  EXPECT_TRUE(held_back.ReadFrame(FrameType::kChunk).has_value());
}

TEST_F(ChunkServerTest, AUselessConnectionMakesRoom) {
  options_.max_sessions = 2;
  options_.useless_after = absl::ZeroDuration();
  auto server = Start();
  ASSERT_TRUE(server.ok());
  FrameConnection first = Meet(**server);
  FrameConnection second = Meet(**server);
  FrameConnection third = Meet(**server);
  const Refuse refuse = RefusalOn(first);
  EXPECT_EQ(refuse.reason, Refuse::Reason::kBusy);
  EXPECT_TRUE(first.ReadToEnd());
  ASSERT_TRUE(third.SendFrame(FrameType::kRequest, Request{{{ChunkIndex(0), 1}}}.Encode()));
  EXPECT_TRUE(third.ReadFrame(FrameType::kChunk).has_value());
  EXPECT_EQ((*server)->totals().sessions, 2);
}

TEST_F(ChunkServerTest, AConnectionThatWaitsForAChunkDoesNotMakeRoom) {
  auto large = FileChunkSource::Make(64 * 1024 * 1024, 16 * 1024 * 1024, 3);
  directory_->Add(large);
  options_.max_sessions = 1;
  options_.useless_after = absl::ZeroDuration();
  auto server = Start();
  ASSERT_TRUE(server.ok());
  // Takes nothing, so that the rest of what it has requested waits.
  FrameConnection waiting = SayHello(**server, large->manifest()->id());
  ASSERT_TRUE(waiting.SendFrame(FrameType::kRequest, Request{{{ChunkIndex(0), 4}}}.Encode()));
  ASSERT_TRUE(waiting.ReadFrame(FrameType::kHello).has_value());
  ASSERT_TRUE(waiting.ReadFrame(FrameType::kChunk).has_value());
  FrameConnection further = SayHello(**server, source_->manifest()->id());
  EXPECT_EQ(RefusalOn(further).reason, Refuse::Reason::kBusy);
}

TEST_F(ChunkServerTest, TheAddressWithMostConnectionsMakesRoomWithItsSlowestOne) {
  auto large = FileChunkSource::Make(64 * 1024 * 1024, 16 * 1024 * 1024, 3);
  directory_->Add(large);
  options_.max_sessions = 3;
  auto server = Start();
  ASSERT_TRUE(server.ok());
  const IpAddress many = IpAddress::V4({127, 0, 0, 2});
  const IpAddress one = IpAddress::V4({127, 0, 0, 3});
  // All of them wait for chunks. One has taken some.
  std::vector<FrameConnection> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(SayHello(**server, large->manifest()->id(), "", many));
    ASSERT_TRUE(waiting.back().SendFrame(FrameType::kRequest, Request{{{ChunkIndex(0), 4}}}.Encode()));
    ASSERT_TRUE(waiting.back().ReadFrame(FrameType::kHello).has_value());
  }
  ASSERT_TRUE(waiting[0].ReadFrame(FrameType::kChunk).has_value());
  ASSERT_TRUE(waiting[2].ReadFrame(FrameType::kChunk).has_value());
  FrameConnection same = SayHello(**server, source_->manifest()->id(), "", many);
  EXPECT_EQ(RefusalOn(same).reason, Refuse::Reason::kBusy);

  FrameConnection other = SayHello(**server, source_->manifest()->id(), "", one);
  EXPECT_TRUE(other.ReadFrame(FrameType::kHello).has_value());
  EXPECT_TRUE(waiting[1].ReadToEnd());
  ASSERT_TRUE(other.SendFrame(FrameType::kRequest, Request{{{ChunkIndex(0), 1}}}.Encode()));
  EXPECT_TRUE(other.ReadFrame(FrameType::kChunk).has_value());
  // They would only change places.
  FrameConnection another = SayHello(**server, source_->manifest()->id(), "", one);
  EXPECT_EQ(RefusalOn(another).reason, Refuse::Reason::kBusy);
  EXPECT_EQ((*server)->totals().sessions, 3);
}

TEST_F(ChunkServerTest, ConnectionsThatNeverEndTheirHelloMakeRoom) {
  options_.max_sessions = 1;
  auto server = Start();
  ASSERT_TRUE(server.ok());
  const std::string hello = FrameConnection::FrameBytes(FrameType::kHello, std::string(100, 'x'));
  std::vector<FrameConnection> silent;
  for (int i = 0; i < 200; ++i) {
    silent.push_back(FrameConnection::To((*server)->port()));
    ASSERT_TRUE(silent.back().Send(hello.substr(0, hello.size() - 1)));
  }
  Meet(**server);
  EXPECT_TRUE(silent.front().ReadToEnd());
}

TEST_F(ChunkServerTest, ConnectionsThatSayNothingTakeNoPlace) {
  options_.max_sessions = 1;
  options_.limits.hello_timeout = absl::Seconds(1);
  auto server = Start();
  ASSERT_TRUE(server.ok());
  std::vector<FrameConnection> silent;
  for (int i = 0; i < 200; ++i) silent.push_back(FrameConnection::To((*server)->port()));
  Meet(**server);
  EXPECT_TRUE(silent.front().ReadToEnd());
}

TEST_F(ChunkServerTest, ATlsHandshakeThatNeverEndsIsCutOffAndMakesRoom) {
  const TestCertificates certificates;
  options_.transports = net::TlsTransports(certificates.Context());
  options_.max_sessions = 1;
  options_.limits.connect_timeout = absl::Milliseconds(20);
  auto server = Start();
  ASSERT_TRUE(server.ok());
  // The beginning of a ClientHello.
  const std::string half("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  std::vector<FrameConnection> halves;
  for (int i = 0; i < 200; ++i) {
    halves.push_back(FrameConnection::To((*server)->port()));
    ASSERT_TRUE(halves.back().Send(half + std::string(100, 'x')));
  }
  for (FrameConnection& connection : halves) EXPECT_TRUE(connection.ReadToEnd());
}

TEST_F(ChunkServerTest, AContentThatIsDroppedIsRefusedToItsPeersOnly) {
  auto other = FileChunkSource::Make(5000, 16384, 2);
  directory_->Add(other);
  auto server = Start();
  ASSERT_TRUE(server.ok());
  FrameConnection first = Meet(**server);
  FrameConnection second = Meet(**server);
  FrameConnection third = SayHello(**server, other->manifest()->id());
  ASSERT_TRUE(third.ReadFrame(FrameType::kHello).has_value());
  directory_->Remove(source_->manifest()->id());
  (*server)->Drop(source_->manifest()->id());
  EXPECT_EQ(RefusalOn(first).reason, Refuse::Reason::kUnknownContent);
  EXPECT_TRUE(first.ReadToEnd());
  EXPECT_EQ(RefusalOn(second).reason, Refuse::Reason::kUnknownContent);
  FrameConnection late = SayHello(**server, source_->manifest()->id());
  EXPECT_EQ(RefusalOn(late).reason, Refuse::Reason::kUnknownContent);
  ASSERT_TRUE(third.SendFrame(FrameType::kRequest, Request{{{ChunkIndex(0), 1}}}.Encode()));
  EXPECT_TRUE(third.ReadFrame(FrameType::kChunk).has_value());
}

TEST_F(ChunkServerTest, StopRefusesAndClosesAll) {
  auto server = Start();
  ASSERT_TRUE(server.ok());
  FrameConnection peer = Meet(**server);
  FrameConnection stranger = FrameConnection::To((*server)->port());
  // The peer answers the refusal by closing, as a session does.
  auto refusal = std::async(std::launch::async, [&] {
    const Refuse refuse = RefusalOn(peer);
    peer.Close();
    return refuse.reason;
  });
  (*server)->Stop();
  EXPECT_EQ(refusal.get(), Refuse::Reason::kShuttingDown);
  EXPECT_TRUE(stranger.ReadToEnd());
  EXPECT_EQ((*server)->totals().sessions, 0);
  (*server)->Stop();
}

TEST_F(ChunkServerTest, StopDoesNotWaitForAPeerThatTakesNothing) {
  auto large = FileChunkSource::Make(64 * 1024 * 1024, 16 * 1024 * 1024, 3);
  directory_->Add(large);
  auto server = Start();
  ASSERT_TRUE(server.ok());
  FrameConnection peer = SayHello(**server, large->manifest()->id());
  ASSERT_TRUE(peer.SendFrame(FrameType::kRequest, Request{{{ChunkIndex(0), 4}}}.Encode()));
  ASSERT_TRUE(peer.ReadFrame(FrameType::kHello).has_value());
  (*server)->Stop();
}

TEST_F(ChunkServerTest, StopsAlsoAfterItsLoops) {
  auto server = Start();
  ASSERT_TRUE(server.ok());
  FrameConnection peer = Meet(**server);
  loops_.Stop();
  (*server)->Stop();
}

TEST_F(ChunkServerTest, SurvivesRunningOutOfDescriptors) {
  auto server = Start();
  ASSERT_TRUE(server.ok());
  FrameConnection before = Meet(**server);
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old_limit), 0);
  // The descriptor of the client's own socket is the last one that there is.
  FileDescriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit limit = old_limit;
  limit.rlim_cur = static_cast<rlim_t>(client.get()) + 1;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  const net::SocketAddress address = RawConnection::Loopback((*server)->port());
  EXPECT_EQ(::connect(client.get(), address.get(), address.size), 0);
  FrameConnection turned_away(std::move(client));
  EXPECT_TRUE(turned_away.ReadToEnd());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old_limit), 0);

  Meet(**server);
  ASSERT_TRUE(before.SendFrame(FrameType::kRequest, Request{{{ChunkIndex(0), 1}}}.Encode()));
  EXPECT_TRUE(before.ReadFrame(FrameType::kChunk).has_value());
}

}  // namespace
}  // namespace shoal::stream
