#include "shoal/tracking/messages/datagram.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/tracking/messages/sample_messages.h"
#include "shoal/tracking/messages/warm_up.h"

namespace shoal::tracking {
namespace {

const std::string kCookie(kCookieBytes, 'c');

template <typename Body>
DatagramRequest Request(Body body) {
  return {0x1122334455667788, kCookie, std::move(body)};
}

template <typename Body>
DatagramResponse Response(Body body) {
  DatagramResponse response;
  response.transaction_id = 0x1122334455667788;
  response.grpc_port = 50051;
  response.body = std::move(body);
  return response;
}

TEST(DatagramTest, RequestsRoundTrip) {
  for (const DatagramRequest& request : {Request(sample::Register()), Request(sample::Heartbeat()),
                                         Request(sample::Lookup()), Request(sample::Leave())}) {
    const auto bytes = request.Encode();
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_TRUE(LooksLikeDatagramRequest(AsBytes(*bytes)));
    const auto back = DatagramRequest::Decode(AsBytes(*bytes));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->transaction_id, request.transaction_id);
    EXPECT_EQ(back->cookie, kCookie);
    EXPECT_EQ(back->body.index(), request.body.index());
    EXPECT_EQ(*back->Encode(), *bytes);
  }
}

TEST(DatagramTest, ResponsesRoundTrip) {
  for (const DatagramResponse& response :
       {Response(DatagramCookie{kCookie}), Response(sample::Registered()), Response(sample::Beaten()),
        Response(sample::Found()), Response(LeaveResponse{2}),
        Response(absl::NotFoundError("no such content"))}) {
    const std::string bytes = response.Encode();
    const auto back = DatagramResponse::Decode(AsBytes(bytes));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->transaction_id, response.transaction_id);
    EXPECT_EQ(back->grpc_port, 50051);
    EXPECT_FALSE(back->truncated);
    EXPECT_EQ(back->body.index(), response.body.index());
    EXPECT_EQ(back->Encode(), bytes);
  }
}

TEST(DatagramTest, TheHeadHasTheDocumentedBytes) {
  const std::string bytes = *Request(sample::Lookup()).Encode(200);
  EXPECT_EQ(bytes.find(sample::Secret(1).ToString()), std::string::npos) << "no ticket comes back";
  EXPECT_EQ(bytes.substr(0, 4), "SHD1");
  const size_t length = LoadBig<uint16_t>(AsBytes(bytes).data() + 4);
  ASSERT_EQ(bytes.size(), 200u);
  EXPECT_EQ(bytes.substr(6 + length), std::string(200 - 6 - length, '\0'));
  EXPECT_EQ(Response(LeaveResponse{1}).Encode().substr(0, 4), "SHR1");
}

TEST(DatagramTest, PaddingIsIgnored) {
  std::string bytes = *Request(sample::Lookup()).Encode();
  bytes += std::string(100, '\xFF');
  EXPECT_TRUE(DatagramRequest::Decode(AsBytes(bytes)).ok());
}

TEST(DatagramTest, AResponseWithACookieIsNeverLargerThanARequest) {
  DatagramRequest smallest{0, {}, LookupRequest{.content = "x", .exclude = {}}};
  DatagramResponse largest = Response(DatagramCookie{kCookie});
  largest.transaction_id = UINT64_MAX;
  largest.grpc_port = 65535;
  EXPECT_LE(largest.Encode().size(), smallest.Encode(kMinRequestBytes)->size());
}

