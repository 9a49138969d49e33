#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/chunk_source.h"

namespace shoal {

// Where a download lies on the disk while it is not whole, and how it becomes whole.
//
// All bytes go to a preallocated file (for a folder: a folder of such files) beside the target, under a
// temporary name that carries the content id: ".NAME.ID12.shoal-tmp". Progress is a journal beside it
// (".NAME.ID12.shoal-progress"): a header with the content id, then one checksummed record per stored chunk,
// appended after the chunk's bytes were written. After a crash of the process the chunks of all intact
// records are held, without reading them again. After a crash of the machine, or when the files are not the
// very ones that were written, each is read and checked first (docs/wire_format.md, "Progress journal"); the
// others are fetched again. Finish() renames to the final name. So no partial or wrong file ever stands under
// it.
//
// It does not know peers, and it checks nothing on its own account but what Put says.
//
// As a ChunkSource it serves the chunks that it holds, before and after Finish. Thread-safe: Put may be
// called for different chunks from several threads at once.
class ChunkStore final : public ChunkSource {
 public:
  struct Options {
    // The folder into which the content goes; made, with its parents, when it is not there.
    std::string output_folder;
    // Read every chunk that the journal claims and drop those whose checksums are wrong.
    bool verify_all = false;
  };

  enum class PutResult {
    kStored,       // new, checked and written
    kAlreadyHeld,  // nothing done
    kCorrupt,      // checksums differ from the manifest's: the bytes were not written
  };

  // Opens what an earlier run left, or begins anew. Errors, each with a message that says what to do:
  //   ALREADY_EXISTS      the target is there with other bytes; nothing was touched. One with the right bytes
  //                       is a whole store, see whole(): all of it is read to know, and files that a target
  //                       folder has besides those of the content do not matter
  //   RESOURCE_EXHAUSTED  the disk has no room for the content (says how much is missing)
  //   PERMISSION_DENIED   the folder can't be written
  //   FAILED_PRECONDITION another process is at this download right now (the journal is locked)
  static absl::StatusOr<std::shared_ptr<ChunkStore>> Open(std::shared_ptr<const Manifest> manifest,
                                                          const Options& options);
  ~ChunkStore() override;

  // Checks `bytes` (exactly the chunk's length) against CRC-32 and SHA-256 of the manifest, writes them,
  // notes them in the journal. An error is the disk's: RESOURCE_EXHAUSTED (full), or what errno says.
  absl::StatusOr<PutResult> Put(ChunkIndex index, ByteView bytes);

  // Every chunk is held.
  bool whole() const;
  // Syncs, sets mode bits, renames to the final name and removes the journal. FAILED_PRECONDITION when not
  // whole; ALREADY_EXISTS when somebody put another file there meanwhile (the data stays under its temporary
  // name). Called again after success it does nothing.
  absl::Status Finish();

  // The final path: output folder / name.
  const std::string& target_path() const;
  // Bytes that were held when Open returned: what this run need not fetch.
  uint64_t resumed_bytes() const;

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
