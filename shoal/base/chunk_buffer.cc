#include "shoal/base/chunk_buffer.h"

#include <algorithm>
#include <bit>

namespace shoal {
namespace {

// Shorter ones would not be worth telling apart.
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

ChunkBufferPool::ChunkBufferPool(size_t max_chunk_bytes, size_t max_bytes)
    : max_chunk_bytes_(max_chunk_bytes),
      max_bytes_(std::max(max_bytes, max_chunk_bytes)),
      kept_(PlaceOf(max_chunk_bytes) + 1) {}

std::shared_ptr<ChunkBufferPool> ChunkBufferPool::Create(size_t max_chunk_bytes, size_t max_bytes) {
  return std::shared_ptr<ChunkBufferPool>(new ChunkBufferPool(max_chunk_bytes, max_bytes));
}

size_t ChunkBufferPool::PlaceOf(size_t size) const {
  return static_cast<size_t>(std::bit_width((std::max(size, kShortestBytes) - 1) / kShortestBytes));
}

size_t ChunkBufferPool::LengthAt(size_t place) const {
  return std::min(kShortestBytes << place, max_chunk_bytes_);
}

ChunkBuffer ChunkBufferPool::TryAcquire(size_t size) {
  ChunkBuffer buffer;
  if (size == 0 || size > max_chunk_bytes_) return buffer;
  const size_t place = PlaceOf(size);
  const size_t length = LengthAt(place);
  {
    MutexLock lock(&mutex_);
    if (lent_bytes_ + length > max_bytes_) return buffer;
    lent_bytes_ += length;
    if (std::vector<std::unique_ptr<uint8_t[]>>& fitting = kept_[place]; !fitting.empty()) {
      buffer.data_ = std::move(fitting.back());
      fitting.pop_back();
      kept_bytes_ -= length;
    } else if (lent_bytes_ + kept_bytes_ > max_bytes_) {
      DropKept();
    }
  }
  if (buffer.data_ == nullptr) buffer.data_ = std::make_unique_for_overwrite<uint8_t[]>(length);
  buffer.pool_ = shared_from_this();
  buffer.size_ = size;
  return buffer;
}

size_t ChunkBufferPool::lent_bytes() const {
  MutexLock lock(&mutex_);
  return lent_bytes_;
}

void ChunkBufferPool::Return(std::unique_ptr<uint8_t[]> data, size_t size) {
  const size_t place = PlaceOf(size);
  MutexLock lock(&mutex_);
  lent_bytes_ -= LengthAt(place);
  kept_bytes_ += LengthAt(place);
  kept_[place].push_back(std::move(data));
}

// The longest first: few of those make room.
void ChunkBufferPool::DropKept() {
  for (size_t place = kept_.size(); place-- > 0;) {
    while (!kept_[place].empty() && lent_bytes_ + kept_bytes_ > max_bytes_) {
      kept_[place].pop_back();
      kept_bytes_ -= LengthAt(place);
    }
  }
}

}  // namespace shoal
