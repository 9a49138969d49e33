#include "shoal/tracking/messages/content_conversion.h"

#include <algorithm>

#include "shoal/content/manifest/content_path.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/tracking/messages/proto_conversion.h"

namespace shoal::tracking {
namespace {

namespace content_pb = ::shoal::content::v1;

constexpr int kMaxNamedContents = 1000;  // in one reply

}  // namespace

absl::StatusOr<ContentSummary> SummaryFrom(const content_pb::ContentSummary& in, const Field& field) {
  const auto bad = [&](const char* part, absl::string_view why) { return Bad(Field(part, &field), why); };
  ContentSummary out;
  SHOAL_ASSIGN_OR_RETURN(out.id, IdFrom<ContentId>(in.content_id(), Field("content_id", &field)));
  if (const absl::Status name = CheckContentName(in.name()); !name.ok()) return bad("name", name.message());
  const uint64_t chunk_size = in.chunk_size_bytes();
  if (chunk_size < kMinChunkSizeBytes || chunk_size > kMaxChunkSizeBytes ||
      (chunk_size & (chunk_size - 1)) != 0) {
    return bad("chunk_size_bytes", absl::StrCat("is ", chunk_size, ", needs a power of two from ",
                                                kMinChunkSizeBytes, " to ", kMaxChunkSizeBytes));
  }
  if (in.file_count() < 1 || in.file_count() > kMaxFiles) {
    return bad("file_count", absl::StrCat("is ", in.file_count(), ", needs 1 to ", kMaxFiles));
  }
  if (in.chunk_count() > kMaxChunks) {
    return bad("chunk_count", absl::StrCat("is ", in.chunk_count(), ", the most is ", kMaxChunks));
  }
  // Each chunk has a byte at least and a chunk size at most; only the last chunk of each file is short.
  const uint64_t length = in.length_bytes();
  if (length < in.chunk_count() || length > in.chunk_count() * chunk_size) {
    return bad("length_bytes", absl::StrCat("is ", length, ", which ", in.chunk_count(), " chunks of ",
                                            chunk_size, " bytes can't make"));
  }
  if (in.chunk_count() > length / chunk_size + in.file_count()) {
    return bad("chunk_count", absl::StrCat("is ", in.chunk_count(), ", more than ", length, " bytes in ",
                                           in.file_count(), " files have"));
  }
  out.name = in.name();
  out.length_bytes = length;
  out.chunk_size_bytes = in.chunk_size_bytes();
  out.chunk_count = in.chunk_count();
  out.file_count = in.file_count();
  return out;
}

void ToProto(const ContentSummary& in, Hex hex, content_pb::ContentSummary* out) {
  out->set_content_id(in.id.ToString());
  if (hex == Hex::kYes) out->set_content_hex(in.id.ToHex());
  out->set_name(in.name);
  out->set_length_bytes(in.length_bytes);
  out->set_chunk_size_bytes(in.chunk_size_bytes);
  out->set_chunk_count(in.chunk_count);
  out->set_file_count(in.file_count);
}

absl::StatusOr<ChunkSet> ChunkSetFrom(const content_pb::ChunkSet& in, uint32_t size, const Field& field) {
  if (in.size() != size) {
    return Bad(Field("size", &field),
               absl::StrCat("is ", in.size(), ", but the content has ", size, " chunks"));
  }
  auto set = ChunkSet::Decode(size, AsBytes(in.encoded()));
  if (!set.ok()) return Bad(Field("encoded", &field), set.status().message());
  return set;
}

void ToProto(const ChunkSet& in, content_pb::ChunkSet* out) {
  out->set_count(in.count());
  out->set_encoded(in.Encode());
  out->set_size(in.size());
}

absl::Time TimeFrom(const google::protobuf::Timestamp& in) {
  return absl::FromUnixSeconds(in.seconds()) + absl::Nanoseconds(in.nanos());
}

void ToProto(absl::Time in, google::protobuf::Timestamp* out) {
  in = std::clamp(in, absl::UnixEpoch(), absl::FromUnixSeconds(253402300799));  // the end of the year 9999
  const int64_t seconds = absl::ToUnixSeconds(in);
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(in - absl::FromUnixSeconds(seconds))));
}

absl::StatusOr<ContentStatus> StatusFrom(const pb::ContentStatus& in, const Field& field) {
  ContentStatus out;
  SHOAL_ASSIGN_OR_RETURN(out.summary, SummaryFrom(in.summary(), Field("summary", &field)));
  out.first_seen = TimeFrom(in.first_seen());
  out.seeders = in.seeders();
  out.leechers = in.leechers();
  return out;
}

void ToProto(const ContentStatus& in, pb::ContentStatus* out) {
  ToProto(in.summary, Hex::kYes, out->mutable_summary());
  ToProto(in.first_seen, out->mutable_first_seen());
  out->set_seeders(in.seeders);
  out->set_leechers(in.leechers);
}

absl::StatusOr<std::vector<ContentStatus>> ContentsFrom(
    const google::protobuf::RepeatedPtrField<pb::ContentStatus>& in) {
  if (in.size() > kMaxNamedContents) return Bad("contents", absl::StrCat("has ", in.size(), " entries"));
  std::vector<ContentStatus> out;
  out.reserve(in.size());
  for (const auto& status : in) {
    SHOAL_ASSIGN_OR_RETURN(out.emplace_back(), StatusFrom(status, Field::Entry("contents", out.size())));
  }
  return out;
}

}  // namespace shoal::tracking
