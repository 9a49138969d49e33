#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/file_selection.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/content/publish/file_stamp.h"
#include "shoal/content/publish/open_files.h"
#include "shoal/content/store/early_sync.h"
#include "shoal/content/store/one_chunk_files.h"

namespace shoal {

// The files of an unfinished download: one file under a temporary name, or a folder of files. When some files
// of a folder took their final names earlier, the rest lies in the temporary folder and takes its place
// beside them. Which chunks are right it does not know: that is the journal's.
//
// A file of several chunks is made in its full length, with room on the disk, before its first chunk comes; a
// file of one chunk is made when that comes, which is cheaper and just as good.
//
// Write and Region may be called from several threads at once, also while MakeRoom is at work; the others
// from one, and with no Write under way.
class DataFiles {
 public:
  struct Names {
    std::string output_folder;  // there already
    std::string temporary;
    std::string final;
    // The final folder is this download's own: an earlier run put whole files there.
    bool begun_under_final_name = false;
  };

  // Looks at what is there; makes the temporary file or folder, empty, if need be.
  static absl::StatusOr<std::unique_ptr<DataFiles>> Open(std::shared_ptr<const Manifest> manifest,
                                                         const Names& names,
                                                         std::shared_ptr<SyncThread> sync_thread = nullptr);

  // Removes what lies under that name; links are removed, not followed. Fine when there is nothing.
  static absl::Status Discard(const std::string& output_folder, const std::string& temporary_name);

  // Open made the temporary file or folder.
  bool is_new() const { return fresh_; }
  // The chunks of the files that Open found in their full length: no other chunk can be there.
  const ChunkSet& found() const { return found_; }
  // The subset of found() in files that were not written, replaced or renamed after `time`.
  ChunkSet UnchangedSince(absl::Time time) const;
  // Whether the file lies under its final name already.
  bool IsFinal(FileIndex file) const { return final_.valid() && is_final_[file.value()]; }

  // A number that changes when the folder (or the only file) is replaced by another: its inode's.
  uint64_t fingerprint() const { return fingerprint_; }

  // Makes and preallocates what is missing of the wanted files. RESOURCE_EXHAUSTED (with the missing amount)
  // when the disk is full; what this call made is removed again then.
  absl::Status MakeRoom(const FileSelection& wanted);

  // Whether what is written will be read again soon.
  enum class Rereading { kLikely, kUnlikely };
  absl::Status Write(ChunkIndex index, ByteView bytes, Rereading rereading = Rereading::kLikely);
  absl::StatusOr<FileRegion> Region(ChunkIndex index) const;

  // Removes the files that are not to be `kept`, gives the executable ones their bits and brings everything
  // to the disk; returns what the kept files look like then.
  absl::StatusOr<std::vector<FileStamp>> Seal(const FileSelection& kept);

  // Gives what was sealed its final name, and brings that to the disk too. ALREADY_EXISTS when there is
  // something of that name.
  absl::Status TakeFinalName();

 private:
  DataFiles(std::shared_ptr<const Manifest> manifest, Names names, std::shared_ptr<SyncThread> sync_thread);

  absl::Status OpenRoot();
  absl::Status OpenFinalRoot();
  absl::Status LookAtFiles();
  absl::Status LookAtFile(FileIndex file);
  absl::Status MakeFile(FileIndex file);
  absl::Status CheckSpace(uint64_t needed_bytes) const;
  absl::StatusOr<FileDescriptor> OpenFile(FileIndex file, int flags) const;
  absl::StatusOr<std::shared_ptr<const FileDescriptor>> OpenShared(FileIndex file) const;
  absl::Status RemoveOthers(const FileSelection& kept);
  absl::Status MakeExecutable(FileIndex file) const;
  absl::StatusOr<FileStamp> StampOf(FileIndex file) const;
  absl::Status MoveIntoFinalFolder();
  bool HasOneChunk(FileIndex file) const;
  int RootOf(FileIndex file) const;
  const std::string& PathBelowRoot(FileIndex file) const;
  std::string Shown(FileIndex file) const;
  absl::Status InTheWay(FileIndex file) const;

  const std::shared_ptr<const Manifest> manifest_;
  const Names names_;
  FileDescriptor output_;  // the output folder
  FileDescriptor root_;    // the temporary folder, which paths are relative to; not valid for a single file
  FileDescriptor final_;   // the final folder, when some files were there from the start
  std::vector<bool> is_final_;  // per file
  std::vector<bool> there_;     // per file: it lies here or under its final name, in its full length
  std::vector<bool> kept_;      // per file, set by Seal
  bool fresh_ = false;
  ChunkSet found_;
  std::vector<absl::Time> changed_;  // per file that was there at the start; empty when none can have been
  uint64_t fingerprint_ = 0;
  std::unique_ptr<OneChunkFiles> one_chunk_files_;  // of a folder
  mutable OpenFiles open_files_;
  EarlySync early_sync_;
};

}  // namespace shoal
