#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <string>

#include "shoal/net/event_loop.h"
#include "shoal/net/transport/transport.h"
#include "tests/support/file_chunk_source.h"
#include "tests/support/raw_connection.h"

namespace shoal::net {
namespace {

class TcpTransportTest : public ::testing::Test {
 protected:
  ~TcpTransportTest() override {
    loop_.Post([this] { transport_->Close(); });
    loop_.Stop();
  }

  template <typename T>
  T Run(boost::asio::awaitable<T> task) {
    return boost::asio::co_spawn(loop_.context(), std::move(task), boost::asio::use_future).get();
  }
  RawConnection Connect() {
    EXPECT_TRUE(Run(transport_->Open()).ok());
    return listener_.Accept();
  }

  EventLoop loop_{"test"};
  RawListener listener_;
  std::unique_ptr<Transport> transport_ =
      MakeTcpTransport(loop_.context(), {IpAddress::V4({127, 0, 0, 1}), listener_.port()});
};

TEST_F(TcpTransportTest, CarriesBytesBothWays) {
  RawConnection peer = Connect();
  ASSERT_TRUE(peer.Send("hello"));
  uint8_t bytes[16];
  const auto count = Run(transport_->ReadSome(bytes));
  ASSERT_TRUE(count.ok());
  EXPECT_EQ(std::string(bytes, bytes + *count), "hello");
  const std::string frame = RawConnection::FrameBytes(stream::FrameType::kHave, std::string(500'000, 'h'));
  auto written = std::async(std::launch::async, [&] { return Run(transport_->Write(AsBytes(frame))); });
  EXPECT_EQ(peer.ReadFrame()->body.size(), 500'000);
  EXPECT_TRUE(written.get().ok());
  EXPECT_EQ(transport_->received_bytes(), 5);
  EXPECT_EQ(transport_->sent_bytes(), frame.size());
  EXPECT_EQ(transport_->remote().port, listener_.port());
}

TEST_F(TcpTransportTest, SendsARegionAfterItsHeader) {
  const auto source = FileChunkSource::Make(30'000'000, 16 * 1024 * 1024);
  RawConnection peer = Connect();
  stream::FrameHeader header;
  header.type = stream::FrameType::kChunk;
  header.length_bytes = 30'000'000 - 16 * 1024 * 1024;
  const auto bytes = header.Encode();
  const FileRegion region = *source->Open(ChunkIndex(1));
  auto written = std::async(std::launch::async, [&] { return Run(transport_->WriteRegion(bytes, region)); });
  const auto frame = peer.ReadFrame();
  ASSERT_TRUE(frame.has_value());
  const ByteView expected = source->BytesOf(ChunkIndex(1));
  EXPECT_TRUE(frame->body == std::string(expected.begin(), expected.end()));
  EXPECT_TRUE(written.get().ok());
}

TEST_F(TcpTransportTest, AFileThatIsTooShortIsAFailedPrecondition) {
  const auto source = FileChunkSource::Make(10'000, 16384);
  source->Truncate(9'000);
  RawConnection peer = Connect();
  const std::array<uint8_t, 4> header{};
  EXPECT_EQ(Run(transport_->WriteRegion(header, *source->Open(ChunkIndex(0)))).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(TcpTransportTest, TheEndOfTheStreamIsUnavailable) {
  RawConnection peer = Connect();
  peer.Close();
  uint8_t bytes[16];
  EXPECT_EQ(Run(transport_->ReadSome(bytes)).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(TcpTransportTest, WritingToAPeerThatIsGoneIsUnavailable) {
  const auto source = FileChunkSource::Make(10'000, 16384);
  const FileRegion region = *source->Open(ChunkIndex(0));
  RawConnection peer = Connect();
  peer.Close();
  const std::array<uint8_t, 4> header{};
  absl::Status status;
  while (status.ok()) status = Run(transport_->WriteRegion(header, region));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(TcpTransportTest, CloseEndsWhatWaits) {
  RawConnection peer = Connect();
  uint8_t bytes[16];
  auto reading = boost::asio::co_spawn(loop_.context(), transport_->ReadSome(bytes), boost::asio::use_future);
  loop_.Post([this] {
    transport_->Close();
    transport_->Close();
  });
  EXPECT_EQ(reading.get().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Run(transport_->Write(AsBytes(std::string("x")))).code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(peer.ReadToEnd());
}

TEST_F(TcpTransportTest, EndWritingEndsThePeersReadingOnly) {
  RawConnection peer = Connect();
  std::promise<void> ended;
  loop_.Post([&] {
    transport_->EndWriting();
    ended.set_value();
  });
  ended.get_future().wait();
  EXPECT_TRUE(peer.ReadToEnd());
  ASSERT_TRUE(peer.Send("still heard"));
  uint8_t bytes[16];
  EXPECT_EQ(*Run(transport_->ReadSome(bytes)), 11);
}

}  // namespace
}  // namespace shoal::net
