#include "shoal/content/manifest/manifest.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/content_path.h"

namespace shoal {
namespace {

// docs/wire_format.md, "Manifest"; the last byte is the version.
constexpr std::array<uint8_t, 8> kMagic = {'S', 'H', 'O', 'A', 'L', 'M', 'F', 1};
constexpr size_t kFixedBytes = kMagic.size() + 1 + 4 + 2 + 4 + 4;
constexpr size_t kFileFixedBytes = 8 + 1 + 2;
constexpr size_t kChecksumBytes = 4 + sizeof(Sha256Digest);
constexpr uint8_t kExecutableFlag = 1;

absl::Status Invalid(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("no valid manifest: ", why));
}

std::string Shown(absl::string_view path) {
  return absl::CHexEscape(path);
}

// The files in ascending order, none twice, none of them a folder of another.
absl::Status CheckOrder(const std::vector<FileEntry>& files) {
  std::string as_folder;
  for (size_t i = 0; i + 1 < files.size(); ++i) {
    const std::string& path = files[i].path;
    if (files[i + 1].path <= path) {
      return Invalid(absl::StrCat("'", Shown(files[i + 1].path), "' is out of order or there twice"));
    }
    // All paths that begin with this one follow it directly, though not all of them lie below it ("a", "a-b",
    // "a/c").
    if (files[i + 1].path.compare(0, path.size(), path) != 0) continue;
    as_folder.assign(path).push_back('/');
    const auto below =
        std::lower_bound(files.begin() + static_cast<ptrdiff_t>(i) + 1, files.end(), as_folder,
                         [](const FileEntry& file, const std::string& key) { return file.path < key; });
    if (below != files.end() && below->path.compare(0, as_folder.size(), as_folder) == 0) {
      return Invalid(absl::StrCat("'", Shown(path), "' is a file and a folder"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Manifest> Manifest::Create(Kind kind, std::string name, uint32_t chunk_size_bytes,
                                          std::vector<FileEntry> files,
                                          std::vector<ChunkChecksums> checksums) {
  SHOAL_ASSIGN_OR_RETURN(Manifest manifest, Check(kind, std::move(name), chunk_size_bytes, std::move(files),
                                                  std::move(checksums)));
  const std::string canonical = manifest.Encode();
  manifest.canonical_length_bytes_ = static_cast<uint32_t>(canonical.size());
  manifest.id_ = ContentId(Sha256::Of(AsBytes(canonical)));
  return manifest;
}

absl::StatusOr<Manifest> Manifest::Check(Kind kind, std::string name, uint32_t chunk_size_bytes,
                                         std::vector<FileEntry> files,
                                         std::vector<ChunkChecksums> checksums) {
  if (kind != Kind::kFile && kind != Kind::kFolder) return Invalid("neither file nor folder");
  SHOAL_RETURN_IF_ERROR(CheckContentName(name));
  if (!std::has_single_bit(chunk_size_bytes) || chunk_size_bytes < kMinChunkSizeBytes ||
      chunk_size_bytes > kMaxChunkSizeBytes) {
    return Invalid(absl::StrCat("the chunk size ", chunk_size_bytes, " is no power of two from ",
                                kMinChunkSizeBytes, " to ", kMaxChunkSizeBytes));
  }
  if (files.empty()) return Invalid("no files");
  if (files.size() > kMaxFiles) return Invalid(absl::StrCat("more than ", kMaxFiles, " files"));
  if (kind == Kind::kFile && (files.size() != 1 || files[0].path != name)) {
    return Invalid("a single file has the content's name and no other beside it");
  }

  Manifest manifest;
  manifest.first_chunk_.reserve(files.size() + 1);
  uint64_t chunks = 0;
  uint64_t encoded_bytes = kFixedBytes + name.size();
  for (const FileEntry& file : files) {
    SHOAL_RETURN_IF_ERROR(CheckContentPath(file.path));
    encoded_bytes += kFileFixedBytes + file.path.size();
    manifest.first_chunk_.push_back(static_cast<uint32_t>(chunks));
    // Rounded up without the sum that could overflow.
    const uint64_t file_chunks =
        file.length_bytes / chunk_size_bytes + (file.length_bytes % chunk_size_bytes != 0);
    if (file_chunks > kMaxChunks || chunks + file_chunks > kMaxChunks) {
      return Invalid(absl::StrCat("more than ", kMaxChunks, " chunks; a larger chunk size makes fewer"));
    }
    chunks += file_chunks;
    manifest.length_bytes_ += file.length_bytes;
  }
  manifest.first_chunk_.push_back(static_cast<uint32_t>(chunks));
  encoded_bytes += chunks * kChecksumBytes;
  if (checksums.size() != chunks) {
    return Invalid(absl::StrCat(checksums.size(), " checksums for ", chunks, " chunks"));
  }
  if (encoded_bytes > kMaxManifestBytes) {
    return Invalid("too many files and chunks together; a larger chunk size makes fewer");
  }
  SHOAL_RETURN_IF_ERROR(CheckOrder(files));

  manifest.kind_ = kind;
  manifest.name_ = std::move(name);
  manifest.chunk_size_bytes_ = chunk_size_bytes;
  manifest.files_ = std::move(files);
  manifest.checksums_ = std::move(checksums);
  manifest.IndexFiles();
  return manifest;
}

void Manifest::IndexFiles() {
  file_index_.reserve(chunk_count() / kIndexStep + 2);
  for (uint32_t file = 0; file < files_.size(); ++file) {
    while (file_index_.size() * kIndexStep < first_chunk_[file + 1]) file_index_.push_back(file);
  }
  file_index_.push_back(static_cast<uint32_t>(files_.size()) - 1);
}

absl::StatusOr<Manifest> Manifest::Decode(ByteView canonical) {
  if (canonical.size() > kMaxManifestBytes) return Invalid("too large");
  ByteReader reader(canonical);
  const ByteView magic = reader.ReadBytes(kMagic.size());
  if (!std::equal(magic.begin(), magic.end(), kMagic.begin(), kMagic.end())) {
    return Invalid("it does not begin as one, or is of a version that is not known here");
  }
  const auto kind = static_cast<Kind>(reader.ReadBig<uint8_t>());
  const auto chunk_size_bytes = reader.ReadBig<uint32_t>();
  std::string name = reader.ReadString(reader.ReadBig<uint16_t>());

  const auto file_count = reader.ReadBig<uint32_t>();
  // What is left must hold that many of the smallest entries: so memory is only ever taken in proportion to
  // the input.
  if (file_count > kMaxFiles || file_count > reader.remaining() / (kFileFixedBytes + 1))
    return Invalid("cut off");
  std::vector<FileEntry> files(file_count);
  for (FileEntry& file : files) {
    file.length_bytes = reader.ReadBig<uint64_t>();
    const auto flags = reader.ReadBig<uint8_t>();
    if ((flags & ~kExecutableFlag) != 0) return Invalid("unknown flags of a file");
    file.executable = (flags & kExecutableFlag) != 0;
    file.path = reader.ReadString(reader.ReadBig<uint16_t>());
  }

  const auto chunk_count = reader.ReadBig<uint32_t>();
  if (!reader.ok() || chunk_count > kMaxChunks || reader.remaining() != chunk_count * kChecksumBytes) {
    return Invalid("its length is not what its counts make");
  }
  std::vector<ChunkChecksums> checksums(chunk_count);
  for (ChunkChecksums& checksum : checksums) {
    checksum.crc32 = reader.ReadBig<uint32_t>();
    const ByteView digest = reader.ReadBytes(checksum.sha256.size());
    std::copy(digest.begin(), digest.end(), checksum.sha256.begin());
  }
  SHOAL_ASSIGN_OR_RETURN(Manifest manifest, Check(kind, std::move(name), chunk_size_bytes, std::move(files),
                                                  std::move(checksums)));
  // No field can be written in two ways, so these are the bytes that Encode makes.
  manifest.canonical_length_bytes_ = static_cast<uint32_t>(canonical.size());
  manifest.id_ = ContentId(Sha256::Of(canonical));
  return manifest;
}

absl::StatusOr<Manifest> Manifest::DecodeAs(const ContentId& expected, ByteView canonical) {
  if (canonical.size() > kMaxManifestBytes) return Invalid("too large");
  // First the hash: bytes that are not the right ones need not be parsed.
  const ContentId actual(Sha256::Of(canonical));
  if (actual != expected) {
    return absl::PermissionDeniedError(absl::StrCat("not the content that was asked for: a manifest of ",
                                                    actual.ShortHex(), " in place of ", expected.ShortHex()));
  }
  return Decode(canonical);
}

std::shared_ptr<const std::string> Manifest::CanonicalBytes() const {
  {
    MutexLock lock(&canonical_->mutex);
    if (std::shared_ptr<const std::string> bytes = canonical_->bytes.lock()) return bytes;
  }
  // Without the lock: a large one takes milliseconds. Two that encode at the same time do no harm.
  auto bytes = std::make_shared<const std::string>(Encode());
  MutexLock lock(&canonical_->mutex);
  canonical_->bytes = bytes;
  return bytes;
}

std::string Manifest::Encode() const {
  size_t size = kFixedBytes + name_.size() + checksums_.size() * kChecksumBytes;
  for (const FileEntry& file : files_) size += kFileFixedBytes + file.path.size();
  std::string bytes;
  bytes.reserve(size);
  bytes.append(kMagic.begin(), kMagic.end());
  AppendBig(static_cast<uint8_t>(kind_), &bytes);
  AppendBig(chunk_size_bytes_, &bytes);
  AppendBig(static_cast<uint16_t>(name_.size()), &bytes);
  bytes.append(name_);
  AppendBig(static_cast<uint32_t>(files_.size()), &bytes);
  for (const FileEntry& file : files_) {
    AppendBig(file.length_bytes, &bytes);
    AppendBig(static_cast<uint8_t>(file.executable ? kExecutableFlag : 0), &bytes);
    AppendBig(static_cast<uint16_t>(file.path.size()), &bytes);
    bytes.append(file.path);
  }
  AppendBig(chunk_count(), &bytes);
  for (const ChunkChecksums& checksum : checksums_) {
    AppendBig(checksum.crc32, &bytes);
    bytes.append(checksum.sha256.begin(), checksum.sha256.end());
  }
  return bytes;
}

uint32_t Manifest::mean_chunk_bytes() const {
  if (length_bytes_ == 0) return 1;
  return static_cast<uint32_t>(length_bytes_ / chunk_count());
}

ChunkPlace Manifest::PlaceOf(ChunkIndex index) const {
  const uint32_t step = index.value() / kIndexStep;
  // The last file whose chunks begin at or before this one: empty files begin there too, but come before.
  const auto after = std::upper_bound(first_chunk_.begin() + file_index_[step],
                                      first_chunk_.begin() + file_index_[step + 1] + 1, index.value());
  const auto file = static_cast<uint32_t>(after - first_chunk_.begin()) - 1;
  const uint64_t offset = uint64_t{index.value() - first_chunk_[file]} * chunk_size_bytes_;
  const uint64_t left = files_[file].length_bytes - offset;
  return {FileIndex(file), offset, static_cast<uint32_t>(std::min<uint64_t>(left, chunk_size_bytes_))};
}

std::pair<ChunkIndex, ChunkIndex> Manifest::ChunksOf(FileIndex file) const {
  return {ChunkIndex(first_chunk_[file.value()]), ChunkIndex(first_chunk_[file.value() + 1])};
}

uint32_t ChunkSizeFor(uint64_t length_bytes) {
  constexpr uint64_t kFewestChunks = 512;
  constexpr uint64_t kMostChunks = 32'768;
  constexpr uint32_t kSmallestBytes = 64 * 1024;
  uint32_t size = kDefaultChunkSizeBytes;
  while (size > kSmallestBytes && length_bytes / size < kFewestChunks) size /= 2;
  while (size < kMaxChunkSizeBytes && length_bytes / size >= kMostChunks &&
         length_bytes != kMostChunks * size) {
    size *= 2;
  }
  return size;
}

}  // namespace shoal