TEST(DatagramTest, ATooLargeRequestNamesGrpc) {
  RegisterRequest large = sample::Register();
  large.content.chunk_count = 100'000;
  large.content.length_bytes = 100'000ull * 65536;
  large.held = ChunkSet(100'000);
  for (uint32_t i = 0; i < 100'000; i += 2) large.held.Insert(ChunkIndex(i));
  const auto bytes = Request(large).Encode();
  EXPECT_EQ(bytes.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(bytes.status().message()), ::testing::HasSubstr("gRPC"));
}

TEST(DatagramTest, ResponsesAreShortenedToAnySize) {
  const DatagramResponse whole = Response(sample::Found(1, 200));
  size_t peers_before = 0;
  for (size_t max = kMinRequestBytes; max <= kMaxDatagramBytes; ++max) {
    const std::string bytes = whole.Encode(max);
    ASSERT_LE(bytes.size(), max);
    const auto back = DatagramResponse::Decode(AsBytes(bytes));
    ASSERT_TRUE(back.ok()) << back.status();
    const auto* found = std::get_if<LookupResponse>(&back->body);
    if (found == nullptr) {
      EXPECT_EQ(std::get<absl::Status>(back->body).code(), absl::StatusCode::kResourceExhausted);
      EXPECT_EQ(peers_before, 0u);
      continue;
    }
    EXPECT_TRUE(back->truncated);
    EXPECT_TRUE(found->truncated);
    EXPECT_EQ(found->contents.size(), 1u);
    EXPECT_GE(found->peers.size(), peers_before);
    peers_before = found->peers.size();
  }
  EXPECT_GE(peers_before, 18u) << "a datagram should carry about twenty peers";
}

TEST(DatagramTest, OfSeveralContentsAtLeastTwoAreKept) {
  LookupResponse response = sample::Found(20, 0);
  for (auto& content : response.contents) content.summary.name = std::string(255, 'n');
  const auto back = DatagramResponse::Decode(AsBytes(Response(response).Encode()));
  ASSERT_TRUE(back.ok());
  const auto& found = std::get<LookupResponse>(back->body);
  EXPECT_TRUE(found.truncated);
  EXPECT_GE(found.contents.size(), 2u);
  const auto small = DatagramResponse::Decode(AsBytes(Response(response).Encode(400)));
  EXPECT_EQ(std::get<absl::Status>(small->body).code(), absl::StatusCode::kResourceExhausted);
}

TEST(DatagramTest, RegisterLeavesOutPeersAndHeartbeatLeavesOutNothing) {
  const auto registered = DatagramResponse::Decode(AsBytes(Response(sample::Registered(200)).Encode()));
  EXPECT_TRUE(registered->truncated);
  EXPECT_EQ(std::get<RegisterResponse>(registered->body).lease_id, sample::Registered().lease_id);
  HeartbeatResponse beaten = sample::Beaten();
  beaten.register_again.assign(1000, LeaseId(7));
  const auto refused = DatagramResponse::Decode(AsBytes(Response(beaten).Encode()));
  EXPECT_EQ(std::get<absl::Status>(refused->body).code(), absl::StatusCode::kResourceExhausted);
}

TEST(DatagramTest, ErrorsAreTruncatedAndPrintable) {
  const std::string bytes =
      Response(absl::InternalError("\xFF\n" + std::string(5000, 'x'))).Encode(kMinRequestBytes);
  EXPECT_LE(bytes.size(), kMinRequestBytes);
  const auto back = DatagramResponse::Decode(AsBytes(bytes));
  ASSERT_TRUE(back.ok());
  const auto& status = std::get<absl::Status>(back->body);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), ::testing::StartsWith("??xxx"));
}

TEST(DatagramTest, AnErrorCarriesTheWarmUpInAnySize) {
  const absl::Status error = WithWarmUp(absl::NotFoundError(std::string(300, 'x')), absl::Seconds(12));
  for (const size_t size : {size_t{128}, size_t{200}, kMaxDatagramBytes}) {
    const std::string bytes = Response(error).Encode(size);
    EXPECT_LE(bytes.size(), size);
    const auto back = DatagramResponse::Decode(AsBytes(bytes));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_TRUE(absl::IsNotFound(std::get<absl::Status>(back->body)));
    EXPECT_EQ(WarmUpOf(std::get<absl::Status>(back->body)), absl::Seconds(12));
  }
}

TEST(DatagramTest, OtherBytesAreRejected) {
  const std::string good = *Request(sample::Lookup()).Encode();
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(DatagramRequest::Decode(AsBytes(good.substr(0, size))).ok()) << size;
  }
  EXPECT_FALSE(DatagramRequest::Decode(AsBytes(Response(LeaveResponse{1}).Encode())).ok());
  EXPECT_FALSE(DatagramResponse::Decode(AsBytes(good)).ok());
  EXPECT_FALSE(DatagramRequest::Decode(AsBytes(good + std::string(kMaxDatagramBytes, '\0'))).ok());
  const auto no_body = DatagramRequest::Decode(AsBytes(std::string("SHD1\0\0", 6)));
  ASSERT_TRUE(no_body.ok()) << no_body.status();
  EXPECT_TRUE(absl::IsInvalidArgument(std::get<absl::Status>(no_body->body)));
  EXPECT_FALSE(LooksLikeDatagramRequest(AsBytes(std::string("SHD"))));
  DatagramRequest short_cookie = Request(sample::Lookup());
  short_cookie.cookie = "short";
  EXPECT_FALSE(DatagramRequest::Decode(AsBytes(*short_cookie.Encode())).ok());
}

}  // namespace
}  // namespace shoal::tracking
