#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/file_selection.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal::leecher {

// How much a file of a content is wanted, in rising order. Of the chunks that a peer can give, those of files
// with a higher priority are asked for first; a skipped file is neither fetched nor made.
enum class FilePriority : uint8_t { kSkip, kLow, kNormal, kHigh };

// Whether `glob` means the file at `path` (a path inside a content). fnmatch(3) without flags: '*' and '?'
// match any bytes, slashes and leading dots too; '[a-z]' is a set; '\' takes the next character as it is. A
// glob without a slash is matched against the last part of the path ("*.csv": wherever it lies), one with a
// slash against all of it ("train/*": everything below train); one that ends in a slash means all that is
// below that folder.
bool GlobMatches(const std::string& glob, const std::string& path);

// What a person wants of a content's files, before anybody knows which files there are. A file is wanted when
// it matches one of `include` (or there are none) and none of `exclude`; of the priorities whose glob it
// matches the last one counts.
struct SelectionRules {
  struct Priority {
    std::string glob;
    FilePriority priority = FilePriority::kNormal;

    friend bool operator==(const Priority&, const Priority&) = default;
  };
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::vector<Priority> priorities;

  bool everything() const { return include.empty() && exclude.empty() && priorities.empty(); }
  FilePriority PriorityOf(const std::string& path) const;
};

// Which files of a content are wanted and how much, and what that means for its chunks. One priority for each
// file; chunks never span two files, so a chunk has its file's. Pure; one thread, or immutable.
class WantedFiles {
 public:
  WantedFiles(std::shared_ptr<const Manifest> manifest, const SelectionRules& rules);

  FilePriority priority(FileIndex file) const { return priorities_[file.value()]; }
  bool wanted(FileIndex file) const { return priority(file) != FilePriority::kSkip; }
  // Needs file < files().size(). False when it had that priority already.
  bool Set(FileIndex file, FilePriority priority);
  // The files that a glob means.
  std::vector<FileIndex> Matching(const std::string& glob) const;

  // Nothing is skipped.
  bool everything() const { return wanted_files_ == priorities_.size(); }
  uint32_t wanted_files() const { return wanted_files_; }
  uint32_t wanted_chunks() const { return wanted_chunks_; }
  uint64_t wanted_bytes() const { return wanted_bytes_; }
  // The same without priorities, as a store takes it.
  FileSelection selection() const;
  ChunkSet chunks() const { return selection().ChunksOf(*manifest_); }

  // The chunks of all files with that priority, in runs as long as they can be, ascending.
  std::vector<ChunkRange> ChunksAt(FilePriority priority) const;

 private:
  void Count(FileIndex file, bool in);

  const std::shared_ptr<const Manifest> manifest_;
  std::vector<FilePriority> priorities_;  // per file
  uint32_t wanted_files_ = 0;
  uint32_t wanted_chunks_ = 0;
  uint64_t wanted_bytes_ = 0;
};

// How much of what is wanted of a content is here. Counts chunks that are not wanted for nothing, but knows
// them: when they are wanted later, they count. Pure; one thread.
class WantedProgress {
 public:
  // `held`: what an earlier run left. Everything is wanted.
  WantedProgress(std::shared_ptr<const Manifest> manifest, ChunkSet held);

  // Only these are wanted from now on. Linear in the chunks.
  void Want(ChunkSet wanted);
  void Gained(ChunkIndex chunk);

  uint32_t chunks_held() const { return chunks_held_; }
  uint64_t held_bytes() const { return held_bytes_; }
  uint64_t resumed_bytes() const { return resumed_bytes_; }  // of which an earlier run brought
  uint64_t in_order_bytes() const {
    return in_order_bytes_;
  }  // of which lie before the first that is missing

 private:
  uint32_t LengthOf(ChunkIndex chunk) const { return manifest_->PlaceOf(chunk).length_bytes; }
  void AdvanceInOrder();

  const std::shared_ptr<const Manifest> manifest_;
  const ChunkSet resumed_;
  ChunkSet held_;
  ChunkSet wanted_;
  uint32_t chunks_held_ = 0;
  uint64_t held_bytes_ = 0;
  uint64_t resumed_bytes_ = 0;
  uint64_t in_order_bytes_ = 0;
  ChunkIndex first_missing_;  // of the wanted ones; the number of chunks when there is none
};

}  // namespace shoal::leecher
