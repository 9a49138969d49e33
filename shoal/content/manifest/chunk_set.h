#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/ids.h"

namespace shoal {

// A run of chunks: `count` of them from `first` on.
struct ChunkRange {
  ChunkIndex first;
  uint32_t count = 0;

  friend bool operator==(const ChunkRange&, const ChunkRange&) = default;
};

// Which chunks of a content of `size()` chunks a peer holds: a bitmap and its count. It does not know the
// content; indexes are bounded by size() alone. Copying costs size()/8 bytes.
//
// Value type. Thread safety: concurrent calls of const methods are safe; a call that changes the set needs
// exclusive access.
class ChunkSet {
 public:
  ChunkSet() = default;
  explicit ChunkSet(uint32_t size) : words_((size + 63) / 64), size_(size) {}
  static ChunkSet All(uint32_t size);

  uint32_t size() const { return size_; }    // chunks in the content
  uint32_t count() const { return count_; }  // chunks in the set
  bool empty() const { return count_ == 0; }
  bool full() const { return count_ == size_; }

  // Requires: index < size(). Insert and Erase return whether the set changed.
  bool Contains(ChunkIndex index) const { return (words_[index.value() / 64] >> (index.value() % 64)) & 1; }
  bool Insert(ChunkIndex index);
  bool Erase(ChunkIndex index);

  // Intersection, union and difference. Requires: other.size() == size().
  void KeepOnly(const ChunkSet& other);
  void Add(const ChunkSet& other);
  void Remove(const ChunkSet& other);

  // Returns: the runs of the set in ascending order; no two are adjacent.
  std::vector<ChunkRange> Ranges() const;
  // Calls `visit` for each chunk of the set, in ascending order. `visit` must not change the set.
  void ForEach(const std::function<void(ChunkIndex)>& visit) const;
  // Adds all of `ranges`. Errors: OUT_OF_RANGE, with no change, if one reaches past size().
  absl::Status InsertRanges(const std::vector<ChunkRange>& ranges);

  // Returns: the shorter of runs and bitmap (docs/wire_format.md, "Chunk set"); a full or an empty set takes
  // one byte.
  std::string Encode() const;
  // Decodes a set of `size` chunks. `size` comes from the manifest, never from the sender, and bounds the
  // memory that is allocated.
  // Errors: INVALID_ARGUMENT if `bytes` is not such a set.
  static absl::StatusOr<ChunkSet> Decode(uint32_t size, ByteView bytes);

  friend bool operator==(const ChunkSet&, const ChunkSet&) = default;

 private:
  void Recount();

  std::vector<uint64_t> words_;  // bits past size_ are zero
  uint32_t size_ = 0;
  uint32_t count_ = 0;
};

}  // namespace shoal
