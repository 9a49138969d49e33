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
#include "shoal/content/store/target_file_system.h"

namespace shoal {

// Identifies the download that a journal describes, and the conditions under which its records are trusted
// without reading the data.
struct JournalHeader {
  ContentId content;
  uint32_t chunk_count = 0;
  // DataFiles::fingerprint() of the folder or file that the records refer to.
  uint64_t data_fingerprint = 0;
  // CurrentBootId() when the records were written.
  std::array<uint8_t, 16> boot_id{};

  friend bool operator==(const JournalHeader&, const JournalHeader&) = default;
};

// A decoded journal. docs/wire_format.md, "Progress journal", defines the bytes.
struct JournalContents {
  JournalHeader header;
  ChunkSet noted;        // the chunks of all intact records; torn and damaged records are skipped
  bool gapless = false;  // no record was skipped, and no chunk is recorded twice
};

// Errors: INVALID_ARGUMENT when the header is damaged or has another version. A damaged record is not an
// error.
absl::StatusOr<JournalContents> DecodeJournal(ByteView bytes);
std::string EncodeJournal(const JournalHeader& header, const ChunkSet& noted);

// Returns: the kernel's id of the current boot. All zeros if the system has none; a journal with zeros is
// never trusted.
std::array<uint8_t, 16> CurrentBootId();

// The file beside a download that records which chunks are written. It holds an exclusive lock from Open
// until its destruction, so that only one process works on a download. It does not check the chunks
// themselves.
//
// Thread safety: one thread at a time.
class ChunkJournal {
 public:
  // Opens or creates the file at `path`. A symbolic link is not followed. If `file_system` is null, uses a
  // TargetFileSystem that reports no warnings. Errors: FAILED_PRECONDITION when another process holds the
  // lock, or when it is no regular file; others as FileDescriptor::Open.
  static absl::StatusOr<ChunkJournal> Open(const std::string& path,
                                           std::shared_ptr<const TargetFileSystem> file_system = nullptr);

  // Returns: the records of an earlier run; nullopt when there is no intact journal of this content that
  // this user, or root, wrote.
  absl::StatusOr<std::optional<JournalContents>> Load(const ContentId& content, uint32_t chunk_count);

  // Returns: the time of the last write, by the clock of the file system.
  absl::StatusOr<absl::Time> LastWritten() const;

  // Makes `header` and `noted` the state of the journal. If the loaded journal has exactly that state, it is
  // continued. Otherwise a new file replaces it atomically. The new file is synced unless `noted` is empty,
  // which can take as long as all outstanding writes of the disk.
  absl::Status Begin(const JournalHeader& header, const ChunkSet& noted);

  // Records chunks, in one write. After an error the next records overwrite what this call wrote.
  // Requires: Begin succeeded; the bytes of the chunks are written.
  absl::Status Append(std::span<const ChunkIndex> chunks);

  // Removes the file, and what a crash left of its replacement. OK when it is gone already.
  absl::Status Remove() { return RemoveAt(path_); }

  // The same for the file at `path`, which no process may have open.
  static absl::Status RemoveAt(const std::string& path);
  // Whether there is a file at `path`, or what a crash left of its replacement.
  static bool IsAt(const std::string& path);

 private:
  ChunkJournal(std::string path, FileDescriptor file, std::shared_ptr<const TargetFileSystem> file_system)
      : path_(std::move(path)), file_(std::move(file)), file_system_(std::move(file_system)) {}
  absl::Status Replace(const std::string& bytes, bool sync);

  std::string path_;
  FileDescriptor file_;
  std::shared_ptr<const TargetFileSystem> file_system_;
  std::optional<JournalContents> loaded_;  // until Begin
  uint32_t record_seed_ = 0;
  uint64_t end_bytes_ = 0;
  std::vector<uint8_t> records_;  // of one Append; a member so that its memory is reused
};

}  // namespace shoal
