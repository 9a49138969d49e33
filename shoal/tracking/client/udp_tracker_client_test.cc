#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <optional>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/net/sockaddr.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/messages/datagram.h"
#include "shoal/tracking/messages/sample_messages.h"

namespace shoal::tracking {
namespace {

using ::testing::HasSubstr;

const std::string kCookie(kCookieBytes, 'k');

// A tracker's UDP tracker on a thread of its own: asks for the cookie, then answers as it is told.
class FakeTracker {
 public:
  // The responses to a request; none to stay silent. `n` counts requests from 0 on, without those for
  // cookies.
  using Answer = std::function<std::vector<DatagramResponse>(const DatagramRequest& request, int n)>;

  explicit FakeTracker(Answer answer, uint16_t grpc_port = 0)
      : answer_(std::move(answer)),
        grpc_port_(grpc_port),
        socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
        stop_(eventfd(0, EFD_CLOEXEC)) {
    const net::SocketAddress address = net::ToSocketAddress({IpAddress::V4({127, 0, 0, 1}), 0});
    EXPECT_EQ(bind(socket_.get(), address.get(), address.size), 0);
    port_ = net::LocalPort(socket_.get());
    thread_ = std::thread([this] { Run(); });
  }
  ~FakeTracker() {
    const uint64_t one = 1;
    EXPECT_EQ(write(stop_.get(), &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
    thread_.join();
  }

  TrackerUrl url() const { return {TrackerUrl::Protocol::kUdp, {"127.0.0.1", port_}}; }
  int requests() const { return requests_; }
  int cookies_given() const { return cookies_given_; }

 private:
  void Run() {
    for (;;) {
      pollfd waiting[] = {{stop_.get(), POLLIN, 0}, {socket_.get(), POLLIN, 0}};
      poll(waiting, 2, -1);
      if (waiting[0].revents != 0) return;
      std::array<uint8_t, 2048> buffer;
      net::SocketAddress from;
      from.size = sizeof(from.storage);
      const ssize_t size = recvfrom(socket_.get(), buffer.data(), buffer.size(), 0, from.get(), &from.size);
      if (size < 0) continue;
      const auto request = DatagramRequest::Decode({buffer.data(), static_cast<size_t>(size)});
      ASSERT_TRUE(request.ok()) << request.status();
      ASSERT_GE(size, static_cast<ssize_t>(kMinRequestBytes));
      std::vector<DatagramResponse> responses;
      if (request->cookie != kCookie) {
        ++cookies_given_;
        responses.push_back({request->transaction_id, 0, false, DatagramCookie{kCookie}});
      } else {
        responses = answer_(*request, requests_++);
      }
      for (DatagramResponse& response : responses) {
        response.grpc_port = grpc_port_;
        const std::string bytes = response.Encode();
        sendto(socket_.get(), bytes.data(), bytes.size(), 0, from.get(), from.size);
      }
    }
  }

  const Answer answer_;
  const uint16_t grpc_port_;
  FileDescriptor socket_;
  FileDescriptor stop_;
  uint16_t port_ = 0;
  std::atomic<int> requests_ = 0;
  std::atomic<int> cookies_given_ = 0;
  std::thread thread_;
};

template <typename Body>
std::vector<DatagramResponse> With(const DatagramRequest& request, Body body) {
  return {{request.transaction_id, 0, false, std::move(body)}};
}

// The gRPC listener: answers what the test set, and counts.
struct FakeGrpc {
  absl::StatusOr<LookupResponse> lookup = absl::UnavailableError("not here");
  absl::StatusOr<RegisterResponse> registered = sample::Registered();
  int calls = 0;
  TrackerUrl url;

  MakeClient Factory() {
    return [this](const TrackerUrl& at) {
      url = at;
      return std::make_unique<Client>(this);
    };
  }

  class Client final : public TrackerClient {
   public:
    explicit Client(FakeGrpc* fake) : fake_(fake) {}
    absl::StatusOr<RegisterResponse> Register(const RegisterRequest&, absl::Duration) override {
      ++fake_->calls;
      return fake_->registered;
    }
    absl::StatusOr<HeartbeatResponse> Heartbeat(const HeartbeatRequest&, absl::Duration) override {
      ++fake_->calls;
      return sample::Beaten();
    }
    absl::StatusOr<LookupResponse> Lookup(const LookupRequest&, absl::Duration) override {
      ++fake_->calls;
      return fake_->lookup;
    }
    absl::StatusOr<ListContentsResponse> ListContents(const ListContentsRequest&, absl::Duration) override {
      ++fake_->calls;
      return ListContentsResponse{{sample::Status(1)}, "next"};
    }
    absl::StatusOr<GetSwarmResponse> GetSwarm(const ContentKey&, absl::Duration) override {
      ++fake_->calls;
      return GetSwarmResponse{sample::Status(1), {}};
    }
    absl::StatusOr<LeaveResponse> Leave(const LeaveRequest&, absl::Duration) override {
      ++fake_->calls;
      return LeaveResponse{1};
    }
    const TrackerUrl& url() const override { return fake_->url; }

   private:
    FakeGrpc* const fake_;
  };
};

// Long enough that no noise of the machine ends it; the tests never wait it out.
constexpr absl::Duration kPatience = absl::Seconds(60);

TEST(UdpTrackerClientTest, GetsACookieOnceAndThenResponses) {
  FakeGrpc grpc;
  FakeTracker tracker([](const DatagramRequest& request, int) -> std::vector<DatagramResponse> {
    if (std::holds_alternative<RegisterRequest>(request.body)) return With(request, sample::Registered());
    if (std::holds_alternative<HeartbeatRequest>(request.body)) return With(request, sample::Beaten());
    if (std::holds_alternative<LookupRequest>(request.body)) return With(request, sample::Found());
    return With(request, LeaveResponse{2});
  });
  const auto client = MakeUdpTrackerClient(tracker.url(), grpc.Factory());
  const auto registered = client->Register(sample::Register(), kPatience);
  ASSERT_TRUE(registered.ok()) << registered.status();
  EXPECT_EQ(registered->lease_id, sample::Registered().lease_id);
  EXPECT_EQ(client->Heartbeat(sample::Heartbeat(), kPatience)->register_again,
            sample::Beaten().register_again);
  EXPECT_EQ(client->Lookup(sample::Lookup(), kPatience)->peers, sample::Found().peers);
  EXPECT_EQ(client->Leave(sample::Leave(), kPatience)->ended, 2u);
  EXPECT_EQ(tracker.cookies_given(), 1);
  EXPECT_EQ(grpc.calls, 0);
}

TEST(UdpTrackerClientTest, RetriesLostDatagramsAndDropsUnrelatedOnes) {
  FakeGrpc grpc;
  FakeTracker tracker([](const DatagramRequest& request, int n) -> std::vector<DatagramResponse> {
    if (n == 0) return {};
    auto responses = With(request, LeaveResponse{1});
    responses.insert(responses.begin(), {request.transaction_id + 1, 0, false, LeaveResponse{99}});
    return responses;
  });
  const auto client = MakeUdpTrackerClient(tracker.url(), grpc.Factory());
  EXPECT_EQ(client->Leave(sample::Leave(), kPatience)->ended, 1u);
  EXPECT_EQ(tracker.requests(), 2);
}

TEST(UdpTrackerClientTest, ErrorsHaveTheirCodeAndTheTrackersName) {
  FakeGrpc grpc;
  FakeTracker tracker(
      [](const DatagramRequest& request, int) { return With(request, absl::NotFoundError("no content")); });
  const auto client = MakeUdpTrackerClient(tracker.url(), grpc.Factory());
  const auto response = client->Lookup(sample::Lookup(), kPatience);
  EXPECT_EQ(response.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(response.status().message()), HasSubstr(tracker.url().ToString() + ": no content"));
}

TEST(UdpTrackerClientTest, AClosedPortIsUnavailableBeforeTheTimeout) {
  FakeGrpc grpc;
  std::optional<FakeTracker> tracker;
  tracker.emplace([](const DatagramRequest&, int) { return std::vector<DatagramResponse>(); });
  const TrackerUrl url = tracker->url();
  tracker.reset();
  const auto client = MakeUdpTrackerClient(url, grpc.Factory());
  const auto response = client->Leave(sample::Leave(), kPatience);
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(response.status().message()), HasSubstr(url.ToString()));
}

TEST(UdpTrackerClientTest, ASilentTrackerExceedsTheDeadline) {
  FakeGrpc grpc;
  FakeTracker tracker([](const DatagramRequest&, int) { return std::vector<DatagramResponse>(); });
  const auto client = MakeUdpTrackerClient(tracker.url(), grpc.Factory());
  EXPECT_EQ(client->Leave(sample::Leave(), absl::Milliseconds(400)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(UdpTrackerClientTest, AnUnknownHostIsUnavailable) {
  FakeGrpc grpc;
  const auto client = MakeUdpTrackerClient({TrackerUrl::Protocol::kUdp, {"no such host", 1}}, grpc.Factory());
  EXPECT_EQ(client->Leave(sample::Leave(), kPatience).status().code(), absl::StatusCode::kUnavailable);
}

TEST(UdpTrackerClientTest, ATrackerThatRejectsItsOwnCookiesIsUnavailable) {
  FakeGrpc grpc;
  FakeTracker tracker(
      [](const DatagramRequest& request, int) { return With(request, DatagramCookie{kCookie}); });
  const auto client = MakeUdpTrackerClient(tracker.url(), grpc.Factory());
  EXPECT_EQ(client->Leave(sample::Leave(), kPatience).status().code(), absl::StatusCode::kUnavailable);
}

TEST(UdpTrackerClientTest, ListContentsAndGetSwarmGoToGrpc) {
  FakeGrpc grpc;
  FakeTracker tracker([](const DatagramRequest&, int) { return std::vector<DatagramResponse>(); }, 50051);
  const auto client = MakeUdpTrackerClient(tracker.url(), grpc.Factory());
  EXPECT_EQ(client->ListContents({}, kPatience)->next_page_token, "next");
  EXPECT_EQ(grpc.url.ToString(), "grpc://127.0.0.1:50051");
  EXPECT_TRUE(client->GetSwarm(ContentKey("name"), kPatience).ok());
  EXPECT_EQ(grpc.calls, 2);
  EXPECT_EQ(tracker.cookies_given(), 1) << "the response with the cookie names the port";
  EXPECT_EQ(tracker.requests(), 0);
}

TEST(UdpTrackerClientTest, TriesEachAddressOfAHostAndThenStaysWithTheOneThatAnswers) {
  FakeGrpc grpc;
  FakeTracker tracker([](const DatagramRequest& request, int) { return With(request, LeaveResponse{2}); },
                      81);
  // It has an IPv6 address as well, as a rule, where nothing listens.
  const TrackerUrl url{TrackerUrl::Protocol::kUdp, {"localhost", tracker.url().address.port}};
  const auto client = MakeUdpTrackerClient(url, grpc.Factory());
  const auto response = client->Leave(sample::Leave(), kPatience);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->ended, 2u);
  EXPECT_TRUE(client->ListContents({}, kPatience).ok());
  EXPECT_EQ(grpc.url.ToString(), "grpc://127.0.0.1:81");
}

TEST(UdpTrackerClientTest, WithoutAGrpcListenerTheErrorSaysSo) {
  FakeGrpc grpc;
  FakeTracker tracker([](const DatagramRequest&, int) { return std::vector<DatagramResponse>(); });
  const auto client = MakeUdpTrackerClient(tracker.url(), grpc.Factory());
  const auto response = client->ListContents({}, kPatience);
  EXPECT_EQ(response.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(response.status().message()), HasSubstr("no gRPC listener"));
}

TEST(UdpTrackerClientTest, AChunkSetThatExceedsADatagramGoesToGrpc) {
  RegisterRequest large = sample::Register();
  large.content.chunk_count = 100'000;
  large.content.length_bytes = 100'000ull * 65536;
  large.held = ChunkSet(100'000);
  for (uint32_t i = 0; i < 100'000; i += 2) large.held.Insert(ChunkIndex(i));
  FakeGrpc grpc;
  FakeTracker with_grpc([](const DatagramRequest&, int) { return std::vector<DatagramResponse>(); }, 50051);
  EXPECT_TRUE(MakeUdpTrackerClient(with_grpc.url(), grpc.Factory())->Register(large, kPatience).ok());
  EXPECT_EQ(grpc.calls, 1);

  FakeTracker without_grpc([](const DatagramRequest&, int) { return std::vector<DatagramResponse>(); });
  const auto response = MakeUdpTrackerClient(without_grpc.url(), grpc.Factory())->Register(large, kPatience);
  EXPECT_EQ(response.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(UdpTrackerClientTest, ATruncatedLookupIsCompletedOverGrpcOrKept) {
  FakeGrpc grpc;
  FakeTracker tracker(
      [](const DatagramRequest& request, int) { return With(request, sample::Found(1, 200)); }, 50051);
  const auto client = MakeUdpTrackerClient(tracker.url(), grpc.Factory());
  const auto kept = client->Lookup(sample::Lookup(), kPatience);
  ASSERT_TRUE(kept.ok());
  EXPECT_TRUE(kept->truncated);
  EXPECT_GT(kept->peers.size(), 10u);

  grpc.lookup = sample::Found(1, 100);
  const auto whole = client->Lookup(sample::Lookup(), kPatience);
  ASSERT_TRUE(whole.ok());
  EXPECT_FALSE(whole->truncated);
  EXPECT_EQ(whole->peers.size(), 100u);
}

TEST(UdpTrackerClientTest, AHeartbeatOfManyLeasesIsSeveralDatagrams) {
  FakeGrpc grpc;
  FakeTracker tracker([](const DatagramRequest& request, int) {
    HeartbeatResponse response{absl::Seconds(30), absl::Seconds(10), {}};
    for (const LeaseBeat& beat : std::get<HeartbeatRequest>(request.body).leases) {
      response.register_again.push_back(beat.lease_id);
    }
    return With(request, response);
  });
  HeartbeatRequest many{sample::Peer(1), sample::Secret(1), {}};
  for (uint64_t i = 1; i <= 100; ++i) many.leases.push_back(sample::Beat(i));
  const auto client = MakeUdpTrackerClient(tracker.url(), grpc.Factory());
  const auto response = client->Heartbeat(many, kPatience);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->register_again.size(), 100u);
  EXPECT_GT(tracker.requests(), 1);
  EXPECT_EQ(grpc.calls, 0);
}

TEST(UdpTrackerClientTest, AHeartbeatOfVeryManyLeasesIsOneGrpcMessage) {
  FakeGrpc grpc;
  FakeTracker tracker([](const DatagramRequest&, int) { return std::vector<DatagramResponse>(); }, 50051);
  HeartbeatRequest many{sample::Peer(1), sample::Secret(1), {}};
  for (uint64_t i = 1; i <= 10'000; ++i) many.leases.push_back(sample::Beat(i));
  EXPECT_TRUE(MakeUdpTrackerClient(tracker.url(), grpc.Factory())->Heartbeat(many, kPatience).ok());
  EXPECT_EQ(grpc.calls, 1);
}

TEST(UdpTrackerClientTest, ThreadsTakeTurns) {
  FakeGrpc grpc;
  FakeTracker tracker([](const DatagramRequest& request, int) { return With(request, LeaveResponse{1}); });
  const auto client = MakeUdpTrackerClient(tracker.url(), grpc.Factory());
  std::atomic<uint32_t> ended = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i) {
        const auto response = client->Leave(sample::Leave(), kPatience);
        if (response.ok()) ended += response->ended;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ended, 100u);
}

}  // namespace
}  // namespace shoal::tracking
