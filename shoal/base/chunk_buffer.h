#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "shoal/base/mutex.h"

namespace shoal {

class ChunkBufferPool;

// The memory of one chunk, lent by a pool and returned to it on destruction. Movable, not copyable.
// Thread safety: one thread at a time.
class ChunkBuffer {
 public:
  ChunkBuffer() = default;
  ChunkBuffer(ChunkBuffer&& other) noexcept;
  ChunkBuffer& operator=(ChunkBuffer&& other) noexcept;
  ~ChunkBuffer();

  explicit operator bool() const { return data_ != nullptr; }
  std::span<uint8_t> bytes() { return {data_.get(), size_}; }
  std::span<const uint8_t> bytes() const { return {data_.get(), size_}; }

 private:
  friend class ChunkBufferPool;

  std::shared_ptr<ChunkBufferPool> pool_;
  std::unique_ptr<uint8_t[]> data_;
  size_t size_ = 0;  // of the chunk; the memory may be longer
};

// Memory that several pools share, bounded in bytes. Returned memory is kept for the next chunk of the same
// length, and freed when another length needs the room. Thread safety: all methods are thread-safe.
class ChunkMemory {
 public:
  explicit ChunkMemory(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Raises the bound to `bytes` if it is lower.
  void EnsureRoomFor(size_t bytes);
  // Returns `length` bytes of memory with undefined contents, or null if lending them would exceed the bound.
  // With `beyond_bound` the bound is ignored, and the result is never null. Return the memory by Give with
  // the same length.
  std::unique_ptr<uint8_t[]> Take(size_t length, bool beyond_bound);
  void Give(std::unique_ptr<uint8_t[]> data, size_t length);

  size_t lent_bytes() const;

 private:
  // Frees the longest kept memory first, until the bound holds.
  void DropKept() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  size_t max_bytes_ ABSL_GUARDED_BY(mutex_);
  size_t lent_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t kept_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<size_t, std::vector<std::unique_ptr<uint8_t[]>>> kept_
      ABSL_GUARDED_BY(mutex_);  // by length
};

// The buffers of one content: bounded in bytes, not in chunks, so that the memory of a download has a ceiling
// whatever its peers send, and many small chunks may be outstanding where there are few large ones. Takes its
// memory from a ChunkMemory, which may be shared with other pools; a pool that has lent nothing always gets
// one buffer, even beyond the bound of the ChunkMemory, so that each pool makes progress whatever the others
// hold.
//
// Held by shared_ptr, so that a buffer may outlive its download. Thread safety: all methods are thread-safe.
class ChunkBufferPool : public std::enable_shared_from_this<ChunkBufferPool> {
 public:
  // `max_bytes` bounds what this pool lends; room for one chunk at least. If `memory` is null, the pool makes
  // a ChunkMemory of its own. `memory`'s bound is raised to `max_bytes` if it is lower.
  static std::shared_ptr<ChunkBufferPool> Create(size_t max_chunk_bytes, size_t max_bytes,
                                                 std::shared_ptr<ChunkMemory> memory = nullptr);

  // A buffer of `size` bytes (1 to max_chunk_bytes), contents undefined. Empty when there is no memory, or
  // `size` is out of range. Does not block.
  ChunkBuffer TryAcquire(size_t size);

  // What is lent, rounded up to the lengths in use. At most max_bytes().
  size_t lent_bytes() const;
  size_t max_bytes() const { return max_bytes_; }
  size_t max_chunk_bytes() const { return max_chunk_bytes_; }

 private:
  friend class ChunkBuffer;

  ChunkBufferPool(size_t max_chunk_bytes, size_t max_bytes, std::shared_ptr<ChunkMemory> memory);
  // The length of the memory for `size` bytes: a power of two times the shortest, at most a full chunk.
  size_t LengthFor(size_t size) const;
  void Return(std::unique_ptr<uint8_t[]> data, size_t size);

  const size_t max_chunk_bytes_;
  const size_t max_bytes_;
  const std::shared_ptr<ChunkMemory> memory_;
  mutable Mutex mutex_;
  size_t lent_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace shoal
