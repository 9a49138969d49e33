#include "shoal/stream/upload/fresh_chunks.h"

#include <utility>

namespace shoal::stream {

FreshChunks::FreshChunks(uint32_t chunk_count, uint64_t seed, uint32_t run_chunks)
    : run_chunks_(run_chunks), random_(seed), chunks_(chunk_count) {
  for (uint32_t i = 0; i < chunk_count; ++i) MakeFresh(ChunkIndex(i));
}

FreshPeer FreshChunks::Join() {
  MutexLock lock(&mutex_);
  const FreshPeer peer(next_peer_++);
  peers_.emplace(peer, Peer{ChunkSet(static_cast<uint32_t>(chunks_.size())), ChunkIndex(0)});
  return peer;
}

void FreshChunks::Leave(FreshPeer peer) {
  MutexLock lock(&mutex_);
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  for (const ChunkRange& range : found->second.owned.Ranges()) {
    for (uint32_t i = 0; i < range.count; ++i) RemoveOwner(ChunkIndex(range.first.value() + i));
  }
  peers_.erase(found);
}

absl::Status FreshChunks::Holds(FreshPeer peer, const std::vector<ChunkRange>& ranges) {
  MutexLock lock(&mutex_);
  const auto chunk_count = static_cast<uint32_t>(chunks_.size());
  for (const ChunkRange& range : ranges) {
    if (range.count > chunk_count || range.first.value() > chunk_count - range.count) {
      return absl::OutOfRangeError("chunks that the content does not have");
    }
  }
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return absl::OkStatus();
  for (const ChunkRange& range : ranges) {
    for (uint32_t i = 0; i < range.count; ++i)
      AddOwner(found->second.owned, ChunkIndex(range.first.value() + i));
  }
  return absl::OkStatus();
}

std::optional<ChunkIndex> FreshChunks::Take(FreshPeer peer) {
  MutexLock lock(&mutex_);
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return std::nullopt;
  for (const std::vector<ChunkIndex>& least_sent : fresh_) {
    if (least_sent.empty()) continue;
    const ChunkIndex index = Choose(found->second, least_sent);
    AddOwner(found->second.owned, index);
    if (At(index).sent < kMaxSent) ++At(index).sent;
    found->second.next = ChunkIndex(index.value() + 1);
    return index;
  }
  return std::nullopt;
}

bool FreshChunks::IsAmong(const std::vector<ChunkIndex>& least_sent, ChunkIndex index) const {
  const uint32_t place = index.value() < chunks_.size() ? chunks_[index.value()].place : kNowhere;
  return place < least_sent.size() && least_sent[place] == index;
}

ChunkIndex FreshChunks::Choose(const Peer& peer, const std::vector<ChunkIndex>& least_sent) {
  if (peer.next.value() % run_chunks_ != 0 && IsAmong(least_sent, peer.next)) return peer.next;
  const ChunkIndex any = least_sent[random_() % least_sent.size()];
  const ChunkIndex start_of_run(any.value() - any.value() % run_chunks_);
  return IsAmong(least_sent, start_of_run) ? start_of_run : any;
}

void FreshChunks::GiveBack(FreshPeer peer, ChunkIndex chunk) {
  MutexLock lock(&mutex_);
  const auto found = peers_.find(peer);
  if (found == peers_.end() || !found->second.owned.Erase(chunk)) return;
  if (At(chunk).sent > 0) --At(chunk).sent;
  RemoveOwner(chunk);
}

void FreshChunks::Sent(FreshPeer peer, ChunkIndex chunk) {
  MutexLock lock(&mutex_);
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  MakeStale(chunk);  // before the count changes, by which its list is found
  if (At(chunk).sent < kMaxSent) ++At(chunk).sent;
  AddOwner(found->second.owned, chunk);
}

uint32_t FreshChunks::fresh_count() const {
  MutexLock lock(&mutex_);
  size_t count = 0;
  for (const std::vector<ChunkIndex>& list : fresh_) count += list.size();
  return static_cast<uint32_t>(count);
}

void FreshChunks::AddOwner(ChunkSet& owned, ChunkIndex index) {
  if (!owned.Insert(index)) return;
  ++At(index).owners;
  MakeStale(index);
}

void FreshChunks::RemoveOwner(ChunkIndex index) {
  if (--At(index).owners == 0) MakeFresh(index);
}

void FreshChunks::MakeFresh(ChunkIndex index) {
  Chunk& chunk = At(index);
  std::vector<ChunkIndex>& list = fresh_[chunk.sent];
  chunk.place = static_cast<uint32_t>(list.size());
  list.push_back(index);
}

void FreshChunks::MakeStale(ChunkIndex index) {
  Chunk& chunk = At(index);
  if (chunk.place == kNowhere) return;
  std::vector<ChunkIndex>& list = fresh_[chunk.sent];
  const ChunkIndex last = list.back();
  list[chunk.place] = last;
  At(last).place = chunk.place;
  list.pop_back();
  chunk.place = kNowhere;
}

}  // namespace shoal::stream
