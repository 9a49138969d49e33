#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "shoal/base/strong_index.h"
#include "shoal/content/chunk_set.h"
#include "shoal/content/ids.h"

namespace shoal::leecher {

// One connection to a peer, as the policies name it. Never used again after the connection ended.
using PeerSlot = StrongIndex<struct PeerSlotTag, uint32_t>;

// Which chunk to ask next of a given peer. Rarest first over what the connected peers hold, ties at random; a
// chunk is asked of one peer at a time, but for copies that the caller asks for at the end. It knows no
// times, no rates and no sockets: what makes a copy worth it is the caller's judgement.
//
// A chunk is wanted, asked (of one or two peers), arrived (its bytes are here and being checked), or held.
//
// Peers that hold everything do not change which chunk is rarer, so they are not counted: adding one is O(1),
// and a pick for one is O(peers). A pick for any other peer looks at a bounded number of rare chunks first,
// and then at one bit per chunk. Adding or removing such a peer is linear in its chunks. One thread.
class ChunkPicker {
 public:
  // `held`: the chunks that are already here. `seed` decides ties.
  ChunkPicker(const ChunkSet& held, uint64_t seed);

  // `held.size()` is the content's number of chunks. The slot must be new.
  void AddPeer(PeerSlot peer, const ChunkSet& held);
  // Chunks that were asked of this peer alone are wanted again.
  void RemovePeer(PeerSlot peer);
  // OUT_OF_RANGE, and no change, when a range reaches past the end.
  absl::Status PeerGained(PeerSlot peer, const std::vector<ChunkRange>& gained);
  // Never picks this chunk for this peer again (unless it says that it gained it).
  void Exclude(PeerSlot peer, ChunkIndex chunk);
  // Whether the peer holds a chunk that is not held here (whoever was asked for it).
  bool HasUseFor(PeerSlot peer) const;

  // The next chunk to ask of `peer`, which counts as asked from now on; none when it holds nothing that is
  // wanted.
  std::optional<ChunkIndex> Pick(PeerSlot peer);
  // Counts `chunk` as asked of `peer` too. False, and no change, unless it is asked of exactly one other peer
  // and `peer` holds it.
  bool Copy(PeerSlot peer, ChunkIndex chunk);

  // `peer` will not bring `chunk`. True when nobody else is asked for it, so that it is wanted again.
  bool Return(PeerSlot peer, ChunkIndex chunk);
  // The bytes of `chunk` came from `peer`. Returns the other peer that was asked for them too.
  std::optional<PeerSlot> Arrived(PeerSlot peer, ChunkIndex chunk);
  // What became of an arrived chunk.
  void Stored(ChunkIndex chunk);
  void Rejected(ChunkIndex chunk);

  uint32_t wanted() const { return static_cast<uint32_t>(order_.size()); }
  uint32_t asked() const { return static_cast<uint32_t>(asked_.size()); }
  uint32_t held() const { return held_; }
  bool done() const { return held_ == chunk_count_; }

 private:
  struct Peer {
    bool complete = false;
    uint32_t count = 0;
    std::vector<uint64_t> words;  // what it holds; empty when complete
    uint64_t barren_epoch = 0;    // wanted_epoch_ when a pick found nothing
  };

  bool Holds(const Peer& peer, uint32_t chunk) const;
  void MakePartial(Peer& peer);
  void MakeComplete(Peer& peer);
  void Want(uint32_t chunk);
  void Unwant(uint32_t chunk);
  void MakeRarer(uint32_t chunk);
  void MakeCommoner(uint32_t chunk);
  void Swap(uint32_t a, uint32_t b);
  std::optional<uint32_t> FindFor(Peer& peer);
  std::optional<uint32_t> FindByBits(const Peer& peer);
  uint32_t BucketEnd(size_t bucket) const;
  uint32_t Below(uint32_t bound);  // random

  static constexpr uint32_t kNowhere = 0xFFFFFFFF;

  const uint32_t chunk_count_;
  std::mt19937_64 random_;
  uint32_t held_ = 0;
  // The wanted chunks, by how many incomplete peers hold them: bucket b is order_[bucket_begin_[b] .. begin
  // of the next).
  std::vector<uint32_t> order_;
  std::vector<uint32_t> bucket_begin_{0};
  std::vector<uint32_t> place_;        // per chunk: where in order_, or kNowhere
  std::vector<uint16_t> holders_;      // per chunk: incomplete peers that hold it
  std::vector<uint64_t> wanted_bits_;  // the same chunks as order_
  std::vector<uint64_t> held_bits_;
  uint64_t wanted_epoch_ = 1;  // grows when a chunk becomes wanted
  absl::flat_hash_map<ChunkIndex, absl::InlinedVector<PeerSlot, 2>> asked_;
  absl::flat_hash_map<PeerSlot, Peer> peers_;
};

}  // namespace shoal::leecher
