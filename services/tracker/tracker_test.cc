#include "services/tracker/tracker.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/test_requests.h"
#include "shoal/net/interface_addresses.h"
#include "shoal/service/grpc/health_endpoint.h"
#include "shoal/tracker/v1/tracker.grpc.pb.h"
#include "shoal/tracking/messages/proto_conversion.h"
#include "shoal/tracking/messages/warm_up.h"
#include "tests/support/loopback_client.h"

namespace shoal::tracker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class TrackerTest : public ::testing::Test {
 protected:
  static Endpoint AnyPort() { return {IpAddress::V4({127, 0, 0, 1}), 0}; }

  void SetUp() override {
    Tracker::Options options;
    options.grpc = AnyPort();
    options.udp = AnyPort();
    options.http = AnyPort();
    options.udp_sockets = 2;
    options.trusts_addresses = true;  // those of the samples lead nowhere
    auto tracker = Tracker::Start(options);
    ASSERT_TRUE(tracker.ok()) << tracker.status();
    tracker_ = *std::move(tracker);
    stub_ = v1::TrackerService::NewStub(grpc::CreateChannel(
        "127.0.0.1:" + std::to_string(tracker_->grpc_port()), grpc::InsecureChannelCredentials()));
  }

  grpc::Status Register(const tracking::RegisterRequest& request) {
    grpc::ClientContext context;
    v1::RegisterRequest in;
    v1::RegisterResponse out;
    tracking::ToProto(request, &in);
    return stub_->Register(&context, in, &out);
  }

