#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"

namespace shoal {

// What a journal is about, and in which circumstances its records need no proof.
struct JournalHeader {
  ContentId content;
  uint32_t chunk_count = 0;
  uint64_t data_fingerprint = 0;  // DataFiles::fingerprint: the very folder or file that the records speak of
  std::array<uint8_t, 16> boot_id{};  // of the machine's run in which the records were written

  friend bool operator==(const JournalHeader&, const JournalHeader&) = default;
};

// A journal's bytes, understood: docs/wire_format.md, "Progress journal".
struct JournalContents {
  JournalHeader header;
  ChunkSet noted;        // chunks of all intact records; those that are torn or damaged are passed over
  bool gapless = false;  // nothing was passed over, and no chunk is noted twice
};

// INVALID_ARGUMENT when even the header is not intact, or for another version.
absl::StatusOr<JournalContents> DecodeJournal(ByteView bytes);
std::string EncodeJournal(const JournalHeader& header, const ChunkSet& noted);

// The boot id of the machine's present run; all zero, which is never trusted, where the system does not tell.
std::array<uint8_t, 16> CurrentBootId();

// The file beside a download that says which chunks are written. Locked from Open until it dies, so that two
// processes can't be at one download. One thread at a time.
class ChunkJournal {
 public:
  // Opens or makes the file at `path`. FAILED_PRECONDITION when another process has it locked.
  static absl::StatusOr<ChunkJournal> Open(const std::string& path);

  // What an earlier run left; nothing when there is no intact journal of this content.
  absl::StatusOr<std::optional<JournalContents>> Load(const ContentId& content, uint32_t chunk_count);

  // When the file was last written, by its file system's clock.
  absl::StatusOr<absl::Time> LastWritten() const;

  // From now on the journal notes `noted`. When what was loaded says just that already, it goes on behind it;
  // otherwise a new one takes its place, at once or not at all, and is synced, which may wait for all that
  // the disk has still to write.
  absl::Status Begin(const JournalHeader& header, const ChunkSet& noted);

  // Notes more chunks, whose bytes are written already, in one write. Only after Begin. When it fails, the
  // next records go to the same place.
  absl::Status Append(std::span<const ChunkIndex> chunks);

  absl::Status Remove();

 private:
  ChunkJournal(std::string path, FileDescriptor file) : path_(std::move(path)), file_(std::move(file)) {}
  absl::Status Replace(const std::string& bytes, bool sync);
  std::string FreshPath() const;  // of a journal that is to take the place of this one

  std::string path_;
  FileDescriptor file_;
  std::optional<JournalContents> loaded_;  // until Begin
  uint32_t record_seed_ = 0;
  uint64_t end_bytes_ = 0;
  std::vector<uint8_t> records_;  // being written; kept for its memory
};

}  // namespace shoal
