#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace shoal::leecher {

// The wanted chunks of one priority, sorted by how many incomplete peers hold them; a part of ChunkPicker,
// which owns what all priorities share. Inserting, removing and moving a chunk by one holder costs O(distinct
// numbers of holders). One thread.
class RarityOrder {
 public:
  static constexpr uint32_t kNowhere = 0xFFFFFFFF;

  // Per chunk. A chunk is in one order at most, so all orders write to the same `place`. Outlives them.
  struct Chunks {
    std::vector<uint32_t> place;    // where in its order, or kNowhere
    std::vector<uint16_t> holders;  // incomplete peers that hold it
  };

  explicit RarityOrder(Chunks& chunks) : chunks_(chunks) {}

  void Insert(uint32_t chunk);
  void Remove(uint32_t chunk);
  // The number of holders of a chunk in this order is about to rise (fall) by one.
  void MakeCommoner(uint32_t chunk);
  void MakeRarer(uint32_t chunk);

  uint32_t size() const { return static_cast<uint32_t>(order_.size()); }
  bool empty() const { return order_.empty(); }

  // Returns one of the rarest, at random. Requires: !empty().
  uint32_t Rarest(std::mt19937_64& random) const;
  // One that an incomplete peer holds: the rarest when it is among the first few hundred by
  // rarity, otherwise any, found by the bits of `words` (what the peer holds).
  std::optional<uint32_t> RarestOf(const std::vector<uint64_t>& words, std::mt19937_64& random) const;
  // Returns the lowest; of those in `words` unless that is null.
  std::optional<uint32_t> First(const std::vector<uint64_t>* words) const;

 private:
  void Swap(uint32_t a, uint32_t b);
  uint32_t BucketEnd(size_t bucket) const;
  std::optional<uint32_t> AnyOf(const std::vector<uint64_t>& words, size_t first_word) const;

  Chunks& chunks_;
  // Bucket b, of the chunks with b holders, is order_[bucket_begin_[b] .. begin of the next).
  std::vector<uint32_t> order_;
  std::vector<uint32_t> bucket_begin_{0};
  std::vector<uint64_t> bits_;     // the same chunks
  mutable size_t first_word_ = 0;  // of bits_: those before are empty
};

}  // namespace shoal::leecher