  // The response of the HTTP listener to a call of `method`, with its head.
  std::string Http(const std::string& verb, const std::string& method) {
    const LoopbackClient client(tracker_->http_port());
    client.Send(verb + " /api/shoal.tracker.v1.TrackerService/" + method +
                " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                "Connection: close\r\n\r\n{}");
    return client.ReadAll();
  }

  std::unique_ptr<Tracker> tracker_;
  std::unique_ptr<v1::TrackerService::Stub> stub_;
};

TEST_F(TrackerTest, OpensAllListeners) {
  EXPECT_NE(tracker_->grpc_port(), 0);
  EXPECT_NE(tracker_->udp_port(), 0);
  EXPECT_NE(tracker_->http_port(), 0);
  EXPECT_TRUE(
      service::CheckHealth(absl::StrCat("127.0.0.1:", tracker_->grpc_port()), absl::Seconds(10)).ok());
}

TEST_F(TrackerTest, SuppliesTheSourceAddressOfACall) {
  tracking::RegisterRequest request = TestSeeder(1, TestContent(1));
  request.endpoint.ip = IpAddress();
  ASSERT_TRUE(Register(request).ok());
  grpc::ClientContext context;
  v1::LookupRequest in;
  v1::LookupResponse out;
  in.set_name("content-1");
  ASSERT_TRUE(stub_->Lookup(&context, in, &out).ok());
  ASSERT_EQ(out.peers_size(), 1);
  EXPECT_EQ(out.peers(0).endpoint().ip(), "127.0.0.1");
}

TEST_F(TrackerTest, APeerOnThisMachineIsNamedByTheCallersWayToIt) {
  // Another tracker, on all addresses: a caller reaches it at any address of 127.0.0.0/8.
  Tracker::Options options;
  options.grpc = {IpAddress(), 0};
  options.trusts_addresses = true;
  const auto tracker = Tracker::Start(options);
  ASSERT_TRUE(tracker.ok()) << tracker.status();
  const std::string port = ":" + std::to_string((*tracker)->grpc_port());
  const auto reach = [&](const std::string& address) {
    stub_ =
        v1::TrackerService::NewStub(grpc::CreateChannel(address + port, grpc::InsecureChannelCredentials()));
  };
  reach("127.0.0.1");
  tracking::RegisterRequest request = TestSeeder(1, TestContent(1));
  request.endpoint = {IpAddress(), 7001};
  ASSERT_TRUE(Register(request).ok());
  for (const char* address : {"127.0.0.1", "127.0.0.2"}) {
    reach(address);
    grpc::ClientContext context;
    v1::LookupRequest in;
    v1::LookupResponse out;
    in.set_name("content-1");
    ASSERT_TRUE(stub_->Lookup(&context, in, &out).ok());
    ASSERT_EQ(out.peers_size(), 1);
    EXPECT_EQ(out.peers(0).endpoint().ip(), address);
    EXPECT_EQ(out.peers(0).endpoint().port(), 7001u);
  }
}

TEST_F(TrackerTest, AYoungTrackerSaysSoWithItsErrors) {
  grpc::ClientContext context;
  v1::LookupRequest in;
  v1::LookupResponse out;
  in.set_name("unknown");
  EXPECT_EQ(stub_->Lookup(&context, in, &out).error_code(), grpc::StatusCode::NOT_FOUND);
  const auto& metadata = context.GetServerTrailingMetadata();
  const auto found = metadata.find(tracking::kWarmUpMetadata);
  ASSERT_NE(found, metadata.end());
  const absl::Duration left = tracking::WarmUpFrom(std::string(found->second.data(), found->second.size()));
  EXPECT_GT(left, absl::ZeroDuration());
  EXPECT_LE(left, absl::Seconds(30));
}

TEST_F(TrackerTest, AReservedNameNeedsASignatureOfItsKey) {
  const SigningKey key = SigningKey::Generate();
  tracker_->SetReserved(std::make_shared<const ReservedNames>(
      *ReservedNames::Parse("content-* " + key.public_key().ToText() + "\n")));
  tracking::RegisterRequest request = TestSeeder(1, TestContent(1));
  const grpc::Status refused = Register(request);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(refused.error_message(), HasSubstr("--sign-key"));
  request.signature =
      PublisherSignature::Make(key, request.content.id, request.content.name, absl::FromUnixMillis(1));
  EXPECT_TRUE(Register(request).ok());
  const std::string listed = Http("GET", "ListContents?nameContains=content&pageSize=10");
  EXPECT_THAT(listed, HasSubstr("\"signatures\":[{\"publicKey\":\"" + key.public_key().ToText().substr(8)));
}

TEST_F(TrackerTest, ReadsAreAnsweredOverHttp) {
  ASSERT_TRUE(Register(TestSeeder(1, TestContent(1))).ok());
  const std::string listed = Http("GET", "ListContents?nameContains=content&pageSize=10");
  EXPECT_THAT(listed, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(listed, HasSubstr("\"name\":\"content-1\""));
  EXPECT_THAT(listed, HasSubstr("\"seeders\":1"));
  const std::string swarm = Http("GET", "GetSwarm?contentHex=" + TestContentId(1).ToHex());
  EXPECT_THAT(swarm, HasSubstr("\"peerHex\":\"" + TestPeerId(1).ToHex()));
  EXPECT_THAT(Http("GET", "GetSwarm?name=unknown"), StartsWith("HTTP/1.1 404 "));
  for (const char* bad : {"ListContents?pageSize=-1", "ListContents?nothing=1", "GetSwarm?contentHex=12"})
    EXPECT_THAT(Http("GET", bad), StartsWith("HTTP/1.1 400 ")) << bad;
}

TEST_F(TrackerTest, NothingIsChangedOverHttp) {
  for (const char* method : {"Register", "RegisterMany", "Heartbeat", "Leave", "Watch"}) {
    EXPECT_THAT(Http("GET", method), StartsWith("HTTP/1.1 403 ")) << method;
    EXPECT_THAT(Http("POST", method), StartsWith("HTTP/1.1 405 ")) << method;
  }
  EXPECT_THAT(Http("POST", "ListContents"), StartsWith("HTTP/1.1 405 "));
}

TEST_F(TrackerTest, WatchBeginsWithThePeersAndEndsWithTheTracker) {
  ASSERT_TRUE(Register(TestSeeder(1, TestContent(1))).ok());
  grpc::ClientContext context;
  v1::WatchRequest in;
  in.set_content_hex(TestContentId(1).ToHex());
  const auto watch = stub_->Watch(&context, in);
  v1::SwarmEvent event;
  ASSERT_TRUE(watch->Read(&event));
  EXPECT_EQ(event.peer().peer_hex(), TestPeerId(1).ToHex());
  ASSERT_TRUE(Register(TestSeeder(2, TestContent(1))).ok());
  ASSERT_TRUE(watch->Read(&event));
  EXPECT_EQ(event.peer().peer_hex(), TestPeerId(2).ToHex());

  std::thread stop([&] { tracker_->Stop(absl::Minutes(1)); });
  EXPECT_FALSE(watch->Read(&event));
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  stop.join();
}

TEST_F(TrackerTest, ADisconnectedWatcherIsRemoved) {
  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext context;
    v1::WatchRequest in;
    in.set_content_hex(TestContentId(1).ToHex());
    const auto watch = stub_->Watch(&context, in);
    watch->WaitForInitialMetadata();
    context.TryCancel();
    EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  grpc::ClientContext context;
  const auto refused = stub_->Watch(&context, v1::WatchRequest());
  EXPECT_EQ(refused->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(TrackerTest, ASourceHasAShareOfTheWatches) {
  Tracker::Options options;
  options.grpc = AnyPort();
  options.limits.registry.max_watchers = 4;
  const auto tracker = Tracker::Start(options);
  ASSERT_TRUE(tracker.ok()) << tracker.status();
  stub_ = v1::TrackerService::NewStub(grpc::CreateChannel(
      "127.0.0.1:" + std::to_string((*tracker)->grpc_port()), grpc::InsecureChannelCredentials()));
  v1::WatchRequest in;
  in.set_content_hex(TestContentId(1).ToHex());
  {
    std::array<grpc::ClientContext, 2> contexts;
    std::vector<std::unique_ptr<grpc::ClientReader<v1::SwarmEvent>>> watches;
    for (grpc::ClientContext& context : contexts) {
      watches.push_back(stub_->Watch(&context, in));
      watches.back()->WaitForInitialMetadata();
    }
    grpc::ClientContext third;
    const grpc::Status refused = stub_->Watch(&third, in)->Finish();
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_THAT(refused.error_message(), HasSubstr("--max-watchers"));
    for (size_t i = 0; i < contexts.size(); ++i) {
      contexts[i].TryCancel();
      EXPECT_EQ(watches[i]->Finish().error_code(), grpc::StatusCode::CANCELLED);
    }
  }
  // Their share is free again once the tracker has noticed their end.
  for (;;) {
    grpc::ClientContext context;
    const auto watch = stub_->Watch(&context, in);
    watch->WaitForInitialMetadata();
    context.TryCancel();
    if (watch->Finish().error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED) break;
  }
}

TEST_F(TrackerTest, ASecondTrackerAtTheSameAddressFails) {
  Tracker::Options options;
  options.grpc = {AnyPort().ip, tracker_->grpc_port()};
  EXPECT_THAT(std::string(Tracker::Start(options).status().message()), HasSubstr("in use"));
  options.grpc = AnyPort();
  options.udp = {AnyPort().ip, tracker_->udp_port()};
  EXPECT_THAT(std::string(Tracker::Start(options).status().message()), HasSubstr("in use"));
  options.udp.reset();
  options.http = {AnyPort().ip, tracker_->http_port()};
  EXPECT_THAT(std::string(Tracker::Start(options).status().message()), HasSubstr("in use"));
}

TEST_F(TrackerTest, LooksUpManyContentsAtOnce) {
  ASSERT_TRUE(Register(TestSeeder(1, TestContent(1))).ok());
  ASSERT_TRUE(Register(TestSeeder(2, TestContent(2))).ok());
  grpc::ClientContext context;
  v1::LookupManyRequest in;
  v1::LookupManyResponse out;
  for (const uint32_t content : {2, 9, 1}) in.add_content_ids(TestContentId(content).ToString());
  ASSERT_TRUE(stub_->LookupMany(&context, in, &out).ok());
  ASSERT_EQ(out.results_size(), 3);
  ASSERT_EQ(out.results(0).peers_size(), 1);
  EXPECT_EQ(out.results(0).peers(0).peer_id(), TestPeerId(2).ToString());
  EXPECT_EQ(out.results(1).contents_size(), 0);
  EXPECT_EQ(out.results(2).contents(0).summary().name(), "content-1");
}

TEST_F(TrackerTest, RegistersManyContentsAndEachHasItsOutcome) {
  ASSERT_TRUE(Register(TestSeeder(1, TestContent(2))).ok());
  tracking::RegisterManyRequest request;
  for (uint32_t content = 1; content <= 3; ++content)
    request.registrations.push_back(TestSeeder(9, TestContent(content), 10));
  request.registrations[1]->content.name = "another";
  request.registrations[2]->endpoint.ip = IpAddress();
  grpc::ClientContext context;
  v1::RegisterManyRequest in;
  v1::RegisterManyResponse out;
  tracking::ToProto(request, &in);
  in.add_registrations();
  ASSERT_TRUE(stub_->RegisterMany(&context, in, &out).ok());
  const auto response = tracking::FromProto(out);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->outcomes.size(), 4u);
  EXPECT_TRUE(response->outcomes[0].ok()) << response->outcomes[0].status();
  EXPECT_EQ(response->outcomes[1].status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(response->outcomes[2].ok()) << response->outcomes[2].status();
  EXPECT_EQ(response->outcomes[3].status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(TrackerTest, LimitsChangeWhileItRuns) {
  TrackerLimits limits;
  limits.registry.max_contents = 1;
  tracker_->SetLimits(limits);
  EXPECT_TRUE(Register(TestSeeder(1, TestContent(1))).ok());
  const grpc::Status refused = Register(TestSeeder(1, TestContent(2)));
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("limit of 1 contents"));
  EXPECT_THAT(refused.error_message(), HasSubstr("try again"));
  tracker_->SetLimits(TrackerLimits());
  EXPECT_TRUE(Register(TestSeeder(1, TestContent(2))).ok());
}

TEST_F(TrackerTest, NewContentsAreChargedToTheCallersAddress) {
  Tracker::Options options;
  options.grpc = {IpAddress(), 0};
  options.trusts_addresses = true;
  options.limits.registry.new_contents_burst = 2;
  options.limits.registry.new_contents_per_second = 0.001;
  const auto tracker = Tracker::Start(options);
  ASSERT_TRUE(tracker.ok()) << tracker.status();
  const auto refused_at = [&](const IpAddress& address, uint32_t first_content) {
    const Endpoint there{address, (*tracker)->grpc_port()};
    stub_ = v1::TrackerService::NewStub(
        grpc::CreateChannel(there.ToString(), grpc::InsecureChannelCredentials()));
    v1::RegisterManyRequest in;
    for (uint32_t i = 0; i < 4; ++i)
      tracking::ToProto(TestSeeder(1, TestContent(first_content + i)), in.add_registrations());
    v1::RegisterManyResponse out;
    grpc::ClientContext context;
    const grpc::Status status = stub_->RegisterMany(&context, in, &out);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<bool> refused;
    for (const v1::RegisterOutcome& outcome : out.outcomes()) {
      refused.push_back(outcome.has_refused());
      if (!outcome.has_refused()) continue;
      EXPECT_EQ(outcome.refused().code(), static_cast<uint32_t>(absl::StatusCode::kResourceExhausted));
      EXPECT_THAT(outcome.refused().message(), HasSubstr("--new-contents-burst"));
    }
    return refused;
  };
  EXPECT_THAT(refused_at(IpAddress::V4({127, 0, 0, 1}), 1), ElementsAre(false, false, false, false));
  // Only a call over loopback is exempt, so one of this machine's other addresses is charged.
  for (const net::InterfaceAddress& own : net::InterfaceAddresses()) {
    if (!own.ip.is_v4() || own.reach == net::AddressReach::kLoopback) continue;
    EXPECT_THAT(refused_at(own.ip, 3), ElementsAre(false, false, false, false)) << "two are known";
    EXPECT_THAT(refused_at(own.ip, 5), ElementsAre(false, false, true, true));
    return;
  }
  GTEST_SKIP() << "this machine has no address but loopback";
}

TEST_F(TrackerTest, ARestartWithAStateFileKeepsEveryPeer) {
  Tracker::Options options;
  options.grpc = AnyPort();
  options.trusts_addresses = true;
  options.state_file = ::testing::TempDir() + "shoal-tracker-test-state-" + std::to_string(getpid());
  const auto connect = [&](const Tracker& tracker) {
    stub_ = v1::TrackerService::NewStub(grpc::CreateChannel(
        "127.0.0.1:" + std::to_string(tracker.grpc_port()), grpc::InsecureChannelCredentials()));
  };
  for (int life = 0; life < 2; ++life) {
    auto tracker = Tracker::Start(options);
    ASSERT_TRUE(tracker.ok()) << tracker.status();
    connect(**tracker);
    if (life == 0) {
      for (uint32_t peer = 1; peer <= 5; ++peer) ASSERT_TRUE(Register(TestSeeder(peer, TestContent(1))).ok());
    } else {
      grpc::ClientContext context;
      v1::LookupRequest in;
      v1::LookupResponse out;
      in.set_name("content-1");
      ASSERT_TRUE(stub_->Lookup(&context, in, &out).ok());
      EXPECT_EQ(out.peers_size(), 5);
    }
    (*tracker)->Stop(absl::ZeroDuration());
  }
  // One that can't be used is set aside.
  std::ofstream(options.state_file) << "something else";
  ASSERT_TRUE(Tracker::Start(options).ok());
  const std::string aside = options.state_file + ".unusable";
  std::string kept;
  std::getline(std::ifstream(aside), kept);
  EXPECT_EQ(kept, "something else");
  std::remove(aside.c_str());
  std::remove(options.state_file.c_str());
}

TEST_F(TrackerTest, AStoppedTrackerAcceptsNoCalls) {
  tracker_->Stop(absl::Seconds(1));
  tracker_->Stop(absl::Seconds(1));
  EXPECT_FALSE(Register(TestSeeder(1, TestContent(1))).ok());
}

}  // namespace
}  // namespace shoal::tracker
