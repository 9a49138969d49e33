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
  size_t size_ = 0;  // of the chunk; the memory behind it is the pool's buffer size
};

// A bounded number of equal buffers, so that a download's memory has a ceiling whatever its peers send.
// Memory is taken when it is first needed and kept. Thread-safe; held by shared_ptr so that a buffer may
// outlive its download.
class ChunkBufferPool : public std::enable_shared_from_this<ChunkBufferPool> {
 public:
  static std::shared_ptr<ChunkBufferPool> Create(size_t buffer_bytes, size_t max_buffers);

  // A buffer whose bytes() has `size` (<= buffer_bytes) bytes, contents undefined; an empty ChunkBuffer when
  // all are lent out. Does not block.
  ChunkBuffer TryAcquire(size_t size);

  size_t buffer_bytes() const { return buffer_bytes_; }
  size_t lent() const;

 private:
  friend class ChunkBuffer;
  ChunkBufferPool(size_t buffer_bytes, size_t max_buffers)
      : buffer_bytes_(buffer_bytes), max_buffers_(max_buffers) {}
  void Return(std::unique_ptr<uint8_t[]> data);

  const size_t buffer_bytes_;
  const size_t max_buffers_;
  mutable Mutex mutex_;
  std::vector<std::unique_ptr<uint8_t[]>> free_ ABSL_GUARDED_BY(mutex_);
  size_t lent_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace shoal
