#include "clients/leecher/download/chunk_picker.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace shoal::leecher {
namespace {

// How many rare chunks a pick for an incomplete peer looks at before it settles for any chunk that fits.
constexpr uint32_t kProbes = 256;

uint64_t Bit(uint32_t chunk) {
  return uint64_t{1} << (chunk % 64);
}

}  // namespace

ChunkPicker::ChunkPicker(const ChunkSet& held, uint64_t seed)
    : chunk_count_(held.size()),
      random_(seed),
      place_(held.size(), kNowhere),
      holders_(held.size(), 0),
      wanted_bits_((held.size() + 63) / 64, 0),
      held_bits_((held.size() + 63) / 64, 0) {
  order_.reserve(chunk_count_ - held.count());
  for (uint32_t chunk = 0; chunk < chunk_count_; ++chunk) {
    if (held.Contains(ChunkIndex(chunk))) {
      held_bits_[chunk / 64] |= Bit(chunk);
      ++held_;
    } else {
      Want(chunk);
    }
  }
}

void ChunkPicker::AddPeer(PeerSlot slot, const ChunkSet& held) {
  Peer& peer = peers_[slot];
  if (held.full()) {
    peer.complete = true;
    peer.count = chunk_count_;
    return;
  }
  peer.words.resize((chunk_count_ + 63) / 64);
  for (const ChunkRange& range : held.Ranges()) {
    for (uint32_t chunk = range.first.value(); chunk < range.first.value() + range.count; ++chunk) {
      peer.words[chunk / 64] |= Bit(chunk);
      MakeCommoner(chunk);
    }
  }
  peer.count = held.count();
}

void ChunkPicker::RemovePeer(PeerSlot slot) {
  const auto found = peers_.find(slot);
  if (found == peers_.end()) return;
  // Now it counts for nothing; what is rarer without it is found by its bits.
  if (!found->second.complete) {
    for (uint32_t chunk = 0; chunk < chunk_count_; ++chunk) {
      if (Holds(found->second, chunk)) MakeRarer(chunk);
    }
  }
  peers_.erase(found);
  std::vector<ChunkIndex> theirs;
  for (const auto& [chunk, slots] : asked_) {
    if (std::find(slots.begin(), slots.end(), slot) != slots.end()) theirs.push_back(chunk);
  }
  for (const ChunkIndex chunk : theirs) Return(slot, chunk);
}

absl::Status ChunkPicker::PeerGained(PeerSlot slot, const std::vector<ChunkRange>& gained) {
  for (const ChunkRange& range : gained) {
    if (range.first.value() > chunk_count_ || range.count > chunk_count_ - range.first.value()) {
      return absl::OutOfRangeError("the peer names chunks past the end of the content");
    }
  }
  const auto found = peers_.find(slot);
  if (found == peers_.end() || found->second.complete) return absl::OkStatus();
  Peer& peer = found->second;
  peer.barren_epoch = 0;
  for (const ChunkRange& range : gained) {
    for (uint32_t chunk = range.first.value(); chunk < range.first.value() + range.count; ++chunk) {
      if (Holds(peer, chunk)) continue;
      peer.words[chunk / 64] |= Bit(chunk);
      ++peer.count;
      MakeCommoner(chunk);
    }
  }
  if (peer.count == chunk_count_) MakeComplete(peer);
  return absl::OkStatus();
}

void ChunkPicker::Exclude(PeerSlot slot, ChunkIndex index) {
  const auto found = peers_.find(slot);
  const uint32_t chunk = index.value();
  if (found == peers_.end() || chunk >= chunk_count_ || !Holds(found->second, chunk)) return;
  MakePartial(found->second);
  found->second.words[chunk / 64] &= ~Bit(chunk);
  --found->second.count;
  MakeRarer(chunk);
}

bool ChunkPicker::HasUseFor(PeerSlot slot) const {
  const auto found = peers_.find(slot);
  if (found == peers_.end()) return false;
  if (found->second.complete) return !done();
  for (size_t i = 0; i < held_bits_.size(); ++i) {
    if (found->second.words[i] & ~held_bits_[i]) return true;
  }
  return false;
}

std::optional<ChunkIndex> ChunkPicker::Pick(PeerSlot slot) {
  const auto found = peers_.find(slot);
  if (found == peers_.end() || order_.empty() || found->second.barren_epoch == wanted_epoch_)
    return std::nullopt;
  const std::optional<uint32_t> chunk = FindFor(found->second);
  if (!chunk.has_value()) {
    found->second.barren_epoch = wanted_epoch_;
    return std::nullopt;
  }
  Unwant(*chunk);
  asked_[ChunkIndex(*chunk)] = {slot};
  return ChunkIndex(*chunk);
}

bool ChunkPicker::Copy(PeerSlot slot, ChunkIndex chunk) {
  const auto entry = asked_.find(chunk);
  const auto peer = peers_.find(slot);
  if (entry == asked_.end() || peer == peers_.end()) return false;
  if (entry->second.size() != 1 || entry->second[0] == slot || !Holds(peer->second, chunk.value()))
    return false;
  entry->second.push_back(slot);
  return true;
}

bool ChunkPicker::Return(PeerSlot slot, ChunkIndex chunk) {
  const auto entry = asked_.find(chunk);
  if (entry == asked_.end()) return false;
  auto& slots = entry->second;
  const auto mine = std::find(slots.begin(), slots.end(), slot);
  if (mine == slots.end()) return false;
  slots.erase(mine);
  if (!slots.empty()) return false;
  asked_.erase(entry);
  Want(chunk.value());
  return true;
}

