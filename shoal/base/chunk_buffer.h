#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "shoal/base/mutex.h"

namespace shoal {

class ChunkBufferPool;

// The memory for one chunk, lent by a pool and given back when this dies. Moves, does not copy. One thread at
// a time.
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
  size_t size_ = 0;  // of the chunk; the memory behind it may be longer
};

// The memory for a content's chunks: bounded in bytes and not in chunks, so that a download's memory has a
// ceiling whatever its peers send, and many small chunks may be under way where there are few large ones.
// Memory is taken when it is first needed and kept for the next chunk of about that length. Thread-safe; held
// by shared_ptr so that a buffer may outlive its download.
class ChunkBufferPool : public std::enable_shared_from_this<ChunkBufferPool> {
 public:
  // `max_bytes`: of all memory that it has, lent or kept; room for one chunk at least.
  static std::shared_ptr<ChunkBufferPool> Create(size_t max_chunk_bytes, size_t max_bytes);

  // A buffer whose bytes() has `size` (1 to max_chunk_bytes) bytes, contents undefined; an empty ChunkBuffer
  // when there is no memory for it, or no such chunk. Does not block.
  ChunkBuffer TryAcquire(size_t size);

  // What is lent out, with what was rounded up. At most max_bytes().
  size_t lent_bytes() const;
  size_t max_bytes() const { return max_bytes_; }
  size_t max_chunk_bytes() const { return max_chunk_bytes_; }

 private:
  friend class ChunkBuffer;
  // By length, each twice as long as the one before; the last is as long as a full chunk.
  using Lengths = std::vector<std::vector<std::unique_ptr<uint8_t[]>>>;

  ChunkBufferPool(size_t max_chunk_bytes, size_t max_bytes);
  size_t PlaceOf(size_t size) const;
  size_t LengthAt(size_t place) const;
  void Return(std::unique_ptr<uint8_t[]> data, size_t size);
  void DropKept() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t max_chunk_bytes_;
  const size_t max_bytes_;
  mutable Mutex mutex_;
  Lengths kept_ ABSL_GUARDED_BY(mutex_);
  size_t kept_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t lent_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace shoal
