#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/file_stamp.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/file_selection.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/content/publish/open_files.h"
#include "shoal/content/store/content_entries.h"
#include "shoal/content/store/early_sync.h"
#include "shoal/content/store/one_chunk_files.h"
#include "shoal/content/store/own_changes.h"
#include "shoal/content/store/target_file_system.h"

namespace shoal {

// The files of an unfinished download: one file under a temporary name, or a folder of files. When an earlier
// run gave some files of a folder their final names, the others lie in the temporary folder and are moved
// beside them at the end. It does not know which chunks are valid; the journal does.
//
// A file of several chunks is created with its full length, and allocated on the disk, before its first chunk
// is written. A file of one chunk is created when that chunk is written, which costs fewer system calls.
// Chunks of zeros are neither allocated nor written: they are holes, where the file system has holes.
//
// Files that lie under their final names and are not this download's can be repaired: their valid chunks are
// read (OldRegion), and each file is replaced when a complete one takes its name.
//
// Thread safety: Write and Region may be called from several threads at once, also during MakeRoom. All other
// methods need one thread at a time and no Write in progress.
class DataFiles {
 public:
  // The origin of what has the final name.
  enum class Final {
    kNothing,   // nothing has it
    kOwn,       // a folder, to which an earlier run moved complete files
    kRepaired,  // files of whatever origin, to be replaced unless they are complete
  };
  struct Names {
    std::string output_folder;  // must exist
    std::string temporary;
    std::string final;
    Final under_final = Final::kNothing;
  };

  // Inspects the existing files. Creates the temporary file or folder, empty, if it is missing. Null
  // `file_system`: one without warnings.
  // Errors: FAILED_PRECONDITION when something that is no regular file has the temporary name of one;
  // ALREADY_EXISTS when such a thing has the final name of a file to be repaired; others from errno.
  static absl::StatusOr<std::unique_ptr<DataFiles>> Open(
      std::shared_ptr<const Manifest> manifest, const Names& names,
      std::shared_ptr<SyncThread> sync_thread = nullptr, std::shared_ptr<CloseWatch> close_watch = nullptr,
      std::shared_ptr<const TargetFileSystem> file_system = nullptr);

  // Removes what has that name, folders with all that is in them. Symbolic links are removed, not followed.
  // OK when there is nothing.
  static absl::Status Discard(const std::string& output_folder, const std::string& temporary_name);

  // Returns whether Open created the temporary file or folder.
  bool is_new() const { return fresh_; }
  // The chunks of the files that Open found with their full length. No other chunk can be on the disk.
  const ChunkSet& found() const { return found_; }
  // The subset of found() in files that were not written, replaced or renamed after `time`.
  ChunkSet UnchangedSince(absl::Time time) const;
  // Returns whether the file has its final name already.
  bool IsFinal(FileIndex file) const { return final_.valid() && is_final_[file.value()]; }

  // Returns the inode number of the file or folder that the journal refers to. For a folder, this is the
  // final folder if an earlier run of this download made it, otherwise the temporary folder. A replaced file
  // or folder has another fingerprint.
  uint64_t fingerprint() const { return fingerprint_; }
  // The inode number of the folder that has the final name. Requires: under_final is not kNothing, and the
  // content is a folder.
  uint64_t final_fingerprint() const { return final_fingerprint_; }

  bool is_repair() const { return names_.under_final == Final::kRepaired; }
  // The chunks of the files to be repaired, as far as these are long enough. None is known to be valid.
  ChunkSet old_chunks() const;
  absl::StatusOr<FileRegion> OldRegion(ChunkIndex index) const;
  // Keeps the files to be repaired whose chunks are all in `valid`, and which have no byte more, where they
  // are. Returns: these files. Requires: a folder; no MakeRoom before.
  FileSelection KeepComplete(const ChunkSet& valid);

  // Creates and allocates the wanted files that are missing.
  // Errors: RESOURCE_EXHAUSTED, with the missing amount, when the disk is full; others as
  // TargetFileSystem::DiskStatus. On any error the files that this call created are removed.
  absl::Status MakeRoom(const FileSelection& wanted);

  // Whether the written bytes are likely to be read soon, so that the page cache should keep them.
  enum class Rereading { kLikely, kUnlikely };
  // Errors: as TargetFileSystem::DiskStatus.
  absl::Status Write(ChunkIndex index, ByteView bytes, Rereading rereading = Rereading::kLikely);
  absl::StatusOr<FileRegion> Region(ChunkIndex index) const;

  // Errors: DATA_LOSS when the output folder, or the temporary file or folder, was removed or renamed, so
  // that a later run will not find it.
  absl::Status CheckPlace() const;
  // Errors: DATA_LOSS when the path of the output folder leads to another folder than at the start. Takes
  // longer than CheckPlace.
  absl::Status CheckFolder() const;