std::optional<PeerSlot> ChunkPicker::Arrived(PeerSlot slot, ChunkIndex chunk) {
  const auto entry = asked_.find(chunk);
  if (entry == asked_.end()) return std::nullopt;
  std::optional<PeerSlot> other;
  for (const PeerSlot asked : entry->second) {
    if (asked != slot) other = asked;
  }
  asked_.erase(entry);
  return other;
}

void ChunkPicker::Stored(ChunkIndex chunk) {
  uint64_t& word = held_bits_[chunk.value() / 64];
  if (word & Bit(chunk.value())) return;
  word |= Bit(chunk.value());
  ++held_;
}

void ChunkPicker::Rejected(ChunkIndex chunk) {
  Want(chunk.value());
}

std::optional<uint32_t> ChunkPicker::FindFor(Peer& peer) {
  if (peer.complete) {
    for (size_t bucket = 0; bucket < bucket_begin_.size(); ++bucket) {
      const uint32_t begin = bucket_begin_[bucket];
      const uint32_t end = BucketEnd(bucket);
      if (begin < end) return order_[begin + Below(end - begin)];
    }
    return std::nullopt;
  }
  // Nothing in bucket 0 is held by an incomplete peer.
  uint32_t probes = kProbes;
  for (size_t bucket = 1; bucket < bucket_begin_.size() && probes > 0; ++bucket) {
    const uint32_t begin = bucket_begin_[bucket];
    const uint32_t size = BucketEnd(bucket) - begin;
    if (size == 0) continue;
    const uint32_t first = Below(size);
    for (uint32_t i = 0; i < size && probes > 0; ++i, --probes) {
      const uint32_t chunk = order_[begin + (first + i) % size];
      if (Holds(peer, chunk)) return chunk;
    }
  }
  return probes > 0 ? std::nullopt : FindByBits(peer);
}

std::optional<uint32_t> ChunkPicker::FindByBits(const Peer& peer) {
  const size_t words = wanted_bits_.size();
  const size_t first = Below(static_cast<uint32_t>(words));
  for (size_t i = 0; i < words; ++i) {
    const size_t at = (first + i) % words;
    const uint64_t both = wanted_bits_[at] & peer.words[at];
    if (both != 0) return static_cast<uint32_t>(at * 64) + static_cast<uint32_t>(std::countr_zero(both));
  }
  return std::nullopt;
}

bool ChunkPicker::Holds(const Peer& peer, uint32_t chunk) const {
  return peer.complete || (peer.words[chunk / 64] & Bit(chunk)) != 0;
}

void ChunkPicker::MakePartial(Peer& peer) {
  if (!peer.complete) return;
  peer.complete = false;
  peer.words.assign((chunk_count_ + 63) / 64, 0);
  for (uint32_t chunk = 0; chunk < chunk_count_; ++chunk) {
    peer.words[chunk / 64] |= Bit(chunk);
    MakeCommoner(chunk);
  }
}

void ChunkPicker::MakeComplete(Peer& peer) {
  for (uint32_t chunk = 0; chunk < chunk_count_; ++chunk) MakeRarer(chunk);
  peer.words = {};
  peer.complete = true;
}

uint32_t ChunkPicker::BucketEnd(size_t bucket) const {
  return bucket + 1 < bucket_begin_.size() ? bucket_begin_[bucket + 1] : static_cast<uint32_t>(order_.size());
}

void ChunkPicker::Swap(uint32_t a, uint32_t b) {
  std::swap(order_[a], order_[b]);
  place_[order_[a]] = a;
  place_[order_[b]] = b;
}

// In at the end of the last bucket, then down bucket by bucket, trading places with the first of each.
void ChunkPicker::Want(uint32_t chunk) {
  place_[chunk] = static_cast<uint32_t>(order_.size());
  order_.push_back(chunk);
  for (size_t bucket = bucket_begin_.size() - 1; bucket > holders_[chunk]; --bucket) {
    Swap(place_[chunk], bucket_begin_[bucket]);
    ++bucket_begin_[bucket];
  }
  wanted_bits_[chunk / 64] |= Bit(chunk);
  ++wanted_epoch_;
}

// Up bucket by bucket, trading places with the last of each, and out at the end.
void ChunkPicker::Unwant(uint32_t chunk) {
  for (size_t bucket = holders_[chunk]; bucket < bucket_begin_.size(); ++bucket) {
    Swap(place_[chunk], BucketEnd(bucket) - 1);
    if (bucket + 1 < bucket_begin_.size()) --bucket_begin_[bucket + 1];
  }
  order_.pop_back();
  place_[chunk] = kNowhere;
  wanted_bits_[chunk / 64] &= ~Bit(chunk);
}

void ChunkPicker::MakeCommoner(uint32_t chunk) {
  const size_t bucket = holders_[chunk]++;
  if (bucket + 1 == bucket_begin_.size()) bucket_begin_.push_back(static_cast<uint32_t>(order_.size()));
  if (place_[chunk] == kNowhere) return;
  Swap(place_[chunk], BucketEnd(bucket) - 1);
  --bucket_begin_[bucket + 1];
}

void ChunkPicker::MakeRarer(uint32_t chunk) {
  const size_t bucket = holders_[chunk]--;
  if (place_[chunk] == kNowhere) return;
  Swap(place_[chunk], bucket_begin_[bucket]);
  ++bucket_begin_[bucket];
}

uint32_t ChunkPicker::Below(uint32_t bound) {
  return static_cast<uint32_t>(random_() % bound);
}

}  // namespace shoal::leecher
