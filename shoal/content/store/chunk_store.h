#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/file_selection.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/content/publish/chunk_verifier.h"
#include "shoal/content/store/content_entries.h"
#include "shoal/content/store/target_file_system.h"

namespace shoal {

class CloseWatch;
class SyncThread;

// An unfinished download on disk, and its completion.
//
// All bytes go to a preallocated file (for a folder: a folder of files) beside the target, under a temporary
// name that carries the content id: ".NAME.ID12.shoal-tmp". Progress is a journal beside it
// (".NAME.ID12.shoal-progress"): a header with the content id, then one checksummed record per stored chunk,
// appended after the chunk's bytes were written. After a crash of the process the chunks of all intact
// records are held; only a few of them are read to check. After a crash of the machine, or when the files
// were replaced or modified since, each recorded chunk is read and checked first (docs/wire_format.md,
// "Progress journal"), and the bad ones are fetched again. Finish() renames to the final name, so no partial
// or wrong file ever has it. Files that another program changed meanwhile are checked before.
//
// With Options::repair, files that have the final name and other bytes are used: their valid chunks are
// copied, and each file is replaced when the new one is complete. Complete files stay as they are, and so
// does everything else in the folder.
//
// It does not know peers. It verifies chunks only where the comments of Open, Put and Finish say so. As a
// ChunkSource it serves the chunks that it holds, before and after Finish.
//
// Thread safety: Put may be called for different chunks from several threads at once; Select and Finish by
// one thread at a time; all other methods are thread-safe.
class ChunkStore final : public ChunkSource {
 public:
  struct Options {
    // The folder that receives the content; created, with its parents, if missing.
    std::string output_folder;
    // The final name of a content that is a single file. Empty: the content's name. No effect for a folder.
    std::string file_name = "";
    // Read every chunk that the journal claims and drop those whose checksums are wrong.
    bool verify_all = false;
    // The wanted files. Unset: all.
    std::optional<FileSelection> selection = std::nullopt;
    // The wanted empty folders and links. Null: all when all files are wanted, none otherwise. Called from
    // the threads that call the store.
    ContentEntries::Wants wants_entry = nullptr;
    // Uses and replaces a target with other bytes.
    bool repair = false;
    // Syncs files early; shared by the stores of a process. Null: a thread of its own.
    std::shared_ptr<SyncThread> sync_thread = nullptr;
    // Detects that another program wrote to a file; shared by the stores of a process. Null: one of its own.
    std::shared_ptr<CloseWatch> close_watch = nullptr;
    // Null: those of the system.
    std::shared_ptr<const FileSystemCalls> file_system = nullptr;
    // Receives what people should know and what is no error, such as a file system without locks. Called from
    // the threads that call the store; must not block.
    std::function<void(const std::string& warning)> on_warning = nullptr;
  };

  enum class PutResult {
    kStored,       // new, checked and written
    kAlreadyHeld,  // nothing done
    kCorrupt,      // checksums differ from the manifest's: the bytes were not written
    kNotWanted,    // of a file that was never selected: nothing done
  };

  // Resumes an earlier run, or starts a new download. A target with the right bytes gives a whole store, see
  // whole(): all of it is read to check, and extra files in a target folder are ignored.
  //
  // Errors, each with a message that says what to do:
  //   ALREADY_EXISTS      the target exists with other bytes and is not to be repaired, or is not of the
  //                       content's kind; nothing was changed
  //   RESOURCE_EXHAUSTED  the disk has no room for the content (says how much is missing)
  //   PERMISSION_DENIED   the folder can't be written
  //   FAILED_PRECONDITION another process has this download open (the journal is locked)
  //   INVALID_ARGUMENT    the selection belongs to another content, or selects no file
  static absl::StatusOr<std::shared_ptr<ChunkStore>> Open(std::shared_ptr<const Manifest> manifest,
                                                          const Options& options);
  ~ChunkStore() override;

  // Checks `bytes` (exactly the chunk's length) against the manifest's CRC-32 and SHA-256, writes them, and
  // records them in the journal.
  // Errors: DATA_LOSS when the output folder or the unfinished download was removed or renamed, so that a
  // later run will not find it; RESOURCE_EXHAUSTED when the disk is full; PERMISSION_DENIED when it has
  // become read-only; others from errno.
  absl::StatusOr<PutResult> Put(ChunkIndex index, ByteView bytes);

  // Put for several chunks at less cost: they are hashed in pairs and recorded together, and their CRC-32 is
  // not computed again. Returns: one result per chunk.
  using Arrival = ArrivedChunk;
  std::vector<absl::StatusOr<PutResult>> PutAll(std::span<const Arrival> arrivals);

  // Replaces the selection, of files and of entries (as Options::wants_entry). Allocates space for newly
  // wanted files, so it waits for the disk. Chunks of deselected files stay held until Finish.
  // Errors: RESOURCE_EXHAUSTED as Open (nothing has changed then); FAILED_PRECONDITION once Finish was
  // called.
  absl::Status Select(const FileSelection& selection, ContentEntries::Wants wants_entry = nullptr);

  // Returns whether every chunk of the wanted files is held.
  bool whole() const;
  // Syncs, sets mode bits, checks files that another program touched, creates empty folders and links,
  // renames to the final name and removes the journal. Idempotent after success.
  // Errors:
  //   FAILED_PRECONDITION not whole
  //   ABORTED             another program damaged chunks; they are no longer held: put them, and try again
  //   ALREADY_EXISTS      the final name was taken meanwhile; the data stays under its temporary name
  //   DATA_LOSS           as Put, or another program keeps damaging chunks
  //
  // When files were skipped, only whole files take their final names, and the journal stays: a later run
  // that wants more files fetches only those, and puts them beside the others.
  absl::Status Finish();

  // Gives the unfinished download up: holds no chunk any more, takes none, and removes what it wrote, with
  // the journal. Waits for Puts in progress. No effect on what has a final name, and none at all when an
  // earlier run gave some of the files theirs, or after Finish succeeded.
  absl::Status Discard();

  // Takes no chunk any more, so that another run may continue the download: the lock of the journal is
  // released. What is held can still be read. Requires: no Put, Select or Finish is in progress, or follows.
  void Close();

  // The final path: output folder / name.
  const std::string& target_path() const;
  // Bytes of the initially wanted files that were held when Open returned.
  uint64_t resumed_bytes() const;
  // How long Open took to find out which chunks are missing.
  absl::Duration opening_took() const;

  // ChunkSource
  const std::shared_ptr<const Manifest>& manifest() const override;
  ChunkSet Held() const override;
  bool Holds(ChunkIndex index) const override;
  absl::StatusOr<FileRegion> Open(ChunkIndex index) const override;

 private:
  class Impl;
  explicit ChunkStore(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace shoal
