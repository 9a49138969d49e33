#include "shoal/stream/wire/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/content/manifest/manifest.h"

namespace shoal::stream {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Hello SomeHello() {
  std::array<uint8_t, 32> id{};
  id[31] = 7;
  Hello hello;
  hello.version = 3;
  hello.min_version = 2;
  hello.content_id = ContentId(id);
  hello.peer_id = RandomPeerId();
  hello.listen_port = 65535;
  hello.ticket = std::string(4096, 't');
  hello.chunk_count = kMaxChunks;
  hello.manifest_bytes = kMaxManifestBytes;
  hello.held = std::string(kMaxChunks / 8 + 3, '\x7f');
  return hello;
}

bool Decodes(const Hello& hello) {
  return Hello::Decode(AsBytes(hello.Encode())).ok();
}

template <typename Message>
bool RangesDecode(std::vector<ChunkRange> ranges) {
  Message message;
  if constexpr (std::is_same_v<Message, Have>) {
    message.gained = std::move(ranges);
  } else {
    message.chunks = std::move(ranges);
  }
  return Message::Decode(AsBytes(message.Encode())).ok();
}

TEST(HelloTest, SurvivesEncodingAndDecoding) {
  const Hello sent = SomeHello();
  const auto got = Hello::Decode(AsBytes(sent.Encode()));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->version, sent.version);
  EXPECT_EQ(got->min_version, sent.min_version);
  EXPECT_EQ(got->content_id, sent.content_id);
  EXPECT_EQ(got->peer_id, sent.peer_id);
  EXPECT_EQ(got->listen_port, sent.listen_port);
  EXPECT_EQ(got->ticket, sent.ticket);
  EXPECT_EQ(got->chunk_count, sent.chunk_count);
  EXPECT_EQ(got->manifest_bytes, sent.manifest_bytes);
  EXPECT_EQ(got->held, sent.held);
}

TEST(HelloTest, EveryFieldIsBounded) {
  EXPECT_TRUE(Decodes(SomeHello()));
  const auto with = [](auto change) {
    Hello hello = SomeHello();
    change(hello);
    return hello;
  };
  EXPECT_FALSE(Decodes(with([](Hello& h) { h.min_version = 0; })));
  EXPECT_FALSE(Decodes(with([](Hello& h) { h.min_version = 4; })));
  EXPECT_FALSE(Decodes(with([](Hello& h) { h.ticket += 't'; })));
  EXPECT_FALSE(Decodes(with([](Hello& h) { h.chunk_count = kMaxChunks + 1; })));
  EXPECT_FALSE(Decodes(with([](Hello& h) { h.manifest_bytes = kMaxManifestBytes + 1; })));
  EXPECT_FALSE(Decodes(with([](Hello& h) { h.held = std::string(kMaxChunks / 8 + 65, 'x'); })));
  EXPECT_FALSE(Hello::Decode({}).ok());
  EXPECT_FALSE(Hello::Decode(AsBytes(std::string("\xff\xff\xff"))).ok());
  EXPECT_FALSE(Hello::Decode(AsBytes(std::string("\x08\x01\x10\x01\x1a\x03"
                                                 "abc")))
                   .ok());  // a short content id
}

TEST(RangesTest, SurviveEncodingAndDecodingInOrder) {
  Request request;
  request.chunks = {{ChunkIndex(9), 2}, {ChunkIndex(0), 1}, {ChunkIndex(kMaxChunks - 5), 5}};
  EXPECT_EQ(Request::Decode(AsBytes(request.Encode()))->chunks, request.chunks);
  EXPECT_EQ(Cancel::Decode(AsBytes(Cancel{request.chunks}.Encode()))->chunks, request.chunks);
  EXPECT_EQ(Have::Decode(AsBytes(Have{request.chunks}.Encode()))->gained, request.chunks);
  EXPECT_THAT(Request::Decode({})->chunks, IsEmpty());
}

