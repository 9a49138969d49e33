#include "clients/leecher/download/policy/chunk_picker.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace shoal::leecher {
namespace {

uint64_t Bit(uint32_t chunk) {
  return uint64_t{1} << (chunk % 64);
}

}  // namespace

ChunkPicker::ChunkPicker(const ChunkSet& held, uint64_t seed)
    : chunk_count_(held.size()),
      random_(seed),
      chunks_{std::vector<uint32_t>(held.size(), RarityOrder::kNowhere),
              std::vector<uint16_t>(held.size(), 0)},
      orders_(kPriorities, RarityOrder(chunks_)),
      priorities_(held.size(), FilePriority::kNormal),
      held_bits_((held.size() + 63) / 64, 0) {
  for (uint32_t chunk = 0; chunk < chunk_count_; ++chunk) {
    if (held.Contains(ChunkIndex(chunk))) {
      held_bits_[chunk / 64] |= Bit(chunk);
      ++held_;
    } else {
      ++missing_;
      ++unheld_[static_cast<size_t>(FilePriority::kNormal)];
      Want(chunk);
    }
  }
}

void ChunkPicker::SetPriority(ChunkRange range, FilePriority priority) {
  for (uint32_t chunk = range.first.value(); chunk < range.first.value() + range.count; ++chunk) {
    const FilePriority before = priorities_[chunk];
    if (before == priority) continue;
    if (!IsHeld(chunk)) {
      --unheld_[static_cast<size_t>(before)];
      ++unheld_[static_cast<size_t>(priority)];
      if (before == FilePriority::kSkip) ++missing_;
      if (priority == FilePriority::kSkip) --missing_;
    }
    const bool was_wanted = chunks_.place[chunk] != RarityOrder::kNowhere;
    if (was_wanted) Unwant(chunk);
    priorities_[chunk] = priority;
    if (!IsHeld(chunk) && !IsUnderWay(chunk)) Want(chunk);
  }
}

bool ChunkPicker::indifferent() const {
  return !sequential_ && std::count_if(unheld_.begin(), unheld_.end(), [](uint32_t n) { return n > 0; }) <= 1;
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

std::optional<ChunkIndex> ChunkPicker::Pick(PeerSlot slot) {
  const auto found = peers_.find(slot);
  if (found == peers_.end() || wanted_ == 0 || found->second.barren_epoch == wanted_epoch_)
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

bool ChunkPicker::IsBarren(PeerSlot slot) const {
  const auto found = peers_.find(slot);
  return found == peers_.end() || wanted_ == 0 || found->second.barren_epoch == wanted_epoch_;
}

bool ChunkPicker::Claim(PeerSlot slot, ChunkIndex chunk) {
  if (chunk.value() >= chunk_count_) return false;
  if (chunks_.place[chunk.value()] != RarityOrder::kNowhere) {
    Unwant(chunk.value());
    asked_[chunk] = {slot};
    return true;
  }
  const auto entry = asked_.find(chunk);
  if (entry == asked_.end()) return false;
  auto& slots = entry->second;
  if (std::find(slots.begin(), slots.end(), slot) == slots.end()) slots.push_back(slot);
  return true;
}

bool ChunkPicker::Take(PeerSlot slot, ChunkIndex index) {
  const uint32_t chunk = index.value();
  if (!Holds(slot, index) || IsHeld(chunk) || IsUnderWay(chunk)) return false;
  if (chunks_.place[chunk] != RarityOrder::kNowhere) Unwant(chunk);
  asked_[index] = {slot};
  return true;
}

std::span<const PeerSlot> ChunkPicker::AskedOf(ChunkIndex chunk) const {
  const auto entry = asked_.find(chunk);
  if (entry == asked_.end()) return {};
  return {entry->second.data(), entry->second.size()};
}

bool ChunkPicker::Holds(PeerSlot slot, ChunkIndex chunk) const {
  const auto peer = peers_.find(slot);
  return peer != peers_.end() && chunk.value() < chunk_count_ && Holds(peer->second, chunk.value());
}

uint32_t ChunkPicker::CountOf(PeerSlot slot) const {
  const auto peer = peers_.find(slot);
  return peer == peers_.end() ? 0 : peer->second.count;
}

void ChunkPicker::ForEachHolders(const std::function<void(ChunkIndex, uint32_t)>& visit) const {
  const auto complete = static_cast<uint32_t>(
      std::count_if(peers_.begin(), peers_.end(), [](const auto& peer) { return peer.second.complete; }));
  for (uint32_t chunk = 0; chunk < chunk_count_; ++chunk) {
    visit(ChunkIndex(chunk), complete + chunks_.holders[chunk]);
  }
}

void ChunkPicker::ForEachUnderWay(const std::function<void(ChunkIndex)>& visit) const {
  for (const auto& [chunk, slots] : asked_) visit(chunk);
  for (const ChunkIndex chunk : arrived_) visit(chunk);
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

void ChunkPicker::Arrived(ChunkIndex chunk) {
  if (asked_.erase(chunk) > 0) arrived_.insert(chunk);
}

void ChunkPicker::Stored(ChunkIndex index) {
  const uint32_t chunk = index.value();
  arrived_.erase(index);
  if (IsHeld(chunk)) return;
  if (chunks_.place[chunk] != RarityOrder::kNowhere) Unwant(chunk);
  held_bits_[chunk / 64] |= Bit(chunk);
  ++held_;
  --unheld_[static_cast<size_t>(priorities_[chunk])];
  if (priorities_[chunk] != FilePriority::kSkip) --missing_;
}

void ChunkPicker::Rejected(ChunkIndex chunk) {
  if (arrived_.erase(chunk) > 0) Want(chunk.value());
}

std::optional<uint32_t> ChunkPicker::FindFor(const Peer& peer) {
  for (const FilePriority priority : {FilePriority::kHigh, FilePriority::kNormal, FilePriority::kLow}) {
    const RarityOrder& order = orders_[static_cast<size_t>(priority)];
    if (order.empty()) continue;
    if (peer.complete && !sequential_) return order.Rarest(random_);
    const std::optional<uint32_t> chunk = sequential_ ? order.First(peer.complete ? nullptr : &peer.words)
                                                      : order.RarestOf(peer.words, random_);
    if (chunk.has_value()) return chunk;
  }
  return std::nullopt;
}

bool ChunkPicker::IsHeld(uint32_t chunk) const {
  return (held_bits_[chunk / 64] & Bit(chunk)) != 0;
}

bool ChunkPicker::IsUnderWay(uint32_t chunk) const {
  return asked_.contains(ChunkIndex(chunk)) || arrived_.contains(ChunkIndex(chunk));
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

void ChunkPicker::Want(uint32_t chunk) {
  ++wanted_epoch_;
  if (priorities_[chunk] == FilePriority::kSkip) return;
  OrderOf(chunk).Insert(chunk);
  ++wanted_;
}

void ChunkPicker::Unwant(uint32_t chunk) {
  OrderOf(chunk).Remove(chunk);
  --wanted_;
}

void ChunkPicker::MakeCommoner(uint32_t chunk) {
  if (chunks_.place[chunk] != RarityOrder::kNowhere) OrderOf(chunk).MakeCommoner(chunk);
  ++chunks_.holders[chunk];
}

void ChunkPicker::MakeRarer(uint32_t chunk) {
  if (chunks_.place[chunk] != RarityOrder::kNowhere) OrderOf(chunk).MakeRarer(chunk);
  --chunks_.holders[chunk];
}

}  // namespace shoal::leecher
