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

// Where a download lies on the disk while it is not whole, and how it becomes whole.
//
// All bytes go to a preallocated file (for a folder: a folder of files) beside the target, under a temporary
// name that carries the content id: ".NAME.ID12.shoal-tmp". Progress is a journal beside it
// (".NAME.ID12.shoal-progress"): a header with the content id, then one checksummed record per stored chunk,
// appended after the chunk's bytes were written. After a crash of the process the chunks of all intact
// records are held, without reading more than a few of them. After a crash of the machine, or when the files
// are not the very ones that were written or somebody wrote to them since, each is read and checked first
// (docs/wire_format.md, "Progress journal"); the others are fetched again. Finish() renames to the final
// name. So no partial or wrong file ever stands under it.
//
// It does not know peers, and it checks nothing on its own account but what Put says.
//
// As a ChunkSource it serves the chunks that it holds, before and after Finish. Thread-safe: Put may be
// called for different chunks from several threads at once; Select and Finish by one thread at a time.
class ChunkStore final : public ChunkSource {
 public:
  struct Options {
    // The folder into which the content goes; made, with its parents, when it is not there.
    std::string output_folder;
    // Read every chunk that the journal claims and drop those whose checksums are wrong.
    bool verify_all = false;
    // The files that are wanted; none given: all.
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

  // Opens what an earlier run left, or begins anew. Errors, each with a message that says what to do:
  //   ALREADY_EXISTS      the target is there with other bytes; nothing was touched. One with the right bytes
  //                       is a whole store, see whole(): all of it is read to know, and files that a target
  //                       folder has besides those of the content do not matter
  //   RESOURCE_EXHAUSTED  the disk has no room for the content (says how much is missing)
  //   PERMISSION_DENIED   the folder can't be written
  //   FAILED_PRECONDITION another process is at this download right now (the journal is locked)
  //   INVALID_ARGUMENT    a selection that is of another content, or that wants no file
  static absl::StatusOr<std::shared_ptr<ChunkStore>> Open(std::shared_ptr<const Manifest> manifest,
                                                          const Options& options);
  ~ChunkStore() override;

  // Checks `bytes` (exactly the chunk's length) against CRC-32 and SHA-256 of the manifest, writes them,
  // notes them in the journal. An error is the disk's: RESOURCE_EXHAUSTED (full), or what errno says.
  absl::StatusOr<PutResult> Put(ChunkIndex index, ByteView bytes);

  // Put for several chunks at once, which costs less: they are hashed in pairs and noted together, and their
  // CRC-32 is not reckoned again. One result each.
  using Arrival = ArrivedChunk;
  std::vector<absl::StatusOr<PutResult>> PutAll(std::span<const Arrival> arrivals);

  // Wants these files from now on, and no others. Makes room for those that are new: it blocks for the disk.
  // Chunks of a file that is wanted no more stay held until Finish. RESOURCE_EXHAUSTED as Open, and then
  // nothing has changed; FAILED_PRECONDITION once Finish was called.
  absl::Status Select(const FileSelection& selection);

  // Every chunk of the wanted files is held.
  bool whole() const;
  // Syncs, sets mode bits, renames to the final name and removes the journal. FAILED_PRECONDITION when not
  // whole; ALREADY_EXISTS when somebody put another file there meanwhile (the data stays under its temporary
  // name). Called again after success it does nothing.
  //
  // When files were skipped, those that are whole take their final names and nothing else does. The journal
  // stays then: a later run that wants more files fetches only those, and puts them beside the others.
  absl::Status Finish();

  // The final path: output folder / name.
  const std::string& target_path() const;
  // Bytes of the files wanted at first that were held when Open returned: what this run need not fetch.
  uint64_t resumed_bytes() const;
  // How long Open took to say what is missing.
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
