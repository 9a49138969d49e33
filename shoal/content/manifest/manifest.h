#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/manifest/ids.h"

namespace shoal {

inline constexpr uint32_t kDefaultChunkSizeBytes = 512 * 1024;
inline constexpr uint32_t kMinChunkSizeBytes = 16 * 1024;
inline constexpr uint32_t kMaxChunkSizeBytes = 16 * 1024 * 1024;
// What a decoder takes at most; a larger manifest is refused before memory is taken for it.
inline constexpr size_t kMaxManifestBytes = 64 * 1024 * 1024;
inline constexpr uint32_t kMaxChunks = 1'500'000;
inline constexpr uint32_t kMaxFiles = 1'000'000;
inline constexpr size_t kMaxPathBytes = 4096;
inline constexpr size_t kMaxNameBytes = 255;

// One file of a content. `path` is relative to the content's folder, in UTF-8 or whatever bytes the disk had,
// with '/' between its parts; for a content that is a single file it equals the content's name.
struct FileEntry {
  std::string path;
  uint64_t length_bytes = 0;
  bool executable = false;  // the owner's x bit: the only mode bit that travels

  friend bool operator==(const FileEntry&, const FileEntry&) = default;
};

struct ChunkChecksums {
  uint32_t crc32 = 0;
  Sha256Digest sha256{};

  friend bool operator==(const ChunkChecksums&, const ChunkChecksums&) = default;
};

// Where a chunk lies: `length_bytes` bytes (1 .. chunk size) at `offset_bytes` of one file.
struct ChunkPlace {
  FileIndex file;
  uint64_t offset_bytes = 0;
  uint32_t length_bytes = 0;

  friend bool operator==(const ChunkPlace&, const ChunkPlace&) = default;
};

// What a content is: its name, its files and, per chunk, the checksums that a received chunk must have. The
// files' chunks follow each other in the order of the files; a chunk never spans two files, the last chunk of
// a file is as short as what is left, and an empty file has none. Immutable, so thread-safe; a large one is
// shared by std::shared_ptr<const Manifest>.
//
// It does not know where the content lies on a disk, who has it, or which trackers were told.
class Manifest {
 public:
  enum class Kind : uint8_t { kFile = 1, kFolder = 2 };

  // Checks everything that Decode checks, so that each Manifest in the process is a valid one.
  // INVALID_ARGUMENT with the rule that was broken: a name or a path that content_path.h refuses; no files,
  // or too many; files that are not in ascending byte order of path, or twice there, or where one is a folder
  // of another; a chunk size that is no power of two within the bounds; a number of checksums that does not
  // fit the lengths.
  static absl::StatusOr<Manifest> Create(Kind kind, std::string name, uint32_t chunk_size_bytes,
                                         std::vector<FileEntry> files, std::vector<ChunkChecksums> checksums);

  // From canonical bytes (docs/wire_format.md, "Manifest"). Bounds every length before it takes memory. There
  // is one encoding per manifest: bytes that would not come out of Encode again are INVALID_ARGUMENT.
  static absl::StatusOr<Manifest> Decode(ByteView canonical);

  // Decode, and PERMISSION_DENIED ("not the content that was asked for") when the bytes' SHA-256 is not
  // `expected`.
  static absl::StatusOr<Manifest> DecodeAs(const ContentId& expected, ByteView canonical);

  // The canonical bytes; computed at each call, linear in the number of chunks.
  std::string Encode() const;
  // The same, computed once for all callers that hold them at the same time, and freed with the last of them:
  // what hundreds of sessions about one content hold is one string. Thread-safe.
  std::shared_ptr<const std::string> CanonicalBytes() const;
  uint32_t canonical_length_bytes() const { return canonical_length_bytes_; }

  const ContentId& id() const { return id_; }  // SHA-256 of Encode()
  Kind kind() const { return kind_; }
  const std::string& name() const { return name_; }
  uint32_t chunk_size_bytes() const { return chunk_size_bytes_; }
  uint64_t length_bytes() const { return length_bytes_; }  // of all files together
  const std::vector<FileEntry>& files() const { return files_; }
  uint32_t chunk_count() const { return static_cast<uint32_t>(checksums_.size()); }
  // At least 1. In a folder of small files far less than chunk_size_bytes().
  uint32_t mean_chunk_bytes() const;

  // Both need index < chunk_count(). PlaceOf is O(log files) at worst, and mostly touches one cache line.
  const ChunkChecksums& checksums(ChunkIndex index) const { return checksums_[index.value()]; }
  ChunkPlace PlaceOf(ChunkIndex index) const;

  // The chunks of one file: first and one past the last. Equal for an empty file.
  std::pair<ChunkIndex, ChunkIndex> ChunksOf(FileIndex file) const;

 private:
  static constexpr uint32_t kIndexStep = 64;

  Manifest() = default;
  void IndexFiles();
  // Create without the id.
  static absl::StatusOr<Manifest> Check(Kind kind, std::string name, uint32_t chunk_size_bytes,
                                        std::vector<FileEntry> files, std::vector<ChunkChecksums> checksums);

  ContentId id_;
  Kind kind_ = Kind::kFile;
  std::string name_;
  uint32_t chunk_size_bytes_ = kDefaultChunkSizeBytes;
  uint64_t length_bytes_ = 0;
  std::vector<FileEntry> files_;
  std::vector<uint32_t> first_chunk_;  // per file, and one past the end
  // The file of each kIndexStep-th chunk, and of the last: where PlaceOf begins to search.
  std::vector<uint32_t> file_index_;
  std::vector<ChunkChecksums> checksums_;
  uint32_t canonical_length_bytes_ = 0;
  // Shared by copies, which have the same bytes.
  struct Canonical {
    Mutex mutex;
    std::weak_ptr<const std::string> bytes ABSL_GUARDED_BY(mutex);
  };
  std::shared_ptr<Canonical> canonical_ = std::make_shared<Canonical>();
};

// The chunk size for a content of `length_bytes`: the default; halved until there are at least 512 chunks,
// but not below 64 KiB, since in a swarm a chunk that arrives whole before it is passed on costs its length
// at each hop; doubled until there are at most 32,768 chunks (or the chunk is as large as it may be), since
// each takes its place in the manifest.
uint32_t ChunkSizeFor(uint64_t length_bytes);

}  // namespace shoal
