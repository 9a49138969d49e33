#include "shoal/content/manifest/manifest.h"

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/status_macros.h"

namespace shoal {
namespace {

// docs/wire_format.md, "Manifest"; followed by the version.
constexpr std::array<uint8_t, 7> kMagic = {'S', 'H', 'O', 'A', 'L', 'M', 'F'};
constexpr size_t kFixedBytes = kMagic.size() + 1 + 1 + 4 + 2 + 4 + 4;
constexpr size_t kFileFixedBytes = 8 + 1 + 2;
constexpr size_t kVersion2FixedBytes = 4 + 4;
constexpr size_t kFolderFixedBytes = 2;
constexpr size_t kLinkFixedBytes = 2 + 2;
constexpr size_t kChecksumBytes = 4 + sizeof(Sha256Digest);
constexpr uint8_t kExecutableFlag = 1;

absl::Status Invalid(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("no valid manifest: ", why));
}

std::string Shown(absl::string_view path) {
  return absl::CHexEscape(path);
}

// Returns: the first of `paths`, in ascending order, that is a folder of another; empty if none is.
absl::string_view FolderOfAnother(const std::vector<absl::string_view>& paths) {
  std::string as_folder;
  for (size_t i = 0; i + 1 < paths.size(); ++i) {
    const absl::string_view path = paths[i];
    // All paths that begin with this one follow it directly, but not all of them are below it ("a", "a-b",
    // "a/c").
    if (!absl::StartsWith(paths[i + 1], path)) continue;
    as_folder.assign(path.data(), path.size());
    as_folder.push_back('/');
    const auto below =
        std::lower_bound(paths.begin() + static_cast<ptrdiff_t>(i) + 1, paths.end(), as_folder);
    if (below != paths.end() && absl::StartsWith(*below, as_folder)) return path;
  }
  return {};
}

absl::Status OutOfOrder(absl::string_view path) {
  return Invalid(absl::StrCat("'", Shown(path), "' is out of order or there twice"));
}

// Calls `take` with zero bytes, `length_bytes` in all.
template <typename Take>
void ForZeros(uint32_t length_bytes, const Take& take) {
  static constexpr std::array<uint8_t, 16 * 1024> kZeros{};
  while (length_bytes > 0) {
    const ByteView step(kZeros.data(), std::min<size_t>(kZeros.size(), length_bytes));
    take(step);
    length_bytes -= static_cast<uint32_t>(step.size());
  }
}

uint32_t ZeroCrc32(uint32_t length_bytes) {
  uint32_t crc = 0;
  ForZeros(length_bytes, [&](ByteView step) { crc = Crc32(step, crc); });
  return crc;
}

Sha256Digest ZeroSha256(uint32_t length_bytes) {
  Sha256 sha256;
  ForZeros(length_bytes, [&](ByteView step) { sha256.Update(step); });
  return sha256.Finish();
}

// Returns: the checksums of a chunk of that size whose bytes are all zero. Computed once per size and
// process.
// Requires: a power of two.
const ChunkChecksums& ZeroChunkChecksums(uint32_t chunk_size_bytes) {
  struct Entry {
    std::once_flag once;
    ChunkChecksums checksums;
  };
  static std::array<Entry, 32> entries;
  Entry& entry = entries[static_cast<size_t>(std::countr_zero(chunk_size_bytes))];
  std::call_once(entry.once,
                 [&] { entry.checksums = {ZeroCrc32(chunk_size_bytes), ZeroSha256(chunk_size_bytes)}; });
  return entry.checksums;
}

}  // namespace

absl::StatusOr<Manifest> Manifest::Create(Kind kind, std::string name, uint32_t chunk_size_bytes,
                                          std::vector<FileEntry> files, std::vector<ChunkChecksums> checksums,
                                          std::vector<std::string> empty_folders,
                                          std::vector<LinkEntry> links) {
  SHOAL_ASSIGN_OR_RETURN(Manifest manifest,
                         Check(kind, std::move(name), chunk_size_bytes, std::move(files),
                               std::move(checksums), std::move(empty_folders), std::move(links)));
  const std::string canonical = manifest.Encode();
  manifest.canonical_length_bytes_ = static_cast<uint32_t>(canonical.size());
  manifest.id_ = ContentId(Sha256::Of(AsBytes(canonical)));
  return manifest;
}

