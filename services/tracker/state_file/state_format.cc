#include "services/tracker/state_file/state_format.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/manifest/content_path.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/tracking/messages/messages.h"
#include "shoal/tracking/messages/site.h"

namespace shoal::tracker {
namespace {

constexpr size_t kMagicBytes = sizeof(kStateFileMagic) - 1;
constexpr uint32_t kVersion = 4;
constexpr uint32_t kOldestVersion = 3;  // the same, without signatures
constexpr size_t kHeadBytes = kMagicBytes + 4 + 8 + 4;

enum Record : uint8_t { kContent = 1, kPeer = 2, kSwarm = 3, kSwarmPeer = 4, kSignature = 5 };
enum Flag : uint8_t { kIpv4 = 1, kComplete = 2, kPublishes = 4 };

absl::Status Broken(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("is broken: ", what));
}

void AppendEndpoint(const Endpoint& endpoint, std::string* to) {
  const auto& ip = endpoint.ip.bytes();
  const size_t skipped = endpoint.ip.is_v4() ? 12 : 0;
  to->append(reinterpret_cast<const char*>(ip.data()) + skipped, ip.size() - skipped);
  AppendBig(endpoint.port, to);
}

Endpoint ReadEndpoint(bool v4, ByteReader* reader) {
  std::array<uint8_t, 16> ip{};
  const ByteView bytes = reader->ReadBytes(v4 ? 4 : 16);
  if (v4) ip[10] = ip[11] = 0xFF;
  std::copy(bytes.begin(), bytes.end(), ip.end() - static_cast<ptrdiff_t>(bytes.size()));
  return {IpAddress(ip), reader->ReadBig<uint16_t>()};
}

// Milliseconds since 1970; 0: never.
void AppendTime(absl::Time time, std::string* to) {
  AppendBig(time == absl::InfinitePast() ? uint64_t{0} : static_cast<uint64_t>(absl::ToUnixMillis(time)), to);
}

absl::Time ReadTime(ByteReader* reader) {
  const auto milliseconds = static_cast<int64_t>(reader->ReadBig<uint64_t>());
  return milliseconds == 0 ? absl::InfinitePast() : absl::FromUnixMillis(milliseconds);
}

template <typename Id>
Id ReadId(ByteReader* reader) {
  std::array<uint8_t, Id::kSizeBytes> bytes{};
  const ByteView read = reader->ReadBytes(bytes.size());
  std::copy(read.begin(), read.end(), bytes.begin());
  return Id(bytes);
}

// Decodes the records of one section after the other. Peers belong to the content or swarm before them, which
// may be in an earlier section.
class RecordReader {
 public:
  explicit RecordReader(StateSink* sink) : sink_(sink) {}
  uint64_t records() const { return records_; }

