#include "shoal/tracking/client/tracker_client.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/tracker/tracker.h"
#include "shoal/base/mutex.h"
#include "shoal/tracker/v1/tracker.grpc.pb.h"
#include "shoal/tracking/announce/announcer.h"
#include "shoal/tracking/messages/sample_messages.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;
using tracker::Tracker;

// Long enough that no noise of the machine ends it; the tests never wait it out.
constexpr absl::Duration kPatience = absl::Seconds(60);

// A tracker in this process, and a client of it over either protocol.
class TrackerClientTest : public ::testing::TestWithParam<tracking::TrackerUrl::Protocol> {
 protected:
  void SetUp() override { StartTracker(0, 0); }

  void StartTracker(uint16_t grpc_port, uint16_t udp_port) {
    Tracker::Options options;
    const IpAddress loopback = *IpAddress::Parse("127.0.0.1");
    options.grpc = {loopback, grpc_port};
    options.udp = Endpoint{loopback, udp_port};
    options.lease = lease_;
    options.udp_sockets = 1;
    options.trusts_addresses = true;  // those of the samples lead nowhere
    auto started = Tracker::Start(options);
    ASSERT_TRUE(started.ok()) << started.status();
    tracker_ = *std::move(started);
  }

  tracking::TrackerUrl Url() const {
    const bool udp = GetParam() == tracking::TrackerUrl::Protocol::kUdp;
    return {GetParam(), {"127.0.0.1", udp ? tracker_->udp_port() : tracker_->grpc_port()}};
  }

  absl::Duration lease_ = absl::Minutes(10);  // none lapses during a test
  std::unique_ptr<Tracker> tracker_;
};

TEST_P(TrackerClientTest, RegistersManyAtOnce) {
  const auto client = tracking::MakeTrackerClient(Url());
  for (const uint8_t many : {3, 40}) {  // few are datagrams where there are any, many are one message
    tracking::RegisterManyRequest request;
    for (uint8_t i = 0; i < many; ++i) {
      tracking::RegisterRequest one = tracking::sample::Register();
      one.content = tracking::sample::Summary(i, "content-" + std::to_string(i));
      request.registrations.emplace_back(one);
    }
    request.registrations[1]->content.name = "another-name";
    request.registrations[2]->content.id = request.registrations[1]->content.id;
    const auto response = client->RegisterMany(request, kPatience);
    ASSERT_TRUE(response.ok()) << response.status();
    ASSERT_EQ(response->outcomes.size(), many);
    EXPECT_TRUE(response->outcomes[0].ok()) << response->outcomes[0].status();
    EXPECT_EQ(response->outcomes[2].status().code(), absl::StatusCode::kAlreadyExists);
    EXPECT_TRUE(response->outcomes[many - 1].ok() || many == 3);
    ASSERT_TRUE(client->Leave({tracking::sample::Peer(1), tracking::sample::Secret(1), {}}, kPatience).ok());
  }
}

TEST_P(TrackerClientTest, SaysAndHearsEverythingThatATrackerKnows) {
  const auto client = tracking::MakeTrackerClient(Url());
  const auto registered = client->Register(tracking::sample::Register(), kPatience);
  ASSERT_TRUE(registered.ok()) << registered.status();
  EXPECT_EQ(registered->ttl, lease_);
  EXPECT_TRUE(registered->peers.empty());

  tracking::RegisterRequest second = tracking::sample::Register();
  second.peer_id = tracking::sample::Peer(2);
  second.peer_secret = tracking::sample::Secret(2);
  second.endpoint = {IpAddress(), 7001};  // from wherever the request comes
  second.held = ChunkSet::All(100);
  const auto other = client->Register(second, kPatience);
  ASSERT_TRUE(other.ok()) << other.status();
  ASSERT_EQ(other->peers.size(), 1u);
  EXPECT_EQ(other->peers[0].endpoint, tracking::sample::At(1));
  EXPECT_EQ(other->peers[0].chunks_held, 5u);

  tracking::LeaseBeat beat = tracking::sample::Beat(registered->lease_id.value());
  const auto beaten = client->Heartbeat(
      {tracking::sample::Peer(1), tracking::sample::Secret(1), {beat, tracking::sample::Beat(12345)}},
      kPatience);
  ASSERT_TRUE(beaten.ok()) << beaten.status();
  EXPECT_EQ(beaten->register_again, std::vector<tracking::LeaseId>{tracking::LeaseId(12345)});

  for (const tracking::ContentKey& key :
       {tracking::ContentKey(tracking::sample::Content(1)), tracking::ContentKey("content.bin")}) {
    const auto found = client->Lookup({key, tracking::sample::Peer(1), 10}, kPatience);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(found->contents.size(), 1u);
    EXPECT_EQ(found->contents[0].summary, tracking::sample::Summary(1));
    ASSERT_EQ(found->peers.size(), 1u);
    EXPECT_EQ(found->peers[0].endpoint.ToString(), "127.0.0.1:7001");
    EXPECT_TRUE(found->peers[0].complete);
  }

  const auto listed = client->ListContents({}, kPatience);
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_EQ(listed->contents.size(), 1u);
  const auto swarm = client->GetSwarm(tracking::ContentKey(tracking::sample::Content(1)), kPatience);
  ASSERT_TRUE(swarm.ok()) << swarm.status();
  EXPECT_EQ(swarm->peers.size(), 2u);

  EXPECT_EQ(client->Leave({tracking::sample::Peer(1), tracking::sample::Secret(1), {}}, kPatience)->ended,
            1u);
  EXPECT_EQ(client->GetSwarm(tracking::ContentKey(tracking::sample::Content(1)), kPatience)->peers.size(),
            1u);
}

