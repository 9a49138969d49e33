#include "shoal/content/publish/hashed_content.h"

#include <algorithm>
#include <utility>

#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/checksum.h"

namespace shoal {
namespace {

constexpr uint32_t kMagic = 0x53484843;  // "SHHC"
constexpr uint32_t kVersion = 2;
constexpr size_t kStampBytes = 32;

void AppendBytes(ByteView bytes, std::string* to) {
  to->append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

absl::Status NoRecord() {
  return absl::InvalidArgumentError("not a record of a hashed content");
}

}  // namespace

std::string HashedContent::Encode() const {
  std::string bytes;
  AppendBig(kMagic, &bytes);
  AppendBig(kVersion, &bytes);
  AppendBig(static_cast<uint32_t>(entry.size()), &bytes);
  bytes.append(entry);
  AppendBig(static_cast<uint32_t>(stamps.size()), &bytes);
  for (const FileStamp& stamp : stamps) {
    AppendBig(stamp.length_bytes, &bytes);
    AppendBig(static_cast<uint64_t>(stamp.modified_ns), &bytes);
    AppendBig(stamp.inode, &bytes);
    AppendBig(static_cast<uint64_t>(stamp.changed_ns), &bytes);
  }
  const std::string canonical = manifest.Encode();
  AppendBig(static_cast<uint32_t>(canonical.size()), &bytes);
  bytes.append(canonical);
  AppendBytes(Sha256::Of(AsBytes(bytes)), &bytes);
  return bytes;
}

absl::StatusOr<HashedContent> HashedContent::Decode(ByteView bytes) {
  constexpr size_t kDigestBytes = sizeof(Sha256Digest);
  if (bytes.size() < kDigestBytes || bytes.size() > kMaxHashedContentBytes) return NoRecord();
  const ByteView body = bytes.first(bytes.size() - kDigestBytes);
  const ByteView digest = bytes.last(kDigestBytes);

  ByteReader reader(body);
  if (reader.ReadBig<uint32_t>() != kMagic || reader.ReadBig<uint32_t>() != kVersion) return NoRecord();
  if (!std::ranges::equal(Sha256::Of(body), digest)) {
    return absl::DataLossError("a record of a hashed content is damaged");
  }

  std::string entry = reader.ReadString(reader.ReadBig<uint32_t>());
  const uint32_t stamp_count = reader.ReadBig<uint32_t>();
  if (!reader.ok() || stamp_count > reader.remaining() / kStampBytes) return NoRecord();
  std::vector<FileStamp> stamps(stamp_count);
  for (FileStamp& stamp : stamps) {
    stamp.length_bytes = reader.ReadBig<uint64_t>();
    stamp.modified_ns = static_cast<int64_t>(reader.ReadBig<uint64_t>());
    stamp.inode = reader.ReadBig<uint64_t>();
    stamp.changed_ns = static_cast<int64_t>(reader.ReadBig<uint64_t>());
  }
  const ByteView canonical = reader.ReadBytes(reader.ReadBig<uint32_t>());
  if (!reader.ok() || reader.remaining() != 0) return NoRecord();
  SHOAL_ASSIGN_OR_RETURN(Manifest manifest, Manifest::Decode(canonical));
  if (manifest.files().size() != stamps.size()) return NoRecord();

  return HashedContent{std::move(entry), std::move(manifest), std::move(stamps)};
}

}  // namespace shoal