  absl::Status Read(ByteView section) {
    ByteReader reader(section);
    while (reader.remaining() > 0) {
      const auto type = reader.ReadBig<uint8_t>();
      SHOAL_RETURN_IF_ERROR(ReadOne(type, &reader));
      if (!reader.ok()) return Broken("a record is longer than its section");
      ++records_;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ReadOne(uint8_t type, ByteReader* reader) {
    switch (type) {
      case kContent:
        return ReadContent(reader);
      case kSignature: {
        if (!in_content_) return Broken("a signature without a content");
        const ByteView bytes = reader->ReadBytes(PublisherSignature::kEncodedBytes);
        if (!reader->ok()) return absl::OkStatus();
        if (++signatures_ > tracking::kMaxSignaturesPerContent) return Broken("too many signatures");
        ByteReader fields(bytes);
        const auto signature = PublisherSignature::Read(&fields);
        if (!signature.ok()) return Broken(signature.status().message());
        if (sink_) sink_->Signature(*signature);
        return absl::OkStatus();
      }
      case kPeer:
        return in_content_ ? ReadPeer(reader) : Broken("a peer without a content");
      case kSwarm: {
        const auto info_hash = ReadId<InfoHash>(reader);
        const auto completed = reader->ReadBig<uint32_t>();
        in_swarm_ = true;
        if (sink_ && reader->ok()) sink_->Swarm(info_hash, completed);
        return absl::OkStatus();
      }
      case kSwarmPeer: {
        if (!in_swarm_) return Broken("a peer without a swarm");
        const auto flags = reader->ReadBig<uint8_t>();
        const Endpoint endpoint = ReadEndpoint(flags & kIpv4, reader);
        const absl::Duration silent = absl::Seconds(reader->ReadBig<uint16_t>());
        if (sink_ && reader->ok()) sink_->SwarmPeer(endpoint, flags & kComplete, silent);
        return absl::OkStatus();
      }
      default:
        return Broken(absl::StrCat("a record of the unknown type ", type));
    }
  }

  absl::Status ReadContent(ByteReader* reader) {
    tracking::ContentSummary summary;
    summary.id = ReadId<ContentId>(reader);
    summary.length_bytes = reader->ReadBig<uint64_t>();
    summary.chunk_size_bytes = reader->ReadBig<uint32_t>();
    summary.chunk_count = reader->ReadBig<uint32_t>();
    summary.file_count = reader->ReadBig<uint32_t>();
    const absl::Time first_seen = ReadTime(reader);
    const absl::Time published = ReadTime(reader);
    summary.name = reader->ReadString(reader->ReadBig<uint8_t>());
    if (!reader->ok()) return absl::OkStatus();
    if (summary.id.is_zero() || !CheckContentName(summary.name).ok() || summary.chunk_count > kMaxChunks) {
      return Broken("a content that can't be");
    }
    chunk_count_ = summary.chunk_count;
    in_content_ = true;
    signatures_ = 0;
    if (sink_) sink_->Content(summary, first_seen, published);
    return absl::OkStatus();
  }

  absl::Status ReadPeer(ByteReader* reader) {
    ExportedPeer peer;
    const auto flags = reader->ReadBig<uint8_t>();
    peer.id = ReadId<PeerId>(reader);
    peer.endpoint = ReadEndpoint(flags & kIpv4, reader);
    peer.free_slots = reader->ReadBig<uint16_t>();
    peer.site = reader->ReadString(reader->ReadBig<uint8_t>());
    if (!tracking::CheckSite(peer.site).ok()) return Broken("a site that can't be");
    peer.publishes = flags & kPublishes;
    const auto others = reader->ReadBig<uint8_t>();
    if (others >= tracking::kMaxEndpointsPerPeer) return Broken("a peer with too many addresses");
    for (uint8_t i = 0; i < others; ++i) {
      const auto other_flags = reader->ReadBig<uint8_t>();
      peer.other_endpoints.push_back(ReadEndpoint(other_flags & kIpv4, reader));
    }
    if (!(flags & kComplete)) {
      const ByteView encoded = reader->ReadBytes(reader->ReadBig<uint32_t>());
      if (!reader->ok()) return absl::OkStatus();
      auto held = ChunkSet::Decode(chunk_count_, encoded);
      if (!held.ok()) return Broken(held.status().message());
      peer.held = *std::move(held);
    }
    if (sink_ && reader->ok()) sink_->Peer(peer);
    return absl::OkStatus();
  }

  StateSink* const sink_;
  uint64_t records_ = 0;
  bool in_content_ = false;
  bool in_swarm_ = false;
  uint32_t chunk_count_ = 0;
  uint32_t signatures_ = 0;  // of the content
};

}  // namespace

StateWriter::StateWriter(absl::Time saved, Write write) : write_(std::move(write)) {
  std::string head(kStateFileMagic, kMagicBytes);
  AppendBig(kVersion, &head);
  AppendBig(static_cast<uint64_t>(absl::ToUnixMillis(saved)), &head);
  AppendBig(Crc32(AsBytes(head)), &head);
  status_ = write_(AsBytes(head));
}

void StateWriter::Content(const tracking::ContentSummary& summary, absl::Time first_seen,
                          absl::Time published) {
  std::string record(1, kContent);
  record += summary.id.ToString();
  AppendBig(summary.length_bytes, &record);
  AppendBig(summary.chunk_size_bytes, &record);
  AppendBig(summary.chunk_count, &record);
  AppendBig(summary.file_count, &record);
  AppendTime(first_seen, &record);
  AppendTime(published, &record);
  AppendBig(static_cast<uint8_t>(summary.name.size()), &record);
  record += summary.name;
  Append(record);
}

void StateWriter::Signature(const PublisherSignature& signature) {
  std::string record(1, kSignature);
  signature.AppendTo(&record);
  Append(record);
}

void StateWriter::Peer(const ExportedPeer& peer) {
  std::string record(1, kPeer);
  record += static_cast<char>((peer.endpoint.ip.is_v4() ? kIpv4 : 0) | (peer.held ? 0 : kComplete) |
                              (peer.publishes ? kPublishes : 0));
  record += peer.id.ToString();
  AppendEndpoint(peer.endpoint, &record);
  AppendBig(peer.free_slots, &record);
  AppendBig(static_cast<uint8_t>(peer.site.size()), &record);
  record += peer.site;
  AppendBig(static_cast<uint8_t>(peer.other_endpoints.size()), &record);
  for (const Endpoint& other : peer.other_endpoints) {
    record += static_cast<char>(other.ip.is_v4() ? kIpv4 : 0);
    AppendEndpoint(other, &record);
  }
  if (peer.held) {
    const std::string encoded = peer.held->Encode();
    AppendBig(static_cast<uint32_t>(encoded.size()), &record);
    record += encoded;
  }
  Append(record);
}

void StateWriter::Swarm(const InfoHash& info_hash, uint32_t completed) {
  std::string record(1, kSwarm);
  record += info_hash.ToString();
  AppendBig(completed, &record);
  Append(record);
}

void StateWriter::SwarmPeer(const Endpoint& endpoint, bool seeder, absl::Duration silent) {
  std::string record(1, kSwarmPeer);
  record += static_cast<char>((endpoint.ip.is_v4() ? kIpv4 : 0) | (seeder ? kComplete : 0));
  AppendEndpoint(endpoint, &record);
  AppendBig(static_cast<uint16_t>(std::clamp<int64_t>(
                absl::ToInt64Seconds(absl::Ceil(silent, absl::Seconds(1))), 0, UINT16_MAX)),
            &record);
  Append(record);
}

void StateWriter::Append(absl::string_view record) {
  if (section_.size() + record.size() > kMaxStateSectionBytes) Flush();
  section_.append(record.data(), record.size());
  ++records_;
}

void StateWriter::Flush() {
  if (section_.empty() || !status_.ok()) return section_.clear();
  std::string head;
  AppendBig(static_cast<uint32_t>(section_.size()), &head);
  AppendBig(Crc32(AsBytes(section_)), &head);
  status_.Update(write_(AsBytes(head)));
  if (status_.ok()) status_.Update(write_(AsBytes(section_)));
  section_.clear();
}

absl::Status StateWriter::Finish() {
  Flush();
  std::string end;
  AppendBig(uint32_t{0}, &end);
  AppendBig(records_, &end);
  AppendBig(Crc32(AsBytes(end)), &end);
  if (status_.ok()) status_.Update(write_(AsBytes(end)));
  return status_;
}

absl::StatusOr<absl::Time> ReadState(ByteView bytes, StateSink* sink) {
  if (bytes.size() < kHeadBytes || std::memcmp(bytes.data(), kStateFileMagic, kMagicBytes) != 0) {
    return absl::DataLossError("is not a tracker's state file");
  }
  ByteReader reader(bytes);
  reader.ReadBytes(kMagicBytes);
  const auto version = reader.ReadBig<uint32_t>();
  const auto saved = static_cast<int64_t>(reader.ReadBig<uint64_t>());
  if (reader.ReadBig<uint32_t>() != Crc32(bytes.first(kHeadBytes - 4))) return Broken("its head");
  if (version < kOldestVersion || version > kVersion) {
    return absl::UnimplementedError(absl::StrCat(
        "has version ", version, ", and this program reads versions ", kOldestVersion, " to ", kVersion));
  }
  RecordReader records(sink);
  for (;;) {
    const ByteView rest = bytes.last(reader.remaining());
    const auto size = reader.ReadBig<uint32_t>();
    if (size == 0) {
      const auto count = reader.ReadBig<uint64_t>();
      const auto crc = reader.ReadBig<uint32_t>();
      if (!reader.ok() || crc != Crc32(rest.first(12))) return Broken("it was cut off");
      if (count != records.records()) return Broken("records are missing");
      if (reader.remaining() > 0) return Broken("something follows its end");
      return absl::FromUnixMillis(saved);
    }
    const auto crc = reader.ReadBig<uint32_t>();
    const ByteView section = reader.ReadBytes(size);
    if (!reader.ok() || size > kMaxStateSectionBytes) return Broken("a section is cut off or too large");
    if (crc != Crc32(section)) return Broken("a section's checksum is wrong");
    SHOAL_RETURN_IF_ERROR(records.Read(section));
  }
}

}  // namespace shoal::tracker