absl::StatusOr<Manifest> Manifest::Check(Kind kind, std::string name, uint32_t chunk_size_bytes,
                                         std::vector<FileEntry> files, std::vector<ChunkChecksums> checksums,
                                         std::vector<std::string> empty_folders,
                                         std::vector<LinkEntry> links) {
  if (kind != Kind::kFile && kind != Kind::kFolder) return Invalid("neither file nor folder");
  SHOAL_RETURN_IF_ERROR(CheckContentName(name));
  if (!std::has_single_bit(chunk_size_bytes) || chunk_size_bytes < kMinChunkSizeBytes ||
      chunk_size_bytes > kMaxChunkSizeBytes) {
    return Invalid(absl::StrCat("the chunk size ", chunk_size_bytes, " is no power of two from ",
                                kMinChunkSizeBytes, " to ", kMaxChunkSizeBytes));
  }
  if (files.empty()) return Invalid("no files");
  if (files.size() + empty_folders.size() + links.size() > kMaxFiles) {
    return Invalid(absl::StrCat("more than ", kMaxFiles, " files, folders and links"));
  }
  if (kind == Kind::kFile &&
      (files.size() + empty_folders.size() + links.size() != 1 || files[0].path != name)) {
    return Invalid("a single file has the content's name and no other beside it");
  }

  Manifest manifest;
  manifest.first_chunk_.reserve(files.size() + 1);
  uint64_t chunks = 0;
  for (const FileEntry& file : files) {
    manifest.first_chunk_.push_back(static_cast<uint32_t>(chunks));
    // Rounded up without a sum that could overflow.
    const uint64_t file_chunks =
        file.length_bytes / chunk_size_bytes + (file.length_bytes % chunk_size_bytes != 0);
    if (file_chunks > kMaxChunks || chunks + file_chunks > kMaxChunks) {
      return Invalid(absl::StrCat("more than ", kMaxChunks, " chunks; a larger chunk size makes fewer"));
    }
    chunks += file_chunks;
    manifest.length_bytes_ += file.length_bytes;
  }
  manifest.first_chunk_.push_back(static_cast<uint32_t>(chunks));
  if (checksums.size() != chunks) {
    return Invalid(absl::StrCat(checksums.size(), " checksums for ", chunks, " chunks"));
  }
  manifest.kind_ = kind;
  manifest.name_ = std::move(name);
  manifest.chunk_size_bytes_ = chunk_size_bytes;
  manifest.files_ = std::move(files);
  manifest.empty_folders_ = std::move(empty_folders);
  manifest.links_ = std::move(links);
  manifest.checksums_ = std::move(checksums);
  if (manifest.EncodedBytes() > kMaxManifestBytes) {
    return Invalid("too many files and chunks together; a larger chunk size makes fewer");
  }
  SHOAL_RETURN_IF_ERROR(manifest.CheckPaths());
  manifest.IndexFiles();
  return manifest;
}

absl::Status Manifest::CheckPaths() const {
  std::vector<absl::string_view> paths;
  paths.reserve(files_.size() + empty_folders_.size() + links_.size());
  // Each of the three is in order by itself: only then is there one encoding. Merged, they are in order as a
  // whole, and a path that two of them have is there twice.
  const auto add = [&paths](absl::string_view path, size_t begin) -> absl::Status {
    SHOAL_RETURN_IF_ERROR(CheckContentPath(path));
    if (paths.size() > begin && path <= paths.back()) return OutOfOrder(path);
    paths.push_back(path);
    return absl::OkStatus();
  };
  const auto merge = [&paths](size_t begin) {
    if (begin < paths.size()) std::sort(paths.begin(), paths.end());
  };
  for (const FileEntry& file : files_) SHOAL_RETURN_IF_ERROR(add(file.path, 0));
  const size_t folders_begin = paths.size();
  for (const std::string& folder : empty_folders_) SHOAL_RETURN_IF_ERROR(add(folder, folders_begin));
  merge(folders_begin);
  const size_t links_begin = paths.size();
  for (const LinkEntry& link : links_) SHOAL_RETURN_IF_ERROR(add(link.path, links_begin));
  merge(links_begin);
  const auto twice = std::adjacent_find(paths.begin(), paths.end());
  if (twice != paths.end()) return OutOfOrder(*twice);
  if (const absl::string_view path = FolderOfAnother(paths); !path.empty()) {
    const bool is_link =
        std::any_of(links_.begin(), links_.end(), [&](const LinkEntry& link) { return path == link.path; });
    const bool is_empty = std::binary_search(empty_folders_.begin(), empty_folders_.end(), path);
    return Invalid(absl::StrCat("'", Shown(path), "' is ",
                                is_link    ? "a link and a folder"
                                : is_empty ? "an empty folder with something in it"
                                           : "a file and a folder"));
  }

  if (links_.empty()) return absl::OkStatus();
  ContentLinks content_links(links_);
  for (const LinkEntry& link : links_) {
    const absl::Status status = content_links.Check(link);
    if (status.ok()) continue;
    return Invalid(
        absl::StrCat("'", Shown(link.path), "' is a link to '", Shown(link.target), "', ", status.message()));
  }
  return absl::OkStatus();
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
    return Invalid("it does not begin as one");
  }
  const auto version = reader.ReadBig<uint8_t>();
  if (version > kNewestVersion) {
    return absl::UnimplementedError(absl::StrCat("published by a newer Shoal: its manifest is of version ",
                                                 version, ", and this program reads versions up to ",
                                                 kNewestVersion, "; install a newer Shoal"));
  }
  if (version == 0) return Invalid("there is no version 0");
  const auto kind = static_cast<Kind>(reader.ReadBig<uint8_t>());
  const auto chunk_size_bytes = reader.ReadBig<uint32_t>();
  std::string name = reader.ReadString(reader.ReadBig<uint16_t>());

  const auto file_count = reader.ReadBig<uint32_t>();
  // The remaining bytes must hold that many of the smallest entries, so memory stays in proportion to the
  // input.
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

  std::vector<std::string> empty_folders;
  std::vector<LinkEntry> links;
  if (version >= 2) {
    const auto folder_count = reader.ReadBig<uint32_t>();
    if (folder_count > kMaxFiles || folder_count > reader.remaining() / (kFolderFixedBytes + 1))
      return Invalid("cut off");
    empty_folders.resize(folder_count);
    for (std::string& folder : empty_folders) folder = reader.ReadString(reader.ReadBig<uint16_t>());
    const auto link_count = reader.ReadBig<uint32_t>();
    if (link_count > kMaxFiles || link_count > reader.remaining() / (kLinkFixedBytes + 2))
      return Invalid("cut off");
    links.resize(link_count);
    for (LinkEntry& link : links) {
      link.path = reader.ReadString(reader.ReadBig<uint16_t>());
      link.target = reader.ReadString(reader.ReadBig<uint16_t>());
    }
    if (folder_count == 0 && link_count == 0) return Invalid("version 2 without empty folders and links");
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
  SHOAL_ASSIGN_OR_RETURN(Manifest manifest,
                         Check(kind, std::move(name), chunk_size_bytes, std::move(files),
                               std::move(checksums), std::move(empty_folders), std::move(links)));
  // No field can be encoded in two ways, so these are the bytes that Encode returns.
  manifest.canonical_length_bytes_ = static_cast<uint32_t>(canonical.size());
  manifest.id_ = ContentId(Sha256::Of(canonical));
  return manifest;
}