TEST(RangesTest, EmptyOrImpossibleRangesAreRefused) {
  for (const ChunkRange& range :
       {ChunkRange{ChunkIndex(1), 0}, ChunkRange{ChunkIndex(kMaxChunks), 1},
        ChunkRange{ChunkIndex(1), kMaxChunks}, ChunkRange{ChunkIndex(0xffffffff), 2},
        ChunkRange{ChunkIndex(2), 0xffffffff}}) {
    EXPECT_FALSE(RangesDecode<Request>({range}));
    EXPECT_FALSE(RangesDecode<Cancel>({range}));
    EXPECT_FALSE(RangesDecode<Have>({range}));
    EXPECT_FALSE(RangesDecode<Refuse>({range}));
  }
}

TEST(RangesTest, TheirNumberIsBounded) {
  EXPECT_TRUE(RangesDecode<Request>(std::vector<ChunkRange>(kMaxRangesPerMessage, {ChunkIndex(1), 1})));
  EXPECT_FALSE(RangesDecode<Request>(std::vector<ChunkRange>(kMaxRangesPerMessage + 1, {ChunkIndex(1), 1})));
}

TEST(RequestAnyTest, IsBounded) {
  for (const uint32_t chunks : {1u, kMaxCredits, kMaxChunks}) {
    EXPECT_EQ(RequestAny::Decode(AsBytes(RequestAny{chunks}.Encode()))->chunks, chunks);
  }
  for (const uint32_t chunks : {0u, kMaxChunks + 1, 0xffffffffu}) {
    EXPECT_FALSE(RequestAny::Decode(AsBytes(RequestAny{chunks}.Encode())).ok()) << chunks;
  }
}

TEST(RefuseTest, SurvivesEncodingAndDecoding) {
  Refuse refuse;
  refuse.reason = Refuse::Reason::kBusy;
  refuse.chunks = {{ChunkIndex(3), 4}};
  refuse.retry_after = absl::Milliseconds(1500);
  refuse.detail = "come back";
  const auto got = Refuse::Decode(AsBytes(refuse.Encode()));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->reason, refuse.reason);
  EXPECT_EQ(got->chunks, refuse.chunks);
  EXPECT_EQ(got->retry_after, refuse.retry_after);
  EXPECT_EQ(got->detail, refuse.detail);
}

TEST(RefuseTest, IsTruncatedToItsBounds) {
  Refuse refuse;
  refuse.retry_after = absl::InfiniteDuration();
  refuse.detail = std::string(5000, 'd');
  const auto got = Refuse::Decode(AsBytes(refuse.Encode()));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->retry_after, absl::Hours(1));
  EXPECT_EQ(got->detail, std::string(1024, 'd'));
}

TEST(RefuseTest, DetailHasNoControlCharactersAndNeedNotBeUtf8) {
  Refuse refuse;
  refuse.detail = "\x1b[2Jgone\n\xff";
  EXPECT_EQ(Refuse::Decode(AsBytes(refuse.Encode()))->detail, " [2Jgone \xff");
}

TEST(RefuseTest, AReasonOfALaterVersionIsStillARefusal) {
  const auto got = Refuse::Decode(AsBytes(std::string("\x08\x63")));
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->reason, Refuse::Reason::kUnspecified);
}

TEST(RefuseTest, EveryReasonHasAName) {
  for (int i = 0; i <= 7; ++i) EXPECT_STRNE(ReasonName(static_cast<Refuse::Reason>(i)), "");
}

TEST(ManifestRequestTest, IsBounded) {
  const auto decoded = ManifestRequest::Decode(AsBytes(ManifestRequest{3, 4}.Encode()));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->first_slice, 3);
  EXPECT_EQ(decoded->slice_count, 4);
  for (const ManifestRequest& request :
       {ManifestRequest{0, 0}, ManifestRequest{0, 257}, ManifestRequest{256, 1},
        ManifestRequest{0xffffffff, 2}, ManifestRequest{2, 0xffffffff}}) {
    EXPECT_FALSE(ManifestRequest::Decode(AsBytes(request.Encode())).ok());
  }
}

}  // namespace
}  // namespace shoal::stream
