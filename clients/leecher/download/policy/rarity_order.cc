#include "clients/leecher/download/policy/rarity_order.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace shoal::leecher {
namespace {

// How many rare chunks a pick for an incomplete peer looks at before it settles for any chunk that fits.
constexpr uint32_t kProbes = 256;

uint64_t MaskOf(uint32_t chunk) {
  return uint64_t{1} << (chunk % 64);
}

bool Has(const std::vector<uint64_t>& words, uint32_t chunk) {
  return (words[chunk / 64] & MaskOf(chunk)) != 0;
}

uint32_t Below(std::mt19937_64& random, size_t bound) {
  return static_cast<uint32_t>(random() % bound);
}

}  // namespace

// In at the end of the last bucket, then down bucket by bucket, trading places with the first of each.
void RarityOrder::Insert(uint32_t chunk) {
  if (bits_.empty()) bits_.resize((chunks_.place.size() + 63) / 64, 0);
  const uint16_t holders = chunks_.holders[chunk];
  while (bucket_begin_.size() <= holders) bucket_begin_.push_back(size());
  chunks_.place[chunk] = size();
  order_.push_back(chunk);
  for (size_t bucket = bucket_begin_.size() - 1; bucket > holders; --bucket) {
    Swap(chunks_.place[chunk], bucket_begin_[bucket]);
    ++bucket_begin_[bucket];
  }
  bits_[chunk / 64] |= MaskOf(chunk);
  first_word_ = std::min<size_t>(first_word_, chunk / 64);
}

// Up bucket by bucket, trading places with the last of each, and out at the end.
void RarityOrder::Remove(uint32_t chunk) {
  for (size_t bucket = chunks_.holders[chunk]; bucket < bucket_begin_.size(); ++bucket) {
    Swap(chunks_.place[chunk], BucketEnd(bucket) - 1);
    if (bucket + 1 < bucket_begin_.size()) --bucket_begin_[bucket + 1];
  }
  order_.pop_back();
  chunks_.place[chunk] = kNowhere;
  bits_[chunk / 64] &= ~MaskOf(chunk);
}

void RarityOrder::MakeCommoner(uint32_t chunk) {
  const size_t bucket = chunks_.holders[chunk];
  if (bucket + 1 == bucket_begin_.size()) bucket_begin_.push_back(size());
  Swap(chunks_.place[chunk], BucketEnd(bucket) - 1);
  --bucket_begin_[bucket + 1];
}

void RarityOrder::MakeRarer(uint32_t chunk) {
  const size_t bucket = chunks_.holders[chunk];
  Swap(chunks_.place[chunk], bucket_begin_[bucket]);
  ++bucket_begin_[bucket];
}

uint32_t RarityOrder::Rarest(std::mt19937_64& random) const {
  size_t bucket = 0;
  while (bucket_begin_[bucket] == BucketEnd(bucket)) ++bucket;
  const uint32_t begin = bucket_begin_[bucket];
  return order_[begin + Below(random, BucketEnd(bucket) - begin)];
}

std::optional<uint32_t> RarityOrder::RarestOf(const std::vector<uint64_t>& words,
                                              std::mt19937_64& random) const {
  if (empty()) return std::nullopt;
  // Nothing in bucket 0 is held by an incomplete peer.
  uint32_t probes = kProbes;
  for (size_t bucket = 1; bucket < bucket_begin_.size() && probes > 0; ++bucket) {
    const uint32_t begin = bucket_begin_[bucket];
    const uint32_t size = BucketEnd(bucket) - begin;
    if (size == 0) continue;
    const uint32_t first = Below(random, size);
    for (uint32_t i = 0; i < size && probes > 0; ++i, --probes) {
      const uint32_t chunk = order_[begin + (first + i) % size];
      if (Has(words, chunk)) return chunk;
    }
  }
  return probes > 0 ? std::nullopt : AnyOf(words, Below(random, bits_.size()));
}

std::optional<uint32_t> RarityOrder::First(const std::vector<uint64_t>* words) const {
  if (empty()) return std::nullopt;
  while (bits_[first_word_] == 0) ++first_word_;
  return AnyOf(words == nullptr ? bits_ : *words, first_word_);
}

std::optional<uint32_t> RarityOrder::AnyOf(const std::vector<uint64_t>& words, size_t first_word) const {
  for (size_t i = 0; i < bits_.size(); ++i) {
    const size_t at = (first_word + i) % bits_.size();
    const uint64_t both = bits_[at] & words[at];
    if (both != 0) return static_cast<uint32_t>(at * 64) + static_cast<uint32_t>(std::countr_zero(both));
  }
  return std::nullopt;
}

uint32_t RarityOrder::BucketEnd(size_t bucket) const {
  return bucket + 1 < bucket_begin_.size() ? bucket_begin_[bucket + 1] : size();
}

void RarityOrder::Swap(uint32_t a, uint32_t b) {
  std::swap(order_[a], order_[b]);
  chunks_.place[order_[a]] = a;
  chunks_.place[order_[b]] = b;
}

}  // namespace shoal::leecher
