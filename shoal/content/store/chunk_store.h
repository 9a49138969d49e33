#pragma once

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

namespace shoal {

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
// or wrong file ever has it.
//
// It does not know peers, and checks only what Open and Put say. As a ChunkSource it serves the chunks that
// it holds, before and after Finish.
//
// Thread safety: Put may be called for different chunks from several threads at once; Select and Finish by
// one thread at a time; all other methods are thread-safe.
class ChunkStore final : public ChunkSource {
 public:
  struct Options {
    // The folder that receives the content; created, with its parents, if missing.
    std::string output_folder;
    // Read every chunk that the journal claims and drop those whose checksums are wrong.
    bool verify_all = false;
    // The wanted files. Unset: all.
    std::optional<FileSelection> selection = std::nullopt;
    // Syncs files early; shared by the stores of a process. Null: a thread of its own.
    std::shared_ptr<SyncThread> sync_thread = nullptr;
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
  //   ALREADY_EXISTS      the target exists with other bytes; nothing was changed
  //   RESOURCE_EXHAUSTED  the disk has no room for the content (says how much is missing)
  //   PERMISSION_DENIED   the folder can't be written
  //   FAILED_PRECONDITION another process has this download open (the journal is locked)
  //   INVALID_ARGUMENT    the selection belongs to another content, or selects no file
  static absl::StatusOr<std::shared_ptr<ChunkStore>> Open(std::shared_ptr<const Manifest> manifest,
                                                          const Options& options);
  ~ChunkStore() override;

  // Checks `bytes` (exactly the chunk's length) against the manifest's CRC-32 and SHA-256, writes them, and
  // records them in the journal. Errors: the disk's only: RESOURCE_EXHAUSTED (full), or from errno.
  absl::StatusOr<PutResult> Put(ChunkIndex index, ByteView bytes);

  // Put for several chunks at once, at less cost: they are hashed in pairs and recorded together, and their
  // CRC-32 is not computed again. Returns one result per chunk.
  using Arrival = ArrivedChunk;
  std::vector<absl::StatusOr<PutResult>> PutAll(std::span<const Arrival> arrivals);

  // Replaces the selection. Allocates space for newly wanted files, so it blocks on the disk. Chunks of
  // deselected files stay held until Finish. Errors: RESOURCE_EXHAUSTED as Open (nothing has changed then);
  // FAILED_PRECONDITION once Finish was called.
  absl::Status Select(const FileSelection& selection);

  // Every chunk of the wanted files is held.
  bool whole() const;
  // Syncs, sets mode bits, renames to the final name and removes the journal. Idempotent after success.
  // Errors: FAILED_PRECONDITION when not whole; ALREADY_EXISTS when the final name was taken meanwhile (the
  // data stays under its temporary name).
  //
  // When files were skipped, only whole files take their final names, and the journal stays: a later run
  // that wants more files fetches only those, and puts them beside the others.
  absl::Status Finish();

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
