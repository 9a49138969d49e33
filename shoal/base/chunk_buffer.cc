#include "shoal/base/chunk_buffer.h"

#include <algorithm>
#include <bit>

namespace shoal {
namespace {

// Shorter lengths are not worth a class of their own.
constexpr size_t kShortestBytes = 4096;

}  // namespace

ChunkBuffer::ChunkBuffer(ChunkBuffer&& other) noexcept
    : pool_(std::move(other.pool_)), data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}

ChunkBuffer& ChunkBuffer::operator=(ChunkBuffer&& other) noexcept {
  if (this != &other) {
    if (data_ != nullptr) pool_->Return(std::move(data_), size_);
    pool_ = std::move(other.pool_);
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

ChunkBuffer::~ChunkBuffer() {
  if (data_ != nullptr) pool_->Return(std::move(data_), size_);
}

void ChunkMemory::EnsureRoomFor(size_t bytes) {
  MutexLock lock(&mutex_);
  max_bytes_ = std::max(max_bytes_, bytes);
}

std::unique_ptr<uint8_t[]> ChunkMemory::Take(size_t length, bool beyond_bound) {
  {
    MutexLock lock(&mutex_);
    if (lent_bytes_ + length > max_bytes_ && !beyond_bound) return nullptr;
    lent_bytes_ += length;
    const auto fitting = kept_.find(length);
    if (fitting != kept_.end() && !fitting->second.empty()) {
      std::unique_ptr<uint8_t[]> data = std::move(fitting->second.back());
      fitting->second.pop_back();
      kept_bytes_ -= length;
      return data;
    }
    DropKept();
  }
  return std::make_unique_for_overwrite<uint8_t[]>(length);
}

void ChunkMemory::Give(std::unique_ptr<uint8_t[]> data, size_t length) {
  MutexLock lock(&mutex_);
  lent_bytes_ -= length;
  kept_bytes_ += length;
  kept_[length].push_back(std::move(data));
  DropKept();
}

size_t ChunkMemory::lent_bytes() const {
  MutexLock lock(&mutex_);
  return lent_bytes_;
}

void ChunkMemory::DropKept() {
  while (kept_bytes_ > 0 && lent_bytes_ + kept_bytes_ > max_bytes_) {
    size_t longest = 0;
    for (const auto& [length, kept] : kept_) {
      if (!kept.empty()) longest = std::max(longest, length);
    }
    kept_[longest].pop_back();
    kept_bytes_ -= longest;
  }
}

ChunkBufferPool::ChunkBufferPool(size_t max_chunk_bytes, size_t max_bytes,
                                 std::shared_ptr<ChunkMemory> memory)
    : max_chunk_bytes_(max_chunk_bytes),
      max_bytes_(std::max(max_bytes, max_chunk_bytes)),
      memory_(memory != nullptr ? std::move(memory) : std::make_shared<ChunkMemory>(max_bytes_)) {
  // What one content may have does not depend on whether it shares.
  memory_->EnsureRoomFor(max_bytes_);
}

std::shared_ptr<ChunkBufferPool> ChunkBufferPool::Create(size_t max_chunk_bytes, size_t max_bytes,
                                                         std::shared_ptr<ChunkMemory> memory) {
  return std::shared_ptr<ChunkBufferPool>(new ChunkBufferPool(max_chunk_bytes, max_bytes, std::move(memory)));
}

size_t ChunkBufferPool::LengthFor(size_t size) const {
  const size_t shortest = (std::max(size, kShortestBytes) - 1) / kShortestBytes;
  return std::min(kShortestBytes << std::bit_width(shortest), max_chunk_bytes_);
}

ChunkBuffer ChunkBufferPool::TryAcquire(size_t size) {
  ChunkBuffer buffer;
  if (size == 0 || size > max_chunk_bytes_) return buffer;
  const size_t length = LengthFor(size);
  {
    MutexLock lock(&mutex_);
    if (lent_bytes_ + length > max_bytes_) return buffer;
    buffer.data_ = memory_->Take(length, /*beyond_bound=*/lent_bytes_ == 0);
    if (buffer.data_ == nullptr) return buffer;
    lent_bytes_ += length;
  }
  buffer.pool_ = shared_from_this();
  buffer.size_ = size;
  return buffer;
}

size_t ChunkBufferPool::lent_bytes() const {
  MutexLock lock(&mutex_);
  return lent_bytes_;
}

void ChunkBufferPool::Return(std::unique_ptr<uint8_t[]> data, size_t size) {
  const size_t length = LengthFor(size);
  memory_->Give(std::move(data), length);
  MutexLock lock(&mutex_);
  lent_bytes_ -= length;
}

}  // namespace shoal