TEST_P(TrackerClientTest, AStrangerWithTheIdOfASeederChangesNothing) {
  const auto client = tracking::MakeTrackerClient(Url());
  const tracking::RegisterRequest seeder = tracking::sample::Register();
  const auto registered = client->Register(seeder, kPatience);
  ASSERT_TRUE(registered.ok()) << registered.status();
  const auto swarm = client->GetSwarm(tracking::ContentKey(tracking::sample::Content(1)), kPatience);
  ASSERT_EQ(swarm->peers.size(), 1u);
  const PeerId seen = swarm->peers[0].peer.id;  // all that a stranger sees

  tracking::RegisterRequest moved = seeder;
  moved.peer_secret = tracking::sample::Secret(66);
  moved.endpoint.port = 666;
  tracking::RegisterManyRequest both;
  both.registrations = {moved, moved};
  tracking::LeaseBeat beat = tracking::sample::Beat(registered->lease_id.value());
  const PeerSecret secret = tracking::sample::Secret(66);
  for (const absl::Status& status :
       {client->Register(moved, kPatience).status(),
        client->RegisterMany(both, kPatience)->outcomes[1].status(),
        client->Heartbeat({seen, secret, {beat}}, kPatience).status(),
        client->Leave({seen, secret, {registered->lease_id}}, kPatience).status(),
        client->Leave({seen, secret, {}}, kPatience).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("only the process that made a lease"));
  }
  EXPECT_EQ(client->Leave({seen, {}, {}}, kPatience).status().code(), absl::StatusCode::kInvalidArgument);

  const auto after = client->GetSwarm(tracking::ContentKey(tracking::sample::Content(1)), kPatience);
  ASSERT_EQ(after->peers.size(), 1u);
  EXPECT_EQ(after->peers[0].peer.endpoint, tracking::sample::At(1));
  EXPECT_EQ(after->peers[0].peer.chunks_held, 5u);
}

