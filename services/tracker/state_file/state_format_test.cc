#include "services/tracker/state_file/state_format.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tracker/registry/test_requests.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/checksum.h"

namespace shoal::tracker {
namespace {

using ::testing::HasSubstr;

const absl::Time kSaved = absl::FromUnixMillis(1'700'000'000'123);

// Records what it receives, a line each.
class Lines final : public StateSink {
 public:
  void Content(const tracking::ContentSummary& summary, absl::Time first_seen,
               absl::Time published) override {
    absl::StrAppend(&text, "content ", summary.name, " ", summary.length_bytes, " ", summary.chunk_count, " ",
                    absl::ToUnixMillis(first_seen), " ",
                    published == absl::InfinitePast() ? "never" : absl::StrCat(absl::ToUnixMillis(published)),
                    "\n");
  }
  void Signature(const PublisherSignature& signature) override {
    absl::StrAppend(&text, "signed by ", signature.key.ToText(), " at ", absl::ToUnixMillis(signature.time),
                    "\n");
  }
  void Peer(const ExportedPeer& peer) override {
    absl::StrAppend(&text, "peer ", peer.id.ToHex().substr(0, 8), " ", peer.endpoint.ToString(), " ",
                    peer.free_slots, " ", peer.held ? absl::StrCat(peer.held->count()) : "all",
                    peer.site.empty() ? "" : " at ", peer.site, peer.publishes ? " publishes" : "");
    for (const Endpoint& other : peer.other_endpoints) absl::StrAppend(&text, " or ", other.ToString());
    text += "\n";
  }
  void Swarm(const InfoHash& info_hash, uint32_t completed) override {
    absl::StrAppend(&text, "swarm ", info_hash.ToHex().substr(0, 4), " ", completed, "\n");
  }
  void SwarmPeer(const Endpoint& endpoint, bool seeder, absl::Duration silent) override {
    absl::StrAppend(&text, "swarm peer ", endpoint.ToString(), seeder ? " seeder " : " ",
                    absl::ToInt64Seconds(silent), "\n");
  }

  std::string text;
};

constexpr char kSample[] =
    "content content-1 5242880 10 5 6\n"
    "signed by ed25519:gyClGXfYw4yopJJ8Zw31gh5El2GUXhXp77JqFQnSMOo= at 7\n"
    "peer c183d21f 10.0.0.1:7001 3 all at rack-7 publishes\n"
    "peer 1cb127ff [2001:db8::2]:7002 0 2 or 10.0.0.4:7004 or [2001:db8::2]:7002\n"
    "swarm 0102 7\n"
    "swarm peer 10.0.0.3:7003 seeder 90\n"
    "swarm peer [2001:db8::2]:7002 65535\n";

std::string Sample() {
  std::string bytes;
  StateWriter writer(kSaved, [&](ByteView part) {
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
    return absl::OkStatus();
  });
  const Endpoint v6{*IpAddress::Parse("2001:db8::2"), 7002};
  ChunkSet two(10);
  two.Insert(ChunkIndex(0));
  two.Insert(ChunkIndex(9));
  writer.Content(TestContent(1), absl::FromUnixMillis(5), absl::FromUnixMillis(6));
  writer.Signature(PublisherSignature::Make(*SigningKey::FromSeed(AsBytes(std::string(32, 'k'))),
                                            TestContentId(1), "content-1", absl::FromUnixMillis(7)));
  writer.Peer({TestPeerId(1), TestEndpoint(1), 3, std::nullopt, "rack-7", true});
  writer.Peer({TestPeerId(2), v6, 0, two, "", false, {TestEndpoint(4), v6}});
  writer.Swarm(InfoHash({1, 2, 3}), 7);
  writer.SwarmPeer(TestEndpoint(3), true, absl::Seconds(90));
  writer.SwarmPeer(v6, false, absl::Hours(48));
  EXPECT_TRUE(writer.Finish().ok());
  EXPECT_EQ(writer.records(), 7u);
  return bytes;
}

TEST(StateFormatTest, RoundTrips) {
  const std::string bytes = Sample();
  Lines lines;
  const auto saved = ReadState(AsBytes(bytes), &lines);
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_EQ(*saved, kSaved);
  EXPECT_EQ(lines.text, kSample);
}

TEST(StateFormatTest, TheVersionBeforeIsRead) {
  std::string bytes;
  StateWriter writer(kSaved, [&](ByteView part) {
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
    return absl::OkStatus();
  });
  writer.Content(TestContent(1), absl::FromUnixMillis(5), absl::FromUnixMillis(6));
  ASSERT_TRUE(writer.Finish().ok());
  const auto as_version = [&bytes](uint32_t version) {
    StoreBig(version, reinterpret_cast<uint8_t*>(bytes.data()) + 8);
    StoreBig(Crc32(AsBytes(bytes).first(20)), reinterpret_cast<uint8_t*>(bytes.data()) + 20);
    return ReadState(AsBytes(bytes), nullptr).status();
  };
  EXPECT_TRUE(as_version(3).ok());
  EXPECT_TRUE(as_version(4).ok());
  EXPECT_TRUE(absl::IsUnimplemented(as_version(2)));
  EXPECT_TRUE(absl::IsUnimplemented(as_version(5)));
}

TEST(StateFormatTest, EveryTruncationIsDetected) {
  const std::string bytes = Sample();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(ReadState(AsBytes(bytes.substr(0, size)), nullptr).status().code(), absl::StatusCode::kDataLoss)
        << size;
  }
  EXPECT_FALSE(ReadState(AsBytes(bytes + "x"), nullptr).ok());
}

TEST(StateFormatTest, EveryFlippedBitIsDetected) {
  const std::string bytes = Sample();
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(ReadState(AsBytes(flipped), nullptr).ok()) << bit;
  }
}

TEST(StateFormatTest, AFileOfAnotherFormatIsRejected) {
  EXPECT_THAT(std::string(ReadState(AsBytes(std::string(100, 'x')), nullptr).status().message()),
              HasSubstr("is not a tracker's state file"));
}

TEST(StateFormatTest, ManyRecordsMakeSeveralSections) {
  std::vector<size_t> parts;
  std::string bytes;
  StateWriter writer(kSaved, [&](ByteView part) {
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
    parts.push_back(part.size());
    return absl::OkStatus();
  });
  writer.Content(TestContent(1), kSaved, absl::InfinitePast());
  for (uint32_t i = 0; i < 100'000; ++i) writer.Peer({TestPeerId(i + 1), TestEndpoint(i), 1, std::nullopt});
  ASSERT_TRUE(writer.Finish().ok());
  EXPECT_THAT(parts, ::testing::Each(::testing::Le(kMaxStateSectionBytes)));
  EXPECT_GT(parts.size(), 5u);
  Lines lines;
  ASSERT_TRUE(ReadState(AsBytes(bytes), &lines).ok());
  EXPECT_EQ(std::count(lines.text.begin(), lines.text.end(), '\n'), 100'001);
}

TEST(StateFormatTest, AFullDiskIsReportedAtTheEnd) {
  StateWriter writer(kSaved, [](ByteView) { return absl::ResourceExhaustedError("disk full"); });
  writer.Content(TestContent(1), kSaved, absl::InfinitePast());
  EXPECT_TRUE(absl::IsResourceExhausted(writer.Finish()));
}

}  // namespace
}  // namespace shoal::tracker
