#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/file_selection.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal::leecher {

// The priority of a file, in rising order. Of the chunks that a peer can send, those of files with a higher
// priority are requested first; a skipped file is neither fetched nor created.
enum class FilePriority : uint8_t { kSkip, kLow, kNormal, kHigh };

// Returns whether `glob` matches the file at `path` (a path inside a content). fnmatch(3) without flags: '*'
// and '?' match any bytes, slashes and leading dots too; '[a-z]' is a set; '\' escapes the next character. A
// glob without a slash is matched against the last part of the path ("*.csv": in any folder), one with a
// slash against all of it ("train/*": everything below train); one that ends in a slash matches everything
// below that folder.
bool GlobMatches(const std::string& glob, const std::string& path);
// Errors: INVALID_ARGUMENT for a glob that is empty, has a '[' without its ']', or ends in a '\' that escapes
// nothing: fnmatch(3) takes these literally or never matches.
absl::Status CheckGlob(const std::string& glob);

// Rules that select files, given before the files are known. A file is wanted if it matches one of `include`
// (or there are none) and none of `exclude`; of the priorities whose glob it matches the last one applies.
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
  // Returns: whether the empty folder or symbolic link at `path` is wanted, by the same rules; a glob that
  // ends in a slash matches the folder itself as well.
  bool WantsEntry(const std::string& path) const;
};

// Returns whether `glob` matches a file, a link or an empty folder of the content.
bool MatchesAny(const std::string& glob, const Manifest& manifest);

// The priority of each file of a content, and of its chunks: chunks never span two files, so a chunk has its
// file's priority. A symbolic link that is included includes the file that it leads to, unless that is
// excluded. Pure; one thread, or immutable.
class WantedFiles {
 public:
  WantedFiles(std::shared_ptr<const Manifest> manifest, const SelectionRules& rules);

  FilePriority priority(FileIndex file) const { return priorities_[file.value()]; }
  bool wanted(FileIndex file) const { return priority(file) != FilePriority::kSkip; }
  // Requires: file < files().size(). Returns false if it had that priority already.
  bool Set(FileIndex file, FilePriority priority);
  // The files that a glob matches.
  std::vector<FileIndex> Matching(const std::string& glob) const;

  // Nothing is skipped.
  bool everything() const { return wanted_files_ == priorities_.size(); }
  uint32_t wanted_files() const { return wanted_files_; }
  uint32_t wanted_chunks() const { return wanted_chunks_; }
  uint64_t wanted_bytes() const { return wanted_bytes_; }
  // The wanted files without priorities, for a store.
  FileSelection selection() const;
  ChunkSet chunks() const { return selection().ChunksOf(*manifest_); }

  // The chunks of all files with that priority, in maximal ascending ranges.
  std::vector<ChunkRange> ChunksAt(FilePriority priority) const;

 private:
  void Count(FileIndex file, bool in);
  void IncludeTargetsOfLinks(const SelectionRules& rules);

  const std::shared_ptr<const Manifest> manifest_;
  std::vector<FilePriority> priorities_;  // per file
  uint32_t wanted_files_ = 0;
  uint32_t wanted_chunks_ = 0;
  uint64_t wanted_bytes_ = 0;
};

// How much of the wanted part of a content is held. Chunks that are held but not wanted are remembered, and
// count once they are wanted. Pure; one thread.
class WantedProgress {
 public:
  // `held`: the chunks that an earlier run left. Everything is wanted at first.
  WantedProgress(std::shared_ptr<const Manifest> manifest, ChunkSet held);

  // Only these are wanted from now on. Linear in the chunks.
  void Want(ChunkSet wanted);
  void Gained(ChunkIndex chunk);
  // Exactly these are held from now on. Linear in the chunks.
  void SetHeld(ChunkSet held);

  uint32_t chunks_held() const { return chunks_held_; }
  uint64_t held_bytes() const { return held_bytes_; }
  uint64_t resumed_bytes() const { return resumed_bytes_; }    // the part that an earlier run stored
  uint64_t in_order_bytes() const { return in_order_bytes_; }  // the part before the first missing chunk

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