TEST_P(TrackerClientTest, ErrorsAreTheSameOverBothProtocols) {
  const auto client = tracking::MakeTrackerClient(Url());
  const auto nothing = client->Lookup({tracking::sample::Content(9), {}, 10}, kPatience);
  EXPECT_EQ(nothing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(nothing.status().message()), HasSubstr(Url().ToString()));
  ASSERT_TRUE(client->Register(tracking::sample::Register(), kPatience).ok());
  tracking::RegisterRequest liar = tracking::sample::Register();
  liar.peer_id = tracking::sample::Peer(2);
  liar.peer_secret = tracking::sample::Secret(2);
  liar.content.name = "another.bin";
  EXPECT_EQ(client->Register(liar, kPatience).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_P(TrackerClientTest, WhereNoTrackerIsItIsUnavailableLongBeforeTheTimeout) {
  const tracking::TrackerUrl url = Url();
  tracker_.reset();
  const auto response = tracking::MakeTrackerClient(url)->Lookup(tracking::sample::Lookup(), kPatience);
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(response.status().message()), HasSubstr(url.ToString() + " can't be reached"));
}

TEST_P(TrackerClientTest, AChunkSetOfAnySizeCanBeRegistered) {
  tracking::RegisterRequest large = tracking::sample::Register();
  large.content.chunk_count = 100'000;
  large.content.length_bytes = 100'000ull * 65536;
  large.held = ChunkSet(100'000);
  for (uint32_t i = 0; i < 100'000; i += 2) large.held.Insert(ChunkIndex(i));
  const auto client = tracking::MakeTrackerClient(Url());
  ASSERT_TRUE(client->Register(large, kPatience).ok());
  EXPECT_EQ(client->GetSwarm(tracking::ContentKey(tracking::sample::Content(1)), kPatience)->peers.at(0).held,
            large.held);
}

TEST_P(TrackerClientTest, ManyPeersAreFoundOverBothProtocols) {
  const auto client = tracking::MakeTrackerClient(Url());
  for (uint8_t i = 1; i <= 100; ++i) {
    tracking::RegisterRequest request = tracking::sample::Register();
    request.peer_id = tracking::sample::Peer(i);
    request.peer_secret = tracking::sample::Secret(i);
    request.endpoint = tracking::sample::At(i);
    request.max_peers = 0;
    ASSERT_TRUE(client->Register(request, kPatience).ok());
  }
  const auto found = client->Lookup({tracking::sample::Content(1), {}, 100}, kPatience);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->peers.size(), 100u);
  EXPECT_FALSE(found->truncated);
}

TEST_P(TrackerClientTest, ARestartedTrackerIsToldAgain) {
  lease_ = absl::Seconds(3);  // a heartbeat each second
  StartTracker(0, 0);
  Mutex mutex;
  CondVar changed;
  int registrations = 0;
  tracking::Announcer::Options options;
  options.self = PeerIdentity(tracking::sample::Secret(1));
  options.endpoint = tracking::sample::At(1);
  options.on_peers = [&](const ContentId&, const std::vector<tracking::PeerInfo>&) {
    MutexLock lock(&mutex);
    ++registrations;
    changed.NotifyAll();
  };
  const auto await = [&](int count) {
    MutexLock lock(&mutex);
    while (registrations < count) changed.Wait(&mutex);
  };
  auto announcer = tracking::Announcer::Start(tracking::MakeTrackerClient(Url()), options);
  announcer->Offer(
      tracking::sample::Summary(1),
      [] { return tracking::Announcer::Progress{.held = tracking::sample::Held()}; }, 10);
  await(1);

  const uint16_t grpc_port = tracker_->grpc_port();
  const uint16_t udp_port = tracker_->udp_port();
  tracker_.reset();
  StartTracker(grpc_port, udp_port);
  await(2);
  const auto client = tracking::MakeTrackerClient(Url());
  EXPECT_EQ(client->GetSwarm(tracking::ContentKey(tracking::sample::Content(1)), kPatience)->peers.at(0).held,
            tracking::sample::Held());

  announcer.reset();
  const auto left = client->Lookup({tracking::sample::Content(1), {}, 10}, kPatience);
  EXPECT_TRUE(!left.ok() || left->peers.empty());
}

TEST_P(TrackerClientTest, EachOfManyLookupsHasItsOwnOutcome) {
  const auto client = tracking::MakeTrackerClient(Url());
  std::vector<tracking::LookupRequest> requests;
  for (uint8_t i = 0; i < 30; ++i) {
    const std::string name = "content-" + std::to_string(i);
    requests.push_back({name, tracking::sample::Peer(9), 10});
    if (i % 3 == 0) continue;
    tracking::RegisterRequest one = tracking::sample::Register();
    one.content = tracking::sample::Summary(i, name);
    ASSERT_TRUE(client->Register(one, kPatience).ok());
  }
  for (const size_t many : {2u, 30u}) {  // few are datagrams where there are any
    const auto outcomes = client->LookupEach({requests.begin(), requests.begin() + many}, kPatience);
    ASSERT_EQ(outcomes.size(), many);
    for (size_t i = 0; i < many; ++i) {
      if (i % 3 == 0) {
        EXPECT_EQ(outcomes[i].status().code(), absl::StatusCode::kNotFound);
      } else {
        ASSERT_TRUE(outcomes[i].ok()) << outcomes[i].status();
        ASSERT_EQ(outcomes[i]->contents.size(), 1u);
        EXPECT_EQ(tracking::ContentKey(outcomes[i]->contents[0].summary.name), requests[i].content);
      }
    }
  }
}

// Answers lookups only when `expected` of them are under way.
class CrowdTracker final : public tracker::v1::TrackerService::Service {
 public:
  explicit CrowdTracker(int expected) : expected_(expected) {}

  grpc::Status Lookup(grpc::ServerContext*, const tracker::v1::LookupRequest*,
                      tracker::v1::LookupResponse*) override {
    MutexLock lock(&mutex_);
    ++under_way_;
    changed_.NotifyAll();
    while (under_way_ < expected_) changed_.Wait(&mutex_);
    return {grpc::StatusCode::NOT_FOUND, "unknown"};
  }

 private:
  const int expected_;
  Mutex mutex_;
  CondVar changed_;
  int under_way_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(GrpcTrackerClientTest, ManyLookupsAreUnderWayAtOnce) {
  constexpr int kLookups = 40;
  CrowdTracker service(kLookups);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);

  const auto client = tracking::MakeTrackerClient(
      {tracking::TrackerUrl::Protocol::kGrpc, {"127.0.0.1", static_cast<uint16_t>(port)}});
  const std::vector<tracking::LookupRequest> requests(kLookups, {std::string("name"), {}, 10});
  for (const auto& outcome : client->LookupEach(requests, kPatience)) {
    EXPECT_EQ(outcome.status().code(), absl::StatusCode::kNotFound);
  }
  server->Shutdown();
}

INSTANTIATE_TEST_SUITE_P(Protocols, TrackerClientTest,
                         ::testing::Values(tracking::TrackerUrl::Protocol::kGrpc,
                                           tracking::TrackerUrl::Protocol::kUdp),
                         [](const auto& protocol) {
                           return std::string(
                               protocol.param == tracking::TrackerUrl::Protocol::kUdp ? "Udp" : "Grpc");
                         });

}  // namespace
}  // namespace shoal
