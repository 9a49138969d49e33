#include "shoal/tracking/messages/proto_conversion.h"

#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/tracker/v1/messages.pb.h"
#include "shoal/tracking/messages/sample_messages.h"
#include "shoal/tracking/messages/warm_up.h"

namespace shoal::tracking {
namespace {

using ::testing::StartsWith;

// There and back gives the same bytes again, and FromProto takes what ToProto makes.
template <typename Proto, typename Plain>
Plain RoundTrip(const Plain& plain) {
  Proto proto;
  ToProto(plain, &proto);
  const absl::StatusOr<Plain> back = FromProto(proto);
  EXPECT_TRUE(back.ok()) << back.status();
  if (!back.ok()) return {};
  Proto again;
  ToProto(*back, &again);
  EXPECT_EQ(again.SerializeAsString(), proto.SerializeAsString()) << proto.DebugString();
  return *back;
}

TEST(ProtoConversionTest, Register) {
  const RegisterRequest back = RoundTrip<pb::RegisterRequest>(sample::Register());
  EXPECT_EQ(back.peer_id, sample::Peer(1));
  EXPECT_EQ(back.endpoint, sample::At(1));
  EXPECT_EQ(back.content, sample::Summary(1));
  EXPECT_EQ(back.held, sample::Held());
  EXPECT_EQ(back.site, "berlin/7");
  EXPECT_EQ(back.free_slots, 8u);
  EXPECT_EQ(back.max_peers, 50u);

  const RegisterResponse response = RoundTrip<pb::RegisterResponse>(sample::Registered());
  EXPECT_EQ(response.lease_id, sample::Registered().lease_id);
  EXPECT_EQ(response.ttl, absl::Seconds(30));
  EXPECT_EQ(response.heartbeat_interval, absl::Milliseconds(10'500));
  EXPECT_EQ(response.peers, sample::Registered().peers);
}

TEST(ProtoConversionTest, RegisterWithoutAnAddress) {
  RegisterRequest request = sample::Register();
  request.endpoint.ip = IpAddress();
  EXPECT_TRUE(RoundTrip<pb::RegisterRequest>(request).endpoint.ip.is_unspecified());
}

TEST(ProtoConversionTest, RegisterWithoutAChunkSet) {
  pb::RegisterRequest proto;
  ToProto(sample::Register(), &proto);
  proto.clear_held();
  EXPECT_EQ(FromProto(proto)->held, ChunkSet(100));
}

TEST(ProtoConversionTest, Heartbeat) {
  const HeartbeatRequest back = RoundTrip<pb::HeartbeatRequest>(sample::Heartbeat());
  ASSERT_EQ(back.leases.size(), 2u);
  EXPECT_EQ(back.leases[1].lease_id, LeaseId(8));
  EXPECT_EQ(back.leases[1].gained, sample::Beat(8).gained);
  EXPECT_EQ(back.leases[1].send_rate_bytes_per_second, 3'000'000'000u);
  EXPECT_EQ(back.reports, sample::Heartbeat().reports);
  EXPECT_EQ(RoundTrip<pb::HeartbeatResponse>(sample::Beaten()).register_again,
            sample::Beaten().register_again);
}

TEST(ProtoConversionTest, HeartbeatIgnoresReportsWithUnknownReasons) {
  pb::HeartbeatRequest proto;
  ToProto(sample::Heartbeat(), &proto);
  proto.mutable_reports(0)->set_reason(static_cast<pb::PeerReport::Reason>(77));
  EXPECT_EQ(FromProto(proto)->reports, std::vector{sample::Heartbeat().reports[1]});
}

TEST(ProtoConversionTest, HeartbeatIgnoresUnknownDirectives) {
  pb::HeartbeatResponse proto;
  ToProto(sample::Beaten(), &proto);
  proto.mutable_directives(0)->set_kind(static_cast<pb::Directive::Kind>(77));
  EXPECT_EQ(FromProto(proto)->register_again, std::vector<LeaseId>{LeaseId(9)});
}

TEST(ProtoConversionTest, Lookup) {
  const LookupRequest back = RoundTrip<pb::LookupRequest>(sample::Lookup());
  EXPECT_EQ(back.content, sample::Lookup().content);
  EXPECT_EQ(back.exclude, sample::Lookup().exclude);
  EXPECT_EQ(std::get<std::string>(RoundTrip<pb::LookupRequest>(LookupRequest{"a name", {}, 0}).content),
            "a name");

  const LookupResponse response = RoundTrip<pb::LookupResponse>(sample::Found(2, 3));
  EXPECT_EQ(response.contents[1].summary, sample::Summary(1));
  EXPECT_EQ(response.contents[1].first_seen, sample::Status(1).first_seen);
  EXPECT_EQ(response.peers, sample::Found(2, 3).peers);
}

TEST(ProtoConversionTest, TicketsAndTheirIssuer) {
  EXPECT_EQ(RoundTrip<pb::LookupRequest>(sample::Lookup()).peer_secret, sample::Secret(1));
  LookupManyRequest many{{sample::Content(1)}, sample::Peer(1), 20, "berlin", sample::Secret(1)};
  EXPECT_EQ(RoundTrip<pb::LookupManyRequest>(many).peer_secret, sample::Secret(1));
  LookupResponse found = sample::Found();
  found.ticket = std::string(168, 't');
  EXPECT_EQ(RoundTrip<pb::LookupResponse>(found).ticket, found.ticket);
  found.ticket.resize(kMaxTicketBytes + 1);
  pb::LookupResponse proto;
  ToProto(found, &proto);
  EXPECT_THAT(std::string(FromProto(proto).status().message()), StartsWith("ticket: has more than"));

  const PublicKey key = SigningKey::FromSeed(AsBytes(std::string(32, 'k')))->public_key();
  RegisterResponse registered = sample::Registered();
  EXPECT_EQ(RoundTrip<pb::RegisterResponse>(registered).ticket_issuer, std::nullopt);
  registered.ticket_issuer = key;
  EXPECT_EQ(RoundTrip<pb::RegisterResponse>(registered).ticket_issuer, key);
  RegisterManyResponse outcomes;
  outcomes.ticket_issuer = key;
  EXPECT_EQ(RoundTrip<pb::RegisterManyResponse>(outcomes).ticket_issuer, key);
  HeartbeatResponse beaten = sample::Beaten();
  beaten.ticket_issuer = key;
  pb::HeartbeatResponse beat;
  ToProto(beaten, &beat);
  EXPECT_EQ(FromProto(beat)->ticket_issuer, key);
  beat.set_ticket_issuer("short");
  EXPECT_THAT(std::string(FromProto(beat).status().message()), StartsWith("ticket_issuer: "));
}

TEST(ProtoConversionTest, RegisterOfAPublisherWithSeveralAddresses) {
  RegisterRequest request = sample::Register();
  EXPECT_FALSE(RoundTrip<pb::RegisterRequest>(request).publishes);
  request.publishes = true;
  request.other_endpoints = {sample::At(2), Endpoint{IpAddress(), 7}};
  const RegisterRequest back = RoundTrip<pb::RegisterRequest>(request);
  EXPECT_TRUE(back.publishes);
  EXPECT_EQ(back.other_endpoints, request.other_endpoints);

  pb::RegisterRequest proto;
  ToProto(request, &proto);
  proto.mutable_other_endpoints(1)->set_port(0);
  EXPECT_THAT(std::string(FromProto(proto).status().message()), StartsWith("other_endpoints[1].port: is 0"));
  for (size_t i = 0; i < kMaxEndpointsPerPeer; ++i) proto.add_other_endpoints()->set_port(1);
  EXPECT_THAT(std::string(FromProto(proto).status().message()),
              StartsWith("other_endpoints: has 10 entries"));
}

TEST(ProtoConversionTest, PublishersAreCountedAndDated) {
  ContentStatus status = sample::Status(1);
  LookupResponse response;
  response.contents = {status};
  EXPECT_EQ(RoundTrip<pb::LookupResponse>(response).contents[0].published, absl::InfinitePast());
  response.contents[0].publishers = 2;
  response.contents[0].published = absl::FromUnixMillis(1'700'000'000'456);
  const LookupResponse back = RoundTrip<pb::LookupResponse>(response);
  EXPECT_EQ(back.contents[0].publishers, 2u);
  EXPECT_EQ(back.contents[0].published, response.contents[0].published);
}

TEST(ProtoConversionTest, ResponsesCarryTheWarmUp) {
  LookupResponse lookup;
  lookup.warming_up = absl::Seconds(3);
  EXPECT_EQ(RoundTrip<pb::LookupResponse>(lookup).warming_up, absl::Seconds(3));
  LookupManyResponse many;
  many.warming_up = absl::Seconds(4);
  EXPECT_EQ(RoundTrip<pb::LookupManyResponse>(many).warming_up, absl::Seconds(4));
  ListContentsResponse list;
  list.warming_up = absl::Seconds(5);
  EXPECT_EQ(RoundTrip<pb::ListContentsResponse>(list).warming_up, absl::Seconds(5));
  EXPECT_EQ(RoundTrip<pb::LookupResponse>(LookupResponse()).warming_up, absl::ZeroDuration());

  pb::LookupResponse proto;
  proto.mutable_warming_up()->set_seconds(-5);
  EXPECT_EQ(FromProto(proto)->warming_up, absl::ZeroDuration());
  proto.mutable_warming_up()->set_seconds(INT64_MAX);
  EXPECT_EQ(FromProto(proto)->warming_up, kMaxWarmUp);
}

TEST(ProtoConversionTest, RegisterMany) {
  RegisterManyRequest request;
  request.registrations = {sample::Register(), sample::Register()};
  const RegisterManyRequest back = RoundTrip<pb::RegisterManyRequest>(request);
  ASSERT_EQ(back.registrations.size(), 2u);
  EXPECT_EQ(back.registrations[1]->content, sample::Register().content);

  pb::RegisterManyRequest proto;
  ToProto(request, &proto);
  proto.mutable_registrations(0)->set_peer_id("x");
  EXPECT_EQ(FromProto(proto)->registrations[0].status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(FromProto(proto)->registrations[1].ok());
  for (uint32_t i = 0; i < kMaxRegistrationsPerMessage; ++i) proto.add_registrations();
  EXPECT_THAT(std::string(FromProto(proto).status().message()), StartsWith("registrations: has 1002"));

  RegisterManyResponse response;
  response.outcomes = {sample::Registered(), absl::AlreadyExistsError("known as another")};
  const auto answered = RoundTrip<pb::RegisterManyResponse>(response);
  ASSERT_EQ(answered.outcomes.size(), 2u);
  EXPECT_EQ(answered.outcomes[0]->lease_id, sample::Registered().lease_id);
  EXPECT_EQ(answered.outcomes[1].status(), absl::AlreadyExistsError("known as another"));
  pb::RegisterManyResponse neither;
  neither.add_outcomes();
  EXPECT_FALSE(FromProto(neither).ok());
}

TEST(ProtoConversionTest, LookupMany) {
  const LookupManyRequest back = RoundTrip<pb::LookupManyRequest>(
      LookupManyRequest{{sample::Content(1), sample::Content(2)}, sample::Peer(1), 20, "berlin"});
  EXPECT_EQ(back.contents, (std::vector{sample::Content(1), sample::Content(2)}));
  EXPECT_EQ(back.exclude, sample::Peer(1));
  EXPECT_EQ(back.max_peers, 20u);
  EXPECT_EQ(back.site, "berlin");

  const LookupManyResponse response =
      RoundTrip<pb::LookupManyResponse>(LookupManyResponse{{sample::Found(1, 3), sample::Found(0, 0)}});
  ASSERT_EQ(response.results.size(), 2u);
  EXPECT_EQ(response.results[0].peers, sample::Found(1, 3).peers);
  EXPECT_TRUE(response.results[1].contents.empty());
}

TEST(ProtoConversionTest, RequestsAcceptHexIds) {
  pb::LookupRequest lookup;
  lookup.set_content_hex(sample::Content(5).ToHex());
  EXPECT_EQ(std::get<ContentId>(FromProto(lookup)->content), sample::Content(5));
  pb::GetSwarmRequest swarm;
  swarm.set_content_hex(sample::Content(5).ToHex());
  EXPECT_EQ(std::get<ContentId>(*FromProto(swarm)), sample::Content(5));
  pb::WatchRequest watch;
  watch.set_content_hex(sample::Content(5).ToHex());
  watch.set_exclude_peer_id(sample::Peer(1).ToString());
  EXPECT_EQ(FromProto(watch)->content, sample::Content(5));
  EXPECT_EQ(FromProto(watch)->exclude, sample::Peer(1));
}

TEST(ProtoConversionTest, ListContents) {
  const ListContentsRequest back =
      RoundTrip<pb::ListContentsRequest>(ListContentsRequest{"part", 10, "token"});
  EXPECT_EQ(back.name_contains, "part");
  EXPECT_EQ(back.page_size, 10u);
  EXPECT_EQ(back.page_token, "token");
  EXPECT_FALSE(back.id_prefix.has_value());
  const auto by_id =
      RoundTrip<pb::ListContentsRequest>(ListContentsRequest{"", 10, "", IdPrefix::Parse("DeadBeef01")});
  EXPECT_EQ(by_id.id_prefix->digits(), "deadbeef01");
  EXPECT_EQ(
      RoundTrip<pb::ListContentsResponse>(ListContentsResponse{{sample::Status(1)}, "next"}).next_page_token,
      "next");
}

TEST(ProtoConversionTest, GetSwarm) {
  RoundTrip<pb::GetSwarmRequest>(ContentKey(sample::Content(1)));
  RoundTrip<pb::GetSwarmRequest>(ContentKey("name"));
  SwarmPeer peer{sample::Info(1),
                 sample::Held(),
                 absl::Milliseconds(1500),
                 absl::FromUnixSeconds(1'700'000'000),
                 sample::Beat(7),
                 "berlin",
                 true};
  const GetSwarmResponse back = RoundTrip<pb::GetSwarmResponse>(GetSwarmResponse{sample::Status(1), {peer}});
  ASSERT_EQ(back.peers.size(), 1u);
  EXPECT_EQ(back.peers[0].held, sample::Held());
  EXPECT_EQ(back.peers[0].lease_left, absl::Milliseconds(1500));
  EXPECT_EQ(back.peers[0].registered, absl::FromUnixSeconds(1'700'000'000));
  EXPECT_EQ(back.peers[0].totals.sent_bytes, 1'000'000u);
  EXPECT_EQ(back.peers[0].site, "berlin");
  EXPECT_TRUE(back.peers[0].publishes);

  pb::GetSwarmResponse proto;
  ToProto(GetSwarmResponse{sample::Status(1), {peer}}, &proto);
  EXPECT_EQ(proto.peers(0).held().ranges(), "0-2,50,99");
}

TEST(ProtoConversionTest, BitTorrentSwarms) {
  const InfoHash hash({1, 2, 3});
  EXPECT_EQ(std::get<InfoHash>(RoundTrip<pb::GetSwarmRequest>(ContentKey(hash))), hash);
  pb::GetSwarmRequest by_hex;
  by_hex.set_info_hash_hex(hash.ToHex());
  EXPECT_EQ(std::get<InfoHash>(*FromProto(by_hex)), hash);
  by_hex.set_info_hash_hex(sample::Content(1).ToHex());
  EXPECT_EQ(FromProto(by_hex).status().code(), absl::StatusCode::kInvalidArgument);
  by_hex.set_info_hash("short");
  EXPECT_EQ(FromProto(by_hex).status().code(), absl::StatusCode::kInvalidArgument);

  const BitTorrentSwarm swarm{hash, absl::FromUnixSeconds(1'700'000'000), 1, 2, 3};
  const auto listed = RoundTrip<pb::ListContentsResponse>(ListContentsResponse{{}, "next", {swarm}});
  ASSERT_EQ(listed.bittorrent_swarms.size(), 1u);
  EXPECT_EQ(listed.bittorrent_swarms[0].info_hash, hash);
  EXPECT_EQ(listed.bittorrent_swarms[0].completed, 3u);

  GetSwarmResponse response;
  response.bittorrent_swarm = swarm;
  response.bittorrent_peers = {{sample::Info(1).endpoint, true, absl::Seconds(90)}};
  const auto back = RoundTrip<pb::GetSwarmResponse>(response);
  ASSERT_TRUE(back.bittorrent_swarm.has_value());
  EXPECT_EQ(back.bittorrent_swarm->leechers, 2u);
  ASSERT_EQ(back.bittorrent_peers.size(), 1u);
  EXPECT_EQ(back.bittorrent_peers[0].endpoint, sample::Info(1).endpoint);
  EXPECT_EQ(back.bittorrent_peers[0].silent_for, absl::Seconds(90));
}

TEST(ProtoConversionTest, RangesEndAfterSixtyFourRuns) {
  ContentStatus status = sample::Status(1);
  SwarmPeer peer{sample::Info(1), ChunkSet(1000), absl::Seconds(1), absl::UnixEpoch(), {}};
  for (uint32_t i = 0; i < 1000; i += 2) peer.held.Insert(ChunkIndex(i));
  pb::GetSwarmResponse proto;
  ToProto(GetSwarmResponse{status, {peer}}, &proto);
  EXPECT_THAT(proto.peers(0).held().ranges(), ::testing::EndsWith(",126,..."));
}

TEST(ProtoConversionTest, SwarmEvents) {
  EXPECT_EQ(std::get<PeerInfo>(RoundTrip<pb::SwarmEvent>(SwarmEvent(sample::Info(1)))), sample::Info(1));
  EXPECT_EQ(std::get<PeerId>(RoundTrip<pb::SwarmEvent>(SwarmEvent(sample::Peer(1)))), sample::Peer(1));
}

TEST(ProtoConversionTest, Leave) {
  EXPECT_EQ(RoundTrip<pb::LeaveRequest>(sample::Leave()).lease_ids, sample::Leave().lease_ids);
  EXPECT_EQ(RoundTrip<pb::LeaveResponse>(LeaveResponse{3}).ended, 3u);
}

TEST(ProtoConversionTest, ResponsesRepeatIdsInHex) {
  pb::LookupResponse response;
  ToProto(sample::Found(), &response);
  EXPECT_EQ(response.contents(0).summary().content_hex(), sample::Content(0).ToHex());
  EXPECT_EQ(response.peers(1).peer_hex(), sample::Peer(1).ToHex());
  pb::RegisterRequest request;
  ToProto(sample::Register(), &request);
  EXPECT_EQ(request.content().content_hex(), "");
}

// Invalid fields, and the name that the error gives.
TEST(ProtoConversionTest, RegisterNamesTheFieldThatIsWrong) {
  using Request = pb::RegisterRequest;
  const struct {
    const char* field;
    std::function<void(Request*)> spoil;
  } cases[] = {
      {"peer_id: has 3 bytes, needs 16", [](Request* r) { r->set_peer_id("abc"); }},
      {"peer_id: is all zero", [](Request* r) { r->set_peer_id(std::string(16, '\0')); }},
      {"endpoint.port: is 0", [](Request* r) { r->mutable_endpoint()->set_port(0); }},
      {"endpoint.port: is 65536", [](Request* r) { r->mutable_endpoint()->set_port(65536); }},
      {"endpoint.ip: is no IPv4", [](Request* r) { r->mutable_endpoint()->set_ip("localhost"); }},
      {"endpoint.ip: is unspecified", [](Request* r) { r->mutable_endpoint()->set_ip("0.0.0.0"); }},
      {"endpoint.ip: is unspecified", [](Request* r) { r->mutable_endpoint()->set_ip("::"); }},
      {"content.content_id: has 0", [](Request* r) { r->mutable_content()->clear_content_id(); }},
      {"content.name: ", [](Request* r) { r->mutable_content()->set_name("../etc"); }},
      {"content.name: ", [](Request* r) { r->mutable_content()->set_name(std::string(256, 'x')); }},
      {"content.chunk_size_bytes: is 65537",
       [](Request* r) { r->mutable_content()->set_chunk_size_bytes(65537); }},
      {"content.chunk_size_bytes: is 8192",
       [](Request* r) { r->mutable_content()->set_chunk_size_bytes(8192); }},
      {"content.file_count: is 0", [](Request* r) { r->mutable_content()->set_file_count(0); }},
      {"content.chunk_count: is 4294967295",
       [](Request* r) { r->mutable_content()->set_chunk_count(0xFFFFFFFF); }},
      {"content.chunk_count: is 100, more",
       [](Request* r) { r->mutable_content()->set_length_bytes(96 * 65536); }},
      {"content.length_bytes: is 99,", [](Request* r) { r->mutable_content()->set_length_bytes(99); }},
      {"content.length_bytes: is 6553601",
       [](Request* r) { r->mutable_content()->set_length_bytes(6553601); }},
      {"held.size: is 101", [](Request* r) { r->mutable_held()->set_size(101); }},
      {"held.encoded: ", [](Request* r) { r->mutable_held()->set_encoded("\xFF\xFF\xFF"); }},
      {"site: ", [](Request* r) { r->set_site("two words"); }},
  };
  for (const auto& c : cases) {
    Request proto;
    ToProto(sample::Register(), &proto);
    c.spoil(&proto);
    const auto result = FromProto(proto);
    ASSERT_FALSE(result.ok()) << c.field;
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(result.status().message()), StartsWith(c.field));
  }
}

TEST(ProtoConversionTest, HeartbeatNamesTheEntryThatIsWrong) {
  const auto error = [](const std::function<void(pb::HeartbeatRequest*)>& spoil) {
    pb::HeartbeatRequest proto;
    ToProto(sample::Heartbeat(), &proto);
    spoil(&proto);
    return std::string(FromProto(proto).status().message());
  };
  EXPECT_THAT(error([](auto* r) { r->mutable_leases(1)->set_lease_id(0); }),
              StartsWith("leases[1].lease_id: is 0"));
  EXPECT_THAT(error([](auto* r) { r->mutable_leases(0)->mutable_gained(1)->set_count(0); }),
              StartsWith("leases[0].gained: 0 chunks from 70"));
  EXPECT_THAT(error([](auto* r) { r->mutable_leases(0)->mutable_gained(0)->set_count(0xFFFFFFFF); }),
              StartsWith("leases[0].gained: 4294967295 chunks"));
  EXPECT_THAT(error([](auto* r) {
                for (uint32_t i = 0; i < kMaxLeasesPerHeartbeat; ++i) r->add_leases()->set_lease_id(1);
              }),
              StartsWith("leases: has 10002 entries"));
  EXPECT_THAT(error([](auto* r) { r->mutable_reports(1)->set_peer_id("x"); }),
              StartsWith("reports[1].peer_id: has 1"));
  EXPECT_THAT(error([](auto* r) { r->mutable_reports(0)->set_lease_id(0); }),
              StartsWith("reports[0].lease_id: is 0"));
  EXPECT_THAT(error([](auto* r) {
                for (uint32_t i = 0; i < kMaxReportsPerHeartbeat; ++i) r->add_reports();
              }),
              StartsWith("reports: has 202 entries"));
}

TEST(ProtoConversionTest, OtherRequestsNameTheFieldThatIsWrong) {
  pb::LookupRequest lookup;
  EXPECT_THAT(std::string(FromProto(lookup).status().message()), StartsWith("content: is not named"));
  lookup.set_content_hex("12345");
  EXPECT_THAT(std::string(FromProto(lookup).status().message()), StartsWith("content_hex: "));
  lookup.set_name("");
  EXPECT_THAT(std::string(FromProto(lookup).status().message()), StartsWith("name: "));
  lookup.set_name("x");
  lookup.set_exclude_peer_id("x");
  EXPECT_THAT(std::string(FromProto(lookup).status().message()), StartsWith("exclude_peer_id: has 1"));
  lookup.clear_exclude_peer_id();
  lookup.set_site(std::string(65, 'x'));
  EXPECT_THAT(std::string(FromProto(lookup).status().message()), StartsWith("site: has 65"));
  pb::LookupManyRequest many;
  many.add_content_ids(sample::Content(1).ToString());
  many.add_content_ids("x");
  EXPECT_THAT(std::string(FromProto(many).status().message()), StartsWith("content_ids[1]: has 1"));
  for (uint32_t i = 0; i < kMaxContentsPerLookup; ++i) many.add_content_ids("x");
  EXPECT_THAT(std::string(FromProto(many).status().message()), StartsWith("content_ids: has 1002"));
  pb::ListContentsRequest list;
  list.set_name_contains(std::string(256, 'x'));
  EXPECT_THAT(std::string(FromProto(list).status().message()), StartsWith("name_contains: "));
  list.clear_name_contains();
  list.set_content_hex_prefix("12345");
  EXPECT_THAT(std::string(FromProto(list).status().message()),
              StartsWith("content_hex_prefix: needs 8 to 63 hex digits"));
  EXPECT_THAT(std::string(FromProto(pb::WatchRequest()).status().message()),
              StartsWith("content: is not named"));
  EXPECT_THAT(std::string(FromProto(pb::LeaveRequest()).status().message()), StartsWith("peer_id: has 0"));
}

TEST(ProtoConversionTest, InvalidResponsesAreRejected) {
  pb::RegisterResponse response;
  ToProto(sample::Registered(), &response);
  response.mutable_heartbeat_interval()->set_seconds(-1);
  EXPECT_THAT(std::string(FromProto(response).status().message()), StartsWith("heartbeat_interval: "));
  ToProto(sample::Registered(), &response);
  response.mutable_ttl()->set_seconds(INT64_MAX);
  EXPECT_THAT(std::string(FromProto(response).status().message()), StartsWith("ttl: "));
  ToProto(sample::Registered(), &response);
  response.mutable_peers(1)->mutable_endpoint()->clear_ip();
  EXPECT_THAT(std::string(FromProto(response).status().message()), StartsWith("peers[1].endpoint.ip: "));
}

TEST(ProtoConversionTest, AnEmptyContentIsValid) {
  RegisterRequest request = sample::Register();
  request.content.length_bytes = 0;
  request.content.chunk_count = 0;
  request.content.file_count = 1;
  request.held = ChunkSet(0);
  EXPECT_EQ(RoundTrip<pb::RegisterRequest>(request).content, request.content);
}

PublisherSignature TestSignature() {
  return PublisherSignature::Make(*SigningKey::FromSeed(AsBytes(std::string(32, 'k'))), sample::Content(1),
                                  "content.bin", absl::FromUnixMillis(1'700'000'000'123));
}

TEST(ProtoConversionTest, SignaturesTravel) {
  RegisterRequest request = sample::Register();
  EXPECT_EQ(RoundTrip<pb::RegisterRequest>(request).signature, std::nullopt);
  request.signature = TestSignature();
  EXPECT_EQ(RoundTrip<pb::RegisterRequest>(request).signature, request.signature);
  LookupResponse response = sample::Found(1, 3);
  response.contents[0].signatures = {TestSignature(), TestSignature()};
  const LookupResponse back = RoundTrip<pb::LookupResponse>(response);
  EXPECT_EQ(back.contents[0].signatures, response.contents[0].signatures);
  pb::LookupResponse encoded;
  ASSERT_TRUE(encoded.ParseFromString(EncodeLookupResponse(response)));
  EXPECT_EQ(FromProto(encoded)->contents[0].signatures, response.contents[0].signatures);
  EXPECT_EQ(back.peers, response.peers);
}

TEST(ProtoConversionTest, AnIllFormedSignatureIsInvalid) {
  RegisterRequest request = sample::Register();
  request.signature = TestSignature();
  pb::RegisterRequest message;
  const auto fault = [&] { return std::string(FromProto(message).status().message()); };
  ToProto(request, &message);
  message.mutable_signature()->mutable_public_key()->pop_back();
  EXPECT_THAT(fault(), StartsWith("signature.public_key: "));
  ToProto(request, &message);
  message.mutable_signature()->mutable_signature()->pop_back();
  EXPECT_THAT(fault(), StartsWith("signature.signature: "));
  ToProto(request, &message);
  message.mutable_signature()->mutable_signed_at()->set_seconds(-1);
  EXPECT_THAT(fault(), StartsWith("signature.signed_at: "));

  LookupResponse response = sample::Found(1, 0);
  response.contents[0].signatures.assign(kMaxSignaturesPerContent + 1, TestSignature());
  pb::LookupResponse lookup;
  ToProto(response, &lookup);
  EXPECT_THAT(std::string(FromProto(lookup).status().message()), StartsWith("contents[0].signatures: "));
}

TEST(ProtoConversionTest, ANegativePageSizeIsInvalid) {
  pb::ListContentsRequest request;
  request.set_page_size(-1);
  EXPECT_EQ(FromProto(request).status().code(), absl::StatusCode::kInvalidArgument);
  request.set_page_size(7);
  EXPECT_EQ(FromProto(request)->page_size, 7u);
}

}  // namespace
}  // namespace shoal::tracking
