#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <string>

#include "shoal/base/byte_order.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/transport/transport.h"
#include "tests/support/file_region.h"
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
      TcpTransports()->Dial(loop_, {IpAddress::V4({127, 0, 0, 1}), listener_.port()});
};

TEST_F(TcpTransportTest, CarriesBytesBothWays) {
  RawConnection peer = Connect();
  ASSERT_TRUE(peer.Send("hello"));
  uint8_t bytes[16];
  const auto count = Run(transport_->ReadSome(bytes));
  ASSERT_TRUE(count.ok());
  EXPECT_EQ(std::string(bytes, bytes + *count), "hello");
  const std::string sent(500'000, 'h');
  auto written = std::async(std::launch::async, [&] { return Run(transport_->Write(AsBytes(sent))); });
  EXPECT_TRUE(peer.Read(sent.size()) == sent);
  EXPECT_TRUE(written.get().ok());
  EXPECT_EQ(transport_->received_bytes(), 5);
  EXPECT_EQ(transport_->sent_bytes(), sent.size());
  EXPECT_EQ(transport_->remote().port, listener_.port());
}

TEST_F(TcpTransportTest, SendsARegionAfterItsHeader) {
  std::string bytes(30'000'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 24);
  const RegionFile file(bytes);
  RawConnection peer = Connect();
  const std::string header = "a header";
  const uint64_t offset_bytes = 16 * 1024 * 1024;
  const FileRegion region = file.Region(offset_bytes, static_cast<uint32_t>(bytes.size() - offset_bytes));
  auto written =
      std::async(std::launch::async, [&] { return Run(transport_->WriteRegion(AsBytes(header), region)); });
  EXPECT_EQ(peer.Read(header.size()), header);
  EXPECT_TRUE(peer.Read(region.length_bytes) == bytes.substr(offset_bytes));
  EXPECT_TRUE(written.get().ok());
}

TEST_F(TcpTransportTest, AFileThatIsTooShortIsFilledUpAndAFailedPrecondition) {
  const RegionFile file(std::string(10'000, 'x'));
  file.Truncate(9'000);
  RawConnection peer = Connect();
  const std::array<uint8_t, 4> header{'h', 'e', 'a', 'd'};
  EXPECT_EQ(Run(transport_->WriteRegion(header, file.Region(0, 10'000))).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(peer.Read(10'004), "head" + std::string(9'000, 'x') + std::string(1'000, '\0'));
}

TEST_F(TcpTransportTest, AnAcceptedSocketIsOpenAndKnowsItsPeer) {
  RawConnection client = RawConnection::To(listener_.port());
  std::unique_ptr<Transport> accepted;
  std::promise<void> made;
  loop_.Post([&] {
    accepted = TcpTransports()->Accept(loop_, listener_.AcceptSocket());
    made.set_value();
  });
  made.get_future().wait();
  EXPECT_TRUE(Run(accepted->Open()).ok());
  EXPECT_EQ(accepted->remote().ip, IpAddress::V4({127, 0, 0, 1}));
  EXPECT_NE(accepted->remote().port, 0);
  ASSERT_TRUE(client.Send("ping"));
  uint8_t bytes[16];
  EXPECT_EQ(*Run(accepted->ReadSome(bytes)), 4u);
  std::promise<void> gone;
  loop_.Post([&] {
    accepted.reset();
    gone.set_value();
  });
  gone.get_future().wait();
}

TEST_F(TcpTransportTest, TheEndOfTheStreamIsUnavailable) {
  RawConnection peer = Connect();
  peer.Close();
  uint8_t bytes[16];
  EXPECT_EQ(Run(transport_->ReadSome(bytes)).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(TcpTransportTest, WritingToAClosedPeerIsUnavailable) {
  const RegionFile file(std::string(10'000, 'x'));
  const FileRegion region = file.Region(0, 10'000);
  RawConnection peer = Connect();
  peer.Close();
  const std::array<uint8_t, 4> header{};
  absl::Status status;
  while (status.ok()) status = Run(transport_->WriteRegion(header, region));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(TcpTransportTest, CloseEndsPendingCalls) {
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
