#include "services/tracker/udp/shoal_datagrams.h"

#include <array>
#include <string>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/test_requests.h"
#include "services/tracker/udp/udp_listener.h"
#include "shoal/base/manual_clock.h"
#include "shoal/tracking/messages/datagram.h"
#include "shoal/tracking/messages/warm_up.h"
#include "tests/support/temporary_folder.h"

namespace shoal::tracker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ShoalDatagramsTest : public ::testing::Test {
 protected:
  Endpoint Source() const { return source_; }

  std::string Answer(const std::string& datagram, bool overloaded = false) {
    std::array<uint8_t, DatagramServer::kMaxResponseBytes> room;
    IncomingDatagram incoming{AsBytes(datagram), Source(), room, local_};
    listener_.Answer({&incoming, 1}, overloaded);
    return {reinterpret_cast<const char*>(room.data()), incoming.response_bytes};
  }

  template <typename Body>
  std::string Encode(const Body& body, const std::string& cookie, size_t min_bytes = 0) {
    tracking::DatagramRequest request;
    request.transaction_id = 77;
    request.cookie = cookie;
    request.body = body;
    const auto encoded = request.Encode(min_bytes);
    EXPECT_TRUE(encoded.ok()) << encoded.status();
    return *encoded;
  }

  // With a valid cookie.
  template <typename Response, typename Body>
  Response Ask(const Body& body, size_t min_bytes = 0) {
    last_ = Answer(Encode(body, cookies_.Make(Source()), min_bytes));
    const auto response = tracking::DatagramResponse::Decode(AsBytes(last_));
    EXPECT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->transaction_id, 77u);
    EXPECT_EQ(response->grpc_port, 50051);
    truncated_ = response->truncated;
    const Response* body_of_response = std::get_if<Response>(&response->body);
    EXPECT_NE(body_of_response, nullptr);
    return body_of_response ? *body_of_response : Response();
  }

  bool Counted(const std::string& result, int count) {
    return metrics_.Render().find("shoal_tracker_datagrams_total{result=\"" + result + "\"} " +
                                  std::to_string(count) + "\n") != std::string::npos;
  }

  ManualClock clock_;
  TrackerState state_{{}, &clock_};
  Registry& registry_ = *state_.registry();
  service::Metrics metrics_;
  RateLimiter limiter_{{}, 1};
  ListenerMetrics listener_metrics_{&metrics_, &state_, &limiter_};
  DatagramCookies cookies_{SipHashKey{1}, &clock_};
  CurrentPeerAddresses addresses_{
      [] { return std::vector{IpAddress::V4({127, 0, 0, 1}), IpAddress::V4({10, 1, 0, 1})}; }};
  AccessControl access_;
  Endpoint source_{IpAddress::V4({192, 0, 2, 1}), 4000};
  IpAddress local_ = IpAddress::V4({10, 1, 0, 1});
  AddressVerifier verifier_{{.trusts_claims = true}, &registry_, nullptr, nullptr, &clock_};
  UdpListener listener_{
      {.listen = {}, .sockets = 1, .grpc_port = 50051, .cookie_key = {1}, .connection_id_key = {2}},
      &state_,
      &addresses_,
      &verifier_,
      &listener_metrics_,
      &limiter_,
      &access_,
      &clock_};
  std::string last_;
  bool truncated_ = false;
};

TEST_F(ShoalDatagramsTest, ARequestWithoutACookieGetsOneAndHasNoEffect) {
  for (const std::string& cookie : {std::string(), std::string(16, 'x')}) {
    const std::string request = Encode(TestSeeder(1, TestContent(1)), cookie, tracking::kMinRequestBytes);
    const std::string answer = Answer(request);
    EXPECT_LE(answer.size(), request.size());
    const auto response = tracking::DatagramResponse::Decode(AsBytes(answer));
    ASSERT_TRUE(response.ok()) << response.status();
    ASSERT_TRUE(std::holds_alternative<tracking::DatagramCookie>(response->body));
    EXPECT_EQ(std::get<tracking::DatagramCookie>(response->body).cookie, cookies_.Make(Source()));
  }
  EXPECT_EQ(registry_.stats().known_contents, 0u);
  EXPECT_TRUE(Counted("cookie_given", 2));
}

TEST_F(ShoalDatagramsTest, NewContentsAreChargedToTheSource) {
  RegistryLimits limits;
  limits.new_contents_burst = 1;
  registry_.SetLimits(limits);
  Ask<tracking::RegisterResponse>(TestSeeder(1, TestContent(1)));
  const auto refused = Ask<absl::Status>(TestSeeder(1, TestContent(2)));
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--new-contents-per-address"));
  source_.ip = IpAddress::V4({192, 0, 2, 2});
  Ask<tracking::RegisterResponse>(TestSeeder(2, TestContent(2)));
  source_.ip = IpAddress::V4({192, 0, 2, 1});
  Ask<tracking::RegisterResponse>(TestSeeder(1, TestContent(2)));
}

