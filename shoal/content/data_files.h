#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/content/chunk_set.h"
#include "shoal/content/chunk_source.h"
#include "shoal/content/folder_source.h"
#include "shoal/content/manifest.h"
#include "shoal/content/open_files.h"

namespace shoal {

// The files of an unfinished download under their temporary name: one file, or a folder of files. All of them
// are made in their full length from the start. Which of their chunks are right it does not know: that is the
// journal's.
//
// Write and Region may be called from several threads at once; the others from one, and with no Write under
// way.
class DataFiles {
 public:
  // Opens, makes and preallocates what is missing of OUTPUT_FOLDER/TEMPORARY_NAME. RESOURCE_EXHAUSTED (with
  // the missing amount) when the disk is full; what this call made is removed again then, but nothing that
  // was there before.
  static absl::StatusOr<std::unique_ptr<DataFiles>> Open(std::shared_ptr<const Manifest> manifest,
                                                         const std::string& output_folder,
                                                         const std::string& temporary_name);

  // Removes what lies under that name; links are removed, not followed. Fine when there is nothing.
  static absl::Status Discard(const std::string& output_folder, const std::string& temporary_name);

  // The chunks of the files that Open found in their full length: no other chunk can be there.
  const ChunkSet& found() const { return found_; }

  // A number that changes when one of the files is replaced by another, made of their inode numbers.
  uint64_t fingerprint() const { return fingerprint_; }

  absl::Status Write(ChunkIndex index, ByteView bytes);
  absl::StatusOr<FileRegion> Region(ChunkIndex index) const;

  // Gives the executable files their bits and brings everything to the disk; returns what the files look like
  // then.
  absl::StatusOr<std::vector<FileStamp>> Seal();

  // Renames to OUTPUT_FOLDER/`name`, and brings that to the disk too. ALREADY_EXISTS when there is something.
  absl::Status MoveTo(const std::string& name);

 private:
  DataFiles(std::shared_ptr<const Manifest> manifest, std::string output_folder, std::string temporary_name);

  absl::Status OpenRoot(bool* made);
  absl::Status Prepare();
  absl::Status PrepareFile(FileIndex file, uint64_t* inode);
  absl::Status CheckSpace(uint64_t needed_bytes) const;
  absl::StatusOr<FileDescriptor> OpenFile(FileIndex file, int flags) const;
  absl::StatusOr<std::shared_ptr<const FileDescriptor>> OpenShared(FileIndex file) const;
  std::string PathBelowRoot(FileIndex file) const;

  const std::shared_ptr<const Manifest> manifest_;
  const std::string output_folder_;
  const std::string temporary_name_;
  FileDescriptor output_;  // the output folder
  FileDescriptor root_;  // what the paths are relative to: the temporary folder; not valid for a single file
  ChunkSet found_;
  uint64_t fingerprint_ = 0;
  mutable OpenFiles open_files_;
};

}  // namespace shoal
