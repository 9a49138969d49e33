#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace shoal::tracker {

// Records identified by a small number, their slot: half the size of a pointer, usable as a link in a list
// and as part of an id that comes back from outside. Grows by slabs, so records never move and growth copies
// nothing. Returns no memory to the system, but reuses freed slots first. Not thread-safe.
template <typename Record>
class SlotTable {
 public:
  explicit SlotTable(uint32_t max_slots) : max_slots_(max_slots) {}

  // Returns: a slot with a fresh Record, or nullopt when max_slots are in use.
  std::optional<uint32_t> Take() {
    if (!free_.empty()) {
      const uint32_t slot = free_.back();
      free_.pop_back();
      return slot;
    }
    if (end_ == max_slots_) return std::nullopt;
    if (end_ % kSlab == 0) slabs_.push_back(std::make_unique<Slab>());
    return end_++;
  }

  // Frees a slot. Requires: it was taken, and not given back since.
  void Give(uint32_t slot) {
    (*this)[slot] = Record();
    free_.push_back(slot);
  }

  // Whether `slot` was ever taken: to check numbers from outside. Whether it still is taken, only the record
  // can tell.
  bool Reaches(uint32_t slot) const { return slot < end_; }

  // One past the highest slot that was ever taken.
  uint32_t end() const { return end_; }

  Record& operator[](uint32_t slot) { return (*slabs_[slot / kSlab])[slot % kSlab]; }
  const Record& operator[](uint32_t slot) const { return (*slabs_[slot / kSlab])[slot % kSlab]; }

 private:
  static constexpr uint32_t kSlab = 256;
  using Slab = std::array<Record, kSlab>;

  const uint32_t max_slots_;
  uint32_t end_ = 0;
  std::vector<std::unique_ptr<Slab>> slabs_;
  std::vector<uint32_t> free_;
};

}  // namespace shoal::tracker
