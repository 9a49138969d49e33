#include "shoal/content/chunk_buffer.h"

namespace shoal {

ChunkBuffer::ChunkBuffer(ChunkBuffer&& other) noexcept
    : pool_(std::move(other.pool_)), data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}

ChunkBuffer& ChunkBuffer::operator=(ChunkBuffer&& other) noexcept {
  if (this != &other) {
    if (data_ != nullptr) pool_->Return(std::move(data_));
    pool_ = std::move(other.pool_);
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

ChunkBuffer::~ChunkBuffer() {
  if (data_ != nullptr) pool_->Return(std::move(data_));
}

std::shared_ptr<ChunkBufferPool> ChunkBufferPool::Create(size_t buffer_bytes, size_t max_buffers) {
  return std::shared_ptr<ChunkBufferPool>(new ChunkBufferPool(buffer_bytes, max_buffers));
}

ChunkBuffer ChunkBufferPool::TryAcquire(size_t size) {
  ChunkBuffer buffer;
  if (size > buffer_bytes_) return buffer;
  {
    MutexLock lock(&mutex_);
    if (lent_ == max_buffers_) return buffer;
    ++lent_;
    if (!free_.empty()) {
      buffer.data_ = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (buffer.data_ == nullptr) buffer.data_ = std::make_unique_for_overwrite<uint8_t[]>(buffer_bytes_);
  buffer.pool_ = shared_from_this();
  buffer.size_ = size;
  return buffer;
}

size_t ChunkBufferPool::lent() const {
  MutexLock lock(&mutex_);
  return lent_;
}

void ChunkBufferPool::Return(std::unique_ptr<uint8_t[]> data) {
  MutexLock lock(&mutex_);
  --lent_;
  free_.push_back(std::move(data));
}

}  // namespace shoal