absl::StatusOr<Manifest> Manifest::DecodeAs(const ContentId& expected, ByteView canonical) {
  if (canonical.size() > kMaxManifestBytes) return Invalid("too large");
  // The hash first: wrong bytes need not be parsed.
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
  // Without the lock, since a large manifest takes milliseconds. Two threads may encode at once; that is
  // harmless.
  auto bytes = std::make_shared<const std::string>(Encode());
  MutexLock lock(&canonical_->mutex);
  canonical_->bytes = bytes;
  return bytes;
}

size_t Manifest::EncodedBytes() const {
  size_t size = kFixedBytes + name_.size() + checksums_.size() * kChecksumBytes;
  for (const FileEntry& file : files_) size += kFileFixedBytes + file.path.size();
  if (version() == 1) return size;
  size += kVersion2FixedBytes;
  for (const std::string& folder : empty_folders_) size += kFolderFixedBytes + folder.size();
  for (const LinkEntry& link : links_) size += kLinkFixedBytes + link.path.size() + link.target.size();
  return size;
}

std::string Manifest::Encode() const {
  std::string bytes;
  bytes.reserve(EncodedBytes());
  const auto append_text = [&bytes](const std::string& text) {
    AppendBig(static_cast<uint16_t>(text.size()), &bytes);
    bytes.append(text);
  };
  bytes.append(kMagic.begin(), kMagic.end());
  AppendBig(version(), &bytes);
  AppendBig(static_cast<uint8_t>(kind_), &bytes);
  AppendBig(chunk_size_bytes_, &bytes);
  append_text(name_);
  AppendBig(static_cast<uint32_t>(files_.size()), &bytes);
  for (const FileEntry& file : files_) {
    AppendBig(file.length_bytes, &bytes);
    AppendBig(static_cast<uint8_t>(file.executable ? kExecutableFlag : 0), &bytes);
    append_text(file.path);
  }
  if (version() >= 2) {
    AppendBig(static_cast<uint32_t>(empty_folders_.size()), &bytes);
    for (const std::string& folder : empty_folders_) append_text(folder);
    AppendBig(static_cast<uint32_t>(links_.size()), &bytes);
    for (const LinkEntry& link : links_) {
      append_text(link.path);
      append_text(link.target);
    }
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
  // The last file whose chunks begin at or before this one. Empty files begin there too, but sort before it.
  const auto after = std::upper_bound(first_chunk_.begin() + file_index_[step],
                                      first_chunk_.begin() + file_index_[step + 1] + 1, index.value());
  const auto file = static_cast<uint32_t>(after - first_chunk_.begin()) - 1;
  const uint64_t offset = uint64_t{index.value() - first_chunk_[file]} * chunk_size_bytes_;
  const uint64_t left = files_[file].length_bytes - offset;
  return {FileIndex(file), offset, static_cast<uint32_t>(std::min<uint64_t>(left, chunk_size_bytes_))};
}

bool Manifest::IsZeroChunk(ChunkIndex index) const {
  const ChunkChecksums& chunk = checksums(index);
  const uint32_t length_bytes = PlaceOf(index).length_bytes;
  if (length_bytes == chunk_size_bytes_) return chunk == ZeroChunkChecksums(chunk_size_bytes_);
  // The CRC-32 first: it is cheap, and all but zero chunks end there.
  return chunk.crc32 == ZeroCrc32(length_bytes) && chunk.sha256 == ZeroSha256(length_bytes);
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