TEST_F(ShoalDatagramsTest, SignaturesFitBesidePeers) {
  for (uint32_t peer = 1; peer <= 4; ++peer) {
    tracking::RegisterRequest seeder = TestSeeder(peer, TestContent(1));
    seeder.signature = PublisherSignature::Make(SigningKey::Generate(), seeder.content.id,
                                                seeder.content.name, clock_.Now());
    Ask<tracking::RegisterResponse>(seeder);
  }
  tracking::LookupRequest lookup;
  lookup.content = TestContentId(1);
  const auto found = Ask<tracking::LookupResponse>(lookup);
  ASSERT_THAT(found.contents, SizeIs(1));
  EXPECT_THAT(found.contents[0].signatures, SizeIs(4));
  EXPECT_FALSE(found.peers.empty());
}

TEST_F(ShoalDatagramsTest, WhenOverloadedOnlySourcesWithACookieAreAnswered) {
  EXPECT_EQ(Answer(Encode(TestSeeder(1, TestContent(1)), "", tracking::kMinRequestBytes), true), "");
  EXPECT_TRUE(Counted("over_rate", 1));
  EXPECT_NE(Answer(Encode(TestSeeder(1, TestContent(1)), cookies_.Make(Source())), true), "");
  EXPECT_TRUE(Counted("answered", 1));
}

TEST_F(ShoalDatagramsTest, ARequestShorterThanACookieGetsNothing) {
  EXPECT_EQ(Answer(Encode(tracking::LeaveRequest{TestPeerId(1), {}, {}}, "")), "");
  EXPECT_TRUE(Counted("too_short", 1));
}

TEST_F(ShoalDatagramsTest, AllFourCalls) {
  tracking::RegisterRequest seeder = TestSeeder(1, TestContent(1));
  seeder.endpoint.ip = IpAddress();
  const auto registered = Ask<tracking::RegisterResponse>(seeder);
  EXPECT_EQ(registered.ttl, absl::Seconds(30));
  const auto found =
      Ask<tracking::LookupResponse>(tracking::LookupRequest{std::string("content-1"), std::nullopt, 10});
  ASSERT_THAT(found.peers, SizeIs(1));
  EXPECT_EQ(found.peers[0].endpoint.ip, Source().ip);  // where the datagram came from
  EXPECT_EQ(found.peers[0].endpoint.port, seeder.endpoint.port);
  const auto beat =
      Ask<tracking::HeartbeatResponse>(TestHeartbeat(1, {registered.lease_id, tracking::LeaseId(5)}));
  EXPECT_THAT(beat.register_again, ElementsAre(tracking::LeaseId(5)));
  EXPECT_EQ(Ask<tracking::LeaveResponse>(TestLeave(1, {registered.lease_id})).ended, 1u);
  EXPECT_TRUE(Counted("answered", 4));
}

TEST_F(ShoalDatagramsTest, APeerOnThisMachineIsNamedByTheCallersWayToIt) {
  tracking::RegisterRequest seeder = TestSeeder(1, TestContent(1));
  seeder.endpoint = {IpAddress(), 7001};
  for (const auto& source : {IpAddress::V4({127, 0, 0, 1}), IpAddress::V4({10, 1, 0, 1})}) {
    source_.ip = source;
    Ask<tracking::RegisterResponse>(seeder);
    source_.ip = IpAddress::V4({192, 0, 2, 1});
    const auto found =
        Ask<tracking::LookupResponse>(tracking::LookupRequest{std::string("content-1"), std::nullopt, 10});
    ASSERT_THAT(found.peers, SizeIs(1));
    EXPECT_EQ(found.peers[0].endpoint, (Endpoint{local_, 7001}));
  }
}

TEST_F(ShoalDatagramsTest, AYoungTrackerSaysSo) {
  const auto error = Ask<absl::Status>(tracking::LookupRequest{TestContentId(1), std::nullopt, 10});
  EXPECT_EQ(tracking::WarmUpOf(error), absl::Seconds(30));
  ASSERT_TRUE(registry_.Register(TestSeeder(1, TestContent(1))).ok());
  EXPECT_EQ(
      Ask<tracking::LookupResponse>(tracking::LookupRequest{TestContentId(1), std::nullopt, 10}).warming_up,
      absl::Seconds(30));
}

