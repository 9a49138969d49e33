#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "clients/leecher/download/policy/rarity_order.h"
#include "clients/leecher/download/policy/wanted_files.h"
#include "shoal/base/strong_index.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::leecher {

// Identifies one connection to a peer for the policies. Never reused after the connection ended.
using PeerSlot = StrongIndex<struct PeerSlotTag, uint32_t>;

// Decides which chunk to request next from a given peer: of those with the highest priority the one that the
// fewest connected peers hold, ties broken at random; or, when sequential, the first. A chunk is requested
// from one peer at a time, except for copies that the caller makes. It knows no times, rates or sockets: the
// caller decides whether a copy pays off.
//
// A chunk is wanted, asked (requested from one or two peers), arrived (its bytes are being verified), held,
// or none of these because it is skipped.
//
// Peers that hold everything do not change which chunk is rarer, so they are not counted: adding one is O(1),
// and a pick for one is O(peers). A pick for any other peer looks at a bounded number of rare chunks first,
// and then at one bit per chunk, as does a sequential pick. Adding or removing such a peer is linear in its
// chunks. One thread.
class ChunkPicker {
 public:
  // `held`: the chunks that are held already. `seed` decides ties.
  ChunkPicker(const ChunkSet& held, uint64_t seed);
  ChunkPicker(const ChunkPicker&) = delete;
  ChunkPicker& operator=(const ChunkPicker&) = delete;

  // Requires: `held.size()` is the content's number of chunks, and the slot is new.
  void AddPeer(PeerSlot peer, const ChunkSet& held);
  // Chunks that were requested from this peer only are wanted again.
  void RemovePeer(PeerSlot peer);
  // Errors: OUT_OF_RANGE (no effect) if a range reaches past the end.
  absl::Status PeerGained(PeerSlot peer, const std::vector<ChunkRange>& gained);
  // Never picks this chunk for this peer again (unless the peer announces it as gained).
  void Exclude(PeerSlot peer, ChunkIndex chunk);

  // Higher priorities are picked first, skipped chunks never, and done() does not wait for them. All are
  // normal at first. Outstanding requests are not cancelled. Requires: the range is within the content.
  void SetPriority(ChunkRange chunks, FilePriority priority);
  void SetSequential(bool sequential) { sequential_ = sequential; }
  bool sequential() const { return sequential_; }
  // The order of the wanted chunks does not matter: none is skipped, all have one priority, and it is not
  // sequential.
  bool indifferent() const;

  // Counts `chunk` as requested from `peer`, whatever its priority is; skipped chunks too. Returns false (no
  // effect) unless the chunk is missing, requested from no peer, and `peer` holds it.
  bool Take(PeerSlot peer, ChunkIndex chunk);
  // Neither held nor verified at the moment, though it may be requested.
  bool IsMissing(ChunkIndex chunk) const { return !IsHeld(chunk.value()) && !arrived_.contains(chunk); }

  // Returns the next chunk to request from `peer`, which counts as asked from now on; none if the peer holds
  // nothing that is wanted.
  std::optional<ChunkIndex> Pick(PeerSlot peer);
  // The last Pick for `peer` found nothing, and, as far as a cheap check can tell, none would have since.
  bool IsBarren(PeerSlot peer) const;
  // Counts `chunk` as requested from `peer` too. Returns false (no effect) unless it is requested from
  // exactly one other peer and `peer` holds it.
  bool Copy(PeerSlot peer, ChunkIndex chunk);

  // `peer` is sending `chunk` without a Pick: counts it as requested from `peer` if it is wanted, or
  // requested from any number of others. Returns false (no effect) if it is not needed.
  bool Claim(PeerSlot peer, ChunkIndex chunk);
  // The peers from which `chunk` is requested.
  std::span<const PeerSlot> AskedOf(ChunkIndex chunk) const;
  bool Holds(PeerSlot peer, ChunkIndex chunk) const;
  // How many chunks `peer` holds; 0 for an unknown one.
  uint32_t CountOf(PeerSlot peer) const;
  // Calls `visit` for each chunk, in ascending order, with the number of peers that hold it.
  void ForEachHolders(const std::function<void(ChunkIndex, uint32_t holders)>& visit) const;
  // Calls `visit` for each chunk that is requested or being verified, in no order.
  void ForEachUnderWay(const std::function<void(ChunkIndex)>& visit) const;

  // `peer` will not send `chunk`. Returns true if no other peer owes it, so that it is wanted again.
  bool Return(PeerSlot peer, ChunkIndex chunk);
  // The bytes of `chunk` arrived: it is requested from no peer any more.
  void Arrived(ChunkIndex chunk);
  // The result for an arrived chunk.
  void Stored(ChunkIndex chunk);
  void Rejected(ChunkIndex chunk);

  uint32_t size() const { return chunk_count_; }  // chunks in the content
  // Numbers of chunks. A skipped chunk is not wanted, but may be held.
  uint32_t wanted() const { return wanted_; }
  uint32_t asked() const { return static_cast<uint32_t>(asked_.size()); }
  uint32_t held() const { return held_; }
  bool done() const { return missing_ == 0; }

 private:
  struct Peer {
    bool complete = false;
    uint32_t count = 0;
    std::vector<uint64_t> words;  // the chunks it holds; empty when complete
    uint64_t barren_epoch = 0;    // wanted_epoch_ when a pick found nothing
  };

  static constexpr size_t kPriorities = 4;

  bool Holds(const Peer& peer, uint32_t chunk) const;
  bool IsHeld(uint32_t chunk) const;
  bool IsUnderWay(uint32_t chunk) const;  // asked or arrived
  RarityOrder& OrderOf(uint32_t chunk) { return orders_[static_cast<size_t>(priorities_[chunk])]; }
  void MakePartial(Peer& peer);
  void MakeComplete(Peer& peer);
  void Want(uint32_t chunk);
  void Unwant(uint32_t chunk);
  void MakeRarer(uint32_t chunk);
  void MakeCommoner(uint32_t chunk);
  std::optional<uint32_t> FindFor(const Peer& peer);

  const uint32_t chunk_count_;
  std::mt19937_64 random_;
  bool sequential_ = false;
  uint32_t held_ = 0;
  uint32_t missing_ = 0;  // not held, and not skipped
  uint32_t wanted_ = 0;
  RarityOrder::Chunks chunks_;
  std::vector<RarityOrder> orders_;             // the wanted chunks, by priority
  std::vector<FilePriority> priorities_;        // per chunk
  std::array<uint32_t, kPriorities> unheld_{};  // chunks of each priority that are not held
  std::vector<uint64_t> held_bits_;
  uint64_t wanted_epoch_ = 1;  // grows when a chunk becomes wanted
  absl::flat_hash_map<ChunkIndex, absl::InlinedVector<PeerSlot, 2>> asked_;
  absl::flat_hash_set<ChunkIndex> arrived_;
  absl::flat_hash_map<PeerSlot, Peer> peers_;
};

}  // namespace shoal::leecher
