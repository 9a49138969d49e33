#include "shoal/net/transport/first_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace shoal::net {
namespace {

namespace asio = boost::asio;
using testing::ElementsAre;

Endpoint At(const std::string& text) {
  return *Endpoint::Parse(text);
}

// What a test decides and sees of the attempts. Used on the loop's thread until it has stopped.
struct Network {
  std::map<Endpoint, absl::Status> outcomes;  // an endpoint that is not here never answers
  std::vector<Endpoint> dialled;
  std::vector<Endpoint> closed;
};

class FakeTransport final : public Transport {
 public:
  FakeTransport(EventLoop& loop, Network* network, const Endpoint& remote)
      : network_(network), remote_(remote), closing_(loop.context()) {
    network_->dialled.push_back(remote);
    closing_.expires_at(std::chrono::steady_clock::time_point::max());
  }
  asio::awaitable<absl::Status> Open() override {
    const auto outcome = network_->outcomes.find(remote_);
    if (outcome != network_->outcomes.end()) co_return outcome->second;
    boost::system::error_code ignored;
    co_await closing_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_return absl::CancelledError("closed here");
  }
  asio::awaitable<absl::StatusOr<size_t>> ReadSome(std::span<uint8_t>) override { co_return size_t{7}; }
  asio::awaitable<absl::Status> Write(std::span<const uint8_t>) override { co_return absl::OkStatus(); }
  asio::awaitable<absl::Status> WriteRegion(std::span<const uint8_t>, const FileRegion&) override {
    co_return absl::OkStatus();
  }
  void EndWriting() override {}
  void Close() override {
    network_->closed.push_back(remote_);
    closing_.cancel();
  }
  const Endpoint& remote() const override { return remote_; }
  uint64_t received_bytes() const override { return 0; }
  uint64_t sent_bytes() const override { return 0; }

 private:
  Network* const network_;
  const Endpoint remote_;
  asio::steady_timer closing_;
};

class FakeTransports final : public TransportFactory {
 public:
  explicit FakeTransports(Network* network) : network_(network) {}
  std::unique_ptr<Transport> Accept(EventLoop&, FileDescriptor) const override { return nullptr; }
  std::unique_ptr<Transport> Dial(EventLoop& loop, const Endpoint& peer) const override {
    return std::make_unique<FakeTransport>(loop, network_, peer);
  }

 private:
  Network* const network_;
};

class FirstTransportTest : public testing::Test {
 protected:
  ~FirstTransportTest() override {
    loop_.Post([this] { transport_.reset(); });
    loop_.Stop();
  }
  absl::Status Open(const std::vector<Endpoint>& endpoints, const DialTiming& timing) {
    transport_ = DialFirst(loop_, transports_, endpoints, timing);
    return asio::co_spawn(loop_.context(), transport_->Open(), asio::use_future).get();
  }

  // No test waits for it to pass.
  static constexpr absl::Duration kLong = absl::Hours(1);
  const Endpoint first_ = At("[2001:db8::1]:1");
  const Endpoint second_ = At("192.0.2.2:2");
  const Endpoint third_ = At("192.0.2.3:3");
  Network network_;
  EventLoop loop_{"test"};
  const FakeTransports transports_{&network_};
  std::unique_ptr<Transport> transport_;
};

TEST_F(FirstTransportTest, TheFirstThatConnectsWinsAndTheOthersAreClosed) {
  network_.outcomes = {{second_, absl::OkStatus()}};
  EXPECT_EQ(Open({first_, second_, third_}, {.stagger = absl::Milliseconds(1)}), absl::OkStatus());
  EXPECT_EQ(transport_->remote(), second_);
  EXPECT_THAT(network_.dialled, ElementsAre(first_, second_));
  EXPECT_THAT(network_.closed, ElementsAre(first_));
  std::vector<uint8_t> bytes(8);
  EXPECT_EQ(*asio::co_spawn(loop_.context(), transport_->ReadSome(bytes), asio::use_future).get(), 7u);
}

TEST_F(FirstTransportTest, AFailureDoesNotWaitForTheStagger) {
  network_.outcomes = {{first_, absl::UnavailableError("refused")}, {second_, absl::OkStatus()}};
  EXPECT_EQ(Open({first_, second_}, {.stagger = kLong}), absl::OkStatus());
  EXPECT_EQ(transport_->remote(), second_);
}

TEST_F(FirstTransportTest, TheFirstIsEnoughWhenItConnects) {
  network_.outcomes = {{first_, absl::OkStatus()}};
  EXPECT_EQ(Open({first_, second_}, {.stagger = kLong}), absl::OkStatus());
  EXPECT_EQ(transport_->remote(), first_);
  EXPECT_THAT(network_.dialled, ElementsAre(first_));
}

TEST_F(FirstTransportTest, TheErrorHasTheReasonOfEach) {
  network_.outcomes = {{first_, absl::UnavailableError("refused")}};
  const absl::Status status =
      Open({first_, second_}, {.stagger = absl::Milliseconds(1), .timeout = absl::Milliseconds(20)});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "refused; 192.0.2.2:2: no connection within 20ms");
  EXPECT_EQ(transport_->remote(), first_);
}

TEST_F(FirstTransportTest, CloseEndsAnOpenThatIsUnderWay) {
  transport_ = DialFirst(loop_, transports_, {first_, second_}, {.stagger = absl::ZeroDuration()});
  auto opened = asio::co_spawn(loop_.context(), transport_->Open(), asio::use_future);
  loop_.Post([this] { transport_->Close(); });
  EXPECT_EQ(opened.get().code(), absl::StatusCode::kCancelled);
}

TEST(AlternateFamiliesTest, TakesTurnsFromTheFirstOn) {
  const Endpoint a4 = At("192.0.2.1:1"), b4 = At("192.0.2.2:1"), c4 = At("192.0.2.3:1");
  const Endpoint a6 = At("[2001:db8::1]:1"), b6 = At("[2001:db8::2]:1");
  EXPECT_THAT(AlternateFamilies({a4, b4, c4, a6, b6}), ElementsAre(a4, a6, b4, b6, c4));
  EXPECT_THAT(AlternateFamilies({a6, b6, a4}), ElementsAre(a6, a4, b6));
  EXPECT_THAT(AlternateFamilies({a4}), ElementsAre(a4));
  EXPECT_THAT(AlternateFamilies({}), testing::IsEmpty());
}

}  // namespace
}  // namespace shoal::net