  struct Sealed {
    std::vector<FileStamp> stamps;   // per file, of the kept ones
    std::vector<FileIndex> touched;  // kept files that another program may have changed
  };
  // Removes all files but `kept`, sets executable bits, creates the folders and links in `wants_entry` and
  // syncs. What the touched files hold must be checked before TakeFinalName.
  absl::StatusOr<Sealed> Seal(const FileSelection& kept, ContentEntries::Wants wants_entry = nullptr);
  // Prepares a touched file for that check: it becomes a regular file of the right length again, and changes
  // from now on are noticed. Chunks that were in it may be lost.
  // Errors: ALREADY_EXISTS for a file under its final name that has another length or is gone.
  absl::Status Restore(FileIndex file);

  // Renames the sealed files to their final names and syncs the folder.
  // Errors: ALREADY_EXISTS when a final name is taken. Overwrites nothing except the files to be repaired, if
  // they are unchanged since Open, and symbolic links if under_final is kRepaired.
  absl::Status TakeFinalName();
  // Brings the change times of the renamed files, which the renames have changed, into `stamps` of Seal.
  // Requires: TakeFinalName succeeded.
  void Restamp(std::vector<FileStamp>& stamps) const;
  // Errors: ALREADY_EXISTS when a wanted folder or link can't be created under its final name.
  absl::Status CheckEntries(const ContentEntries::Wants& wants_entry) const;

 private:
  // A file to be replaced, as Open found it.
  struct Old {
    FileStamp stamp;
    mode_t mode = 0;
  };

  DataFiles(std::shared_ptr<const Manifest> manifest, Names names, FileDescriptor output,
            std::shared_ptr<SyncThread> sync_thread, std::shared_ptr<CloseWatch> close_watch,
            std::shared_ptr<const TargetFileSystem> file_system);

  absl::Status OpenRoot();
  absl::Status LookAtFiles();
  absl::Status LookAtFile(FileIndex file);
  absl::Status LookAtOldFile(FileIndex file);
  absl::Status MakeFile(FileIndex file);
  absl::Status CheckSpace(uint64_t needed_bytes) const;
  absl::StatusOr<FileDescriptor> OpenFile(FileIndex file, int flags) const;
  absl::StatusOr<std::shared_ptr<const FileDescriptor>> OpenShared(FileIndex file) const;
  int ReserveSpace(FileIndex file, int fd) const;
  absl::Status RemoveOthers(const FileSelection& kept);
  absl::Status SetMode(FileIndex file);
  absl::Status Stat(FileIndex file, struct stat& info) const;
  ContentEntries::OtherLinks OtherLinks() const;
  absl::Status MoveIntoFinalFolder();
  int Rename(FileIndex file, int from_folder, const std::string& from, int to_folder, const std::string& to);
  bool HasOneChunk(FileIndex file) const;
  bool NeedsMode(FileIndex file) const;
  uint64_t AllocatedBytes(FileIndex file) const;
  int RootOf(FileIndex file) const;
  const std::string& PathBelowRoot(FileIndex file) const;
  std::string Shown(FileIndex file) const;
  absl::Status InTheWay(FileIndex file) const;

  const std::shared_ptr<const Manifest> manifest_;
  const Names names_;
  FileDescriptor output_;       // the output folder
  FileDescriptor root_;         // the temporary folder, the root of all paths; not valid for a single file
  FileDescriptor final_;        // the final folder, when it had files at the start
  std::vector<bool> is_final_;  // per file
  std::vector<bool> there_;     // per file: it exists, here or under its final name, with its full length
  std::vector<bool> kept_;      // per file, set by Seal
  ContentEntries::Wants wants_entry_;       // set by Seal
  std::vector<bool> moved_;                 // per file: TakeFinalName has moved it into the final folder
  absl::flat_hash_map<uint32_t, Old> old_;  // by file: those to be replaced
  const ChunkSet zeros_;                    // chunks of zeros in files of several chunks
  bool fresh_ = false;
  ChunkSet found_;
  std::vector<absl::Time> changed_;  // per file, of those that Open found; empty when it found none
  uint64_t fingerprint_ = 0;
  uint64_t final_fingerprint_ = 0;
  const std::string output_path_;  // where the kernel finds output_ at the start; empty when unknown
  const std::shared_ptr<const TargetFileSystem> file_system_;
  mutable OwnChanges own_changes_;
  std::unique_ptr<OneChunkFiles> one_chunk_files_;  // of a folder
  mutable OpenFiles open_files_;
  EarlySync early_sync_;
};

}  // namespace shoal