TEST_F(ShoalDatagramsTest, ErrorsAreReturned) {
  const auto error = Ask<absl::Status>(tracking::LookupRequest{TestContentId(1), std::nullopt, 10});
  EXPECT_EQ(error.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(error.message()), HasSubstr(TestContentId(1).ToHex()));
}

TEST_F(ShoalDatagramsTest, TheErrorForAnIllFormedBodyIsNoLargerThanTheRequest) {
  tracking::LookupRequest nameless;
  nameless.content = std::string();
  const auto error = Ask<absl::Status>(nameless);
  EXPECT_EQ(error.code(), absl::StatusCode::kInvalidArgument) << error;
  EXPECT_TRUE(Counted("refused", 1));
  EXPECT_TRUE(Counted("answered", 0));
  const absl::Status no_body = absl::InvalidArgumentError("left out");
  for (const size_t size : {size_t{0}, size_t{64}, size_t{100}}) {
    const std::string request = Encode(no_body, cookies_.Make(Source()), size);
    const std::string answer = Answer(request);
    EXPECT_LE(answer.size(), request.size());
    EXPECT_TRUE(
        std::holds_alternative<absl::Status>(tracking::DatagramResponse::Decode(AsBytes(answer))->body));
  }
  // A sender without a cookie gets one, whatever the body.
  const auto response =
      tracking::DatagramResponse::Decode(AsBytes(Answer(Encode(no_body, "", tracking::kMinRequestBytes))));
  EXPECT_TRUE(response.ok() && std::holds_alternative<tracking::DatagramCookie>(response->body));
}

TEST_F(ShoalDatagramsTest, ATrackerWithTokensNamesItsGrpcListener) {
  TemporaryFolder folder;
  folder.Write("tokens", "");
  const auto access = AccessControl::Open(folder.Path("tokens"));
  ASSERT_TRUE(access.ok()) << access.status();
  const UdpListener guarded({.listen = {},
                             .sockets = 1,
                             .grpc_port = 50051,
                             .cookie_key = {1},
                             .connection_id_key = {2},
                             .bittorrent = false},
                            &state_, &addresses_, &verifier_, &listener_metrics_, &limiter_, access->get(),
                            &clock_);
  const auto answer = [&](const std::string& datagram) {
    std::array<uint8_t, DatagramServer::kMaxResponseBytes> room;
    IncomingDatagram incoming{AsBytes(datagram), Source(), room, local_};
    guarded.Answer({&incoming, 1}, false);
    return std::string(reinterpret_cast<const char*>(room.data()), incoming.response_bytes);
  };
  const auto response = tracking::DatagramResponse::Decode(
      AsBytes(answer(Encode(TestSeeder(1, TestContent(1)), cookies_.Make(Source())))));
  ASSERT_TRUE(response.ok()) << response.status();
  const auto* error = std::get_if<absl::Status>(&response->body);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(error->message()), HasSubstr("grpc://10.1.0.1:50051"));
  EXPECT_EQ(registry_.stats().known_contents, 0u);
  EXPECT_TRUE(Counted("refused", 1));
  // BitTorrent's connect gets nothing.
  EXPECT_EQ(answer(std::string("\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0abcd", 16)), "");
  EXPECT_TRUE(Counted("unproven", 1));
}

TEST_F(ShoalDatagramsTest, ALargeResponseIsTruncatedAndMarked) {
  for (uint32_t peer = 1; peer <= 200; ++peer)
    ASSERT_TRUE(registry_.Register(TestSeeder(peer, TestContent(1))).ok());
  const auto found =
      Ask<tracking::LookupResponse>(tracking::LookupRequest{TestContentId(1), std::nullopt, 200});
  EXPECT_TRUE(truncated_);
  EXPECT_GT(found.peers.size(), 10u);
  EXPECT_LE(last_.size(), tracking::kMaxDatagramBytes);
}

TEST_F(ShoalDatagramsTest, MalformedDatagramsAreDroppedAndCounted) {
  const std::string good = Encode(TestLeave(1), cookies_.Make(Source()));
  EXPECT_EQ(Answer(""), "");
  EXPECT_EQ(Answer("SHD"), "");
  EXPECT_EQ(Answer("SHD1"), "");
  EXPECT_EQ(Answer("SHR1" + good.substr(4)), "");
  EXPECT_EQ(Answer(std::string(1200, '\xff')), "");
  EXPECT_EQ(Answer("SHD1" + std::string(1000, '\xff')), "");
  EXPECT_TRUE(Counted("malformed", 6));
  EXPECT_TRUE(Counted("answered", 0));
}

}  // namespace
}  // namespace shoal::tracker
