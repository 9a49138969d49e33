#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "shoal/base/byte_order.h"
#include "shoal/base/manual_clock.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/transport/transport.h"
#include "tests/support/file_region.h"
#include "tests/support/raw_connection.h"

namespace shoal::net {
namespace {

constexpr uint64_t kRate = 10'000;

class ThrottledTransportTest : public ::testing::Test {
 protected:
  ThrottledTransportTest() { EXPECT_TRUE(Run(transport_->Open()).ok()); }
  ~ThrottledTransportTest() override {
    OnLoop([this] { transport_->Close(); });
    loop_.Stop();
  }

  template <typename T>
  std::future<T> Begin(boost::asio::awaitable<T> task) {
    return boost::asio::co_spawn(loop_.context(), std::move(task), boost::asio::use_future);
  }
  template <typename T>
  T Run(boost::asio::awaitable<T> task) {
    return Begin(std::move(task)).get();
  }
  void OnLoop(const std::function<void()>& work) {
    std::promise<void> done;
    loop_.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  uint64_t SentBytes() {
    uint64_t bytes = 0;
    OnLoop([&] { bytes = transport_->sent_bytes(); });
    return bytes;
  }
  uint64_t ReceivedBytes() {
    uint64_t bytes = 0;
    OnLoop([&] { bytes = transport_->received_bytes(); });
    return bytes;
  }
  void WaitUntilHeldBack() {
    for (bool held_back = false; !held_back;) OnLoop([&] { held_back = transport_->held_back(); });
  }

  ManualClock clock_;  // stands still: nothing passes a limit until the test advances it
  EventLoop loop_{"test"};
  RawListener listener_;
  std::shared_ptr<RateLimit> read_limit_ = std::make_shared<RateLimit>(RateLimit::kUnlimited, clock_);
  std::shared_ptr<RateLimit> write_limit_ = std::make_shared<RateLimit>(RateLimit::kUnlimited, clock_);
  std::unique_ptr<Transport> transport_ =
      Throttled(TcpTransports()->Dial(loop_, {IpAddress::V4({127, 0, 0, 1}), listener_.port()}), loop_,
                read_limit_, write_limit_);
  const std::string bytes_ = std::string(32 * 1024, 'b');
  const RegionFile file_{bytes_};
};

TEST_F(ThrottledTransportTest, ARegionWaitsAndOtherBytesDoNot) {
  RawConnection peer = listener_.Accept();
  write_limit_->Set(kRate);
  const std::string header = "a header";
  auto written = Begin(transport_->WriteRegion(AsBytes(header), file_.Region(0, 32 * 1024)));
  WaitUntilHeldBack();
  EXPECT_EQ(SentBytes(), 0);
  const std::string ping = "ping";
  EXPECT_TRUE(Run(transport_->Write(AsBytes(ping))).ok());
  EXPECT_EQ(peer.Read(ping.size()), ping);
  auto arrived = std::async(std::launch::async, [&] { return peer.Read(header.size() + bytes_.size()); });
  write_limit_->Set(RateLimit::kUnlimited);
  EXPECT_TRUE(written.get().ok());
  EXPECT_TRUE(arrived.get() == header + bytes_);
  EXPECT_FALSE(transport_->held_back());
}

TEST_F(ThrottledTransportTest, AFileThatIsTooShortIsFilledUpInAllSteps) {
  RawConnection peer = listener_.Accept();
  write_limit_->Set(kRate);
  file_.Truncate(1'000);
  const std::string header = "head";
  auto written = Begin(transport_->WriteRegion(AsBytes(header), file_.Region(0, 3 * 1024)));
  while (written.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    clock_.Advance(absl::Seconds(1));
    std::this_thread::yield();
  }
  EXPECT_EQ(written.get().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(peer.Read(4 + 3 * 1024), "head" + std::string(1'000, 'b') + std::string(3 * 1024 - 1'000, '\0'));
}

TEST_F(ThrottledTransportTest, GatheredChunksWait) {
  RawConnection peer = listener_.Accept();
  write_limit_->Set(kRate);
  const std::string frames(5016, 'c');
  auto written = Begin(transport_->WriteChunks(AsBytes(frames)));
  WaitUntilHeldBack();
  EXPECT_EQ(SentBytes(), 0);
  write_limit_->Set(RateLimit::kUnlimited);
  EXPECT_EQ(peer.Read(5016).size(), 5016);
  EXPECT_TRUE(written.get().ok());
}

TEST_F(ThrottledTransportTest, ReadingStopsWhileInDebt) {
  RawConnection peer = listener_.Accept();
  read_limit_->Set(kRate);
  ASSERT_TRUE(peer.Send(std::string(100'000, 'r')));
  std::vector<uint8_t> into(100'000);
  auto read = Begin(transport_->ReadSome(into));
  WaitUntilHeldBack();
  EXPECT_EQ(ReceivedBytes(), read_limit_->StepBytes());
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(read.get().value(), read_limit_->StepBytes());
}

TEST_F(ThrottledTransportTest, ClosingEndsTheWait) {
  RawConnection peer = listener_.Accept();
  write_limit_->Set(0);
  const std::string frames(5000, 'c');
  auto written = Begin(transport_->WriteChunks(AsBytes(frames)));
  WaitUntilHeldBack();
  OnLoop([this] { transport_->Close(); });
  EXPECT_EQ(written.get().code(), absl::StatusCode::kCancelled);
}

TEST(ThrottledTest, WithoutLimitsTheTransportIsReturned) {
  EventLoop loop("test");
  auto transport = TcpTransports()->Dial(loop, {IpAddress::V4({127, 0, 0, 1}), 1});
  Transport* const before = transport.get();
  EXPECT_EQ(Throttled(std::move(transport), loop, nullptr, nullptr).get(), before);
}

}  // namespace
}  // namespace shoal::net
