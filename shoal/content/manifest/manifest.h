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
#include "shoal/content/manifest/content_links.h"
#include "shoal/content/manifest/content_path.h"
#include "shoal/content/manifest/ids.h"

namespace shoal {

inline constexpr uint32_t kDefaultChunkSizeBytes = 512 * 1024;
inline constexpr uint32_t kMinChunkSizeBytes = 16 * 1024;
inline constexpr uint32_t kMaxChunkSizeBytes = 16 * 1024 * 1024;
// The most bytes that a decoder accepts; a larger manifest is refused before memory is allocated for it.
inline constexpr size_t kMaxManifestBytes = 64 * 1024 * 1024;
inline constexpr uint32_t kMaxChunks = 1'500'000;
inline constexpr uint32_t kMaxFiles = 1'000'000;  // with empty folders and links

// One file of a content. `path` is relative to the content's folder, with '/' between its components, in the
// bytes that the publisher's disk had. For a content that is a single file it equals the content's name.
struct FileEntry {
  std::string path;
  uint64_t length_bytes = 0;
  bool executable = false;  // the owner's x bit, the only mode bit that is transferred

  friend bool operator==(const FileEntry&, const FileEntry&) = default;
};

struct ChunkChecksums {
  uint32_t crc32 = 0;
  Sha256Digest sha256{};

  friend bool operator==(const ChunkChecksums&, const ChunkChecksums&) = default;
};

// Where a chunk is: `length_bytes` bytes (1 to the chunk size) at `offset_bytes` of one file.
struct ChunkPlace {
  FileIndex file;
  uint64_t offset_bytes = 0;
  uint32_t length_bytes = 0;

  friend bool operator==(const ChunkPlace&, const ChunkPlace&) = default;
};

// What a content is: its name, its files, empty folders and symbolic links and, per chunk, the checksums that
// a received chunk must have. The chunks are numbered in the order of the files. A chunk never spans two
// files, the last chunk of a file is as short as the rest, and an empty file has none. A large manifest is
// shared by std::shared_ptr<const Manifest>.
//
// It does not know where the content is stored, which peers have it, or which trackers know it.
//
// Thread safety: immutable, so thread-safe.
class Manifest {
 public:
  enum class Kind : uint8_t { kFile = 1, kFolder = 2 };

  // The canonical bytes of a content without empty folders and links are of version 1; of any other, of
  // version 2. So a content that version 1 can describe keeps its id, and older programs can read it.
  static constexpr uint8_t kNewestVersion = 2;

  // Checks everything that Decode checks, so that each Manifest in the process is valid.
  //
  // Errors: INVALID_ARGUMENT with the rule that is broken: a name or a path that content_path.h refuses; no
  // files, or too many; files that are not in ascending byte order of path, a path that occurs twice or is
  // also a folder of another; a chunk size that is not a power of two within the bounds; a number of
  // checksums that does not match the lengths; an empty folder or a link whose path breaks the rules of a
  // file's; a link that ContentLinks refuses. `empty_folders` and `links` are in ascending byte order of
  // path, too; a content that is a single file has none. All paths together are distinct, and none is a
  // folder of another.
  static absl::StatusOr<Manifest> Create(Kind kind, std::string name, uint32_t chunk_size_bytes,
                                         std::vector<FileEntry> files, std::vector<ChunkChecksums> checksums,
                                         std::vector<std::string> empty_folders = {},
                                         std::vector<LinkEntry> links = {});

  // Decodes canonical bytes (docs/wire_format.md, "Manifest"). Bounds every length before it allocates
  // memory. There is one encoding per manifest: Encode returns the same bytes again.
  // Errors: UNIMPLEMENTED for a version that is newer than this program, and says so; INVALID_ARGUMENT for
  // any other bytes.
  static absl::StatusOr<Manifest> Decode(ByteView canonical);

  // Decodes bytes that an untrusted peer sent.
  // Errors: PERMISSION_DENIED if their SHA-256 is not `expected`; else as Decode.
  static absl::StatusOr<Manifest> DecodeAs(const ContentId& expected, ByteView canonical);

  // Returns: the canonical bytes. Computed at each call, linear in the number of files and chunks.
  std::string Encode() const;
  // Returns the same bytes as Encode in a shared string. Callers that hold it at the same time share one
  // string, which is freed with its last holder. Hundreds of sessions about one content share one string.
  std::shared_ptr<const std::string> CanonicalBytes() const;
  uint8_t version() const { return empty_folders_.empty() && links_.empty() ? 1 : 2; }
  uint32_t canonical_length_bytes() const { return canonical_length_bytes_; }

  const ContentId& id() const { return id_; }  // SHA-256 of Encode()
  Kind kind() const { return kind_; }
  const std::string& name() const { return name_; }
  uint32_t chunk_size_bytes() const { return chunk_size_bytes_; }
  uint64_t length_bytes() const { return length_bytes_; }  // of all files together
  const std::vector<FileEntry>& files() const { return files_; }
  // Folders without any entry below them. The folders on the paths of files, links and these are implied.
  const std::vector<std::string>& empty_folders() const { return empty_folders_; }
  // All of them lead to places inside the content's folder, or to nothing there. They have no FileIndex.
  const std::vector<LinkEntry>& links() const { return links_; }
  uint32_t chunk_count() const { return static_cast<uint32_t>(checksums_.size()); }
  // At least 1. Far below chunk_size_bytes() in a folder of small files.
  uint32_t mean_chunk_bytes() const;

  // Requires, both: index < chunk_count(). PlaceOf takes O(log files) at worst and usually touches one cache
  // line.
  const ChunkChecksums& checksums(ChunkIndex index) const { return checksums_[index.value()]; }
  ChunkPlace PlaceOf(ChunkIndex index) const;

  // Returns: whether all bytes of the chunk are zero. It follows from the checksums, without the bytes: a
  // reader can leave a hole in a sparse file where the chunk would be, and need not fetch it. Requires: index
  // < chunk_count().
  bool IsZeroChunk(ChunkIndex index) const;

  // Returns: the first chunk of `file` and one past its last; equal for an empty file. Requires: file <
  // files().size().
  std::pair<ChunkIndex, ChunkIndex> ChunksOf(FileIndex file) const;

 private:
  static constexpr uint32_t kIndexStep = 64;

  Manifest() = default;
  void IndexFiles();
  // Create without the id.
  static absl::StatusOr<Manifest> Check(Kind kind, std::string name, uint32_t chunk_size_bytes,
                                        std::vector<FileEntry> files, std::vector<ChunkChecksums> checksums,
                                        std::vector<std::string> empty_folders, std::vector<LinkEntry> links);
  absl::Status CheckPaths() const;
  size_t EncodedBytes() const;

  ContentId id_;
  Kind kind_ = Kind::kFile;
  std::string name_;
  uint32_t chunk_size_bytes_ = kDefaultChunkSizeBytes;
  uint64_t length_bytes_ = 0;
  std::vector<FileEntry> files_;
  std::vector<std::string> empty_folders_;
  std::vector<LinkEntry> links_;
  std::vector<uint32_t> first_chunk_;  // per file, and one past the end
  // The file of each kIndexStep-th chunk, and of the last: where PlaceOf starts its search.
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

// Returns: the chunk size for a content of `length_bytes`. It is the default, halved (down to 64 KiB) until
// there are at least 512 chunks, since a chunk arrives whole before it is passed on, which costs its length
// at each hop; or doubled (up to the maximum) until there are at most 32,768 chunks, since each has an entry
// in the manifest.
uint32_t ChunkSizeFor(uint64_t length_bytes);

}  // namespace shoal
