#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "shoal/base/mutex.h"
#include "shoal/base/strong_index.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::stream {

// A peer's place in one FreshChunks. Not used again for another peer.
using FreshPeer = StrongIndex<struct FreshPeerTag, uint64_t>;

// Chooses the chunks that a server with all chunks sends when the peer leaves the choice to it: *fresh* ones,
// which it has given to none of its connected peers and which none of them is known to hold. Among these it
// prefers the chunks that it has sent least often so far, with random ties. So a seeder sends each chunk
// about once before it repeats one, whatever its peers would have requested, and without waiting for any of
// them. Each peer gets fresh chunks in runs of consecutive indexes: after a chunk it gets the next one, while
// that is among the fresh chunks that were sent least often, up to the next multiple of `run_chunks`.
//
// When a peer leaves, the chunks that no other peer holds or was given are fresh again (after those that were
// sent less often).
//
// Pure policy: no sockets, no clock, all randomness from the seed. One object for all peers of a content.
// Costs about 12 bytes per chunk, and a bit per chunk and peer.
// Thread safety: all methods are thread-safe, since the peers are on several loops.
class FreshChunks {
 public:
  // `run_chunks`: the length of a run, at least 1.
  FreshChunks(uint32_t chunk_count, uint64_t seed, uint32_t run_chunks = 1);

  // Adds a peer that is not known to hold anything yet.
  FreshPeer Join();
  void Leave(FreshPeer peer);
  // The peer holds these chunks. Errors: OUT_OF_RANGE, and no change, when a range reaches past the content.
  absl::Status Holds(FreshPeer peer, const std::vector<ChunkRange>& ranges);

  // Returns a fresh chunk, which counts as sent to `peer` from now on; nothing when none is left.
  std::optional<ChunkIndex> Take(FreshPeer peer);
  // Undoes Take for a chunk that could not be sent.
  void GiveBack(FreshPeer peer, ChunkIndex chunk);
  // The peer was sent a chunk that it had requested by index.
  void Sent(FreshPeer peer, ChunkIndex chunk);

  uint32_t fresh_count() const;

 private:
  static constexpr uint32_t kNowhere = UINT32_MAX;
  // The counts of chunks are capped at this value.
  static constexpr uint8_t kMaxSent = 7;

  struct Chunk {
    uint32_t place = kNowhere;  // in its list of fresh_, while it is fresh
    uint16_t owners = 0;        // connected peers that hold it or were given it
    uint8_t sent = 0;           // times, kMaxSent at most
  };

  struct Peer {
    ChunkSet owned;   // what it holds or was given
    ChunkIndex next;  // in its run; a multiple of run_chunks_: the run is over
  };

  Chunk& At(ChunkIndex index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return chunks_[index.value()]; }
  bool IsAmong(const std::vector<ChunkIndex>& least_sent, ChunkIndex index) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ChunkIndex Choose(const Peer& peer, const std::vector<ChunkIndex>& least_sent)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddOwner(ChunkSet& owned, ChunkIndex index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveOwner(ChunkIndex index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MakeFresh(ChunkIndex index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MakeStale(ChunkIndex index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const uint32_t run_chunks_;
  mutable Mutex mutex_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
  std::vector<Chunk> chunks_ ABSL_GUARDED_BY(mutex_);
  std::vector<ChunkIndex> fresh_[kMaxSent + 1] ABSL_GUARDED_BY(mutex_);  // by times sent, in no order
  absl::flat_hash_map<FreshPeer, Peer> peers_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_peer_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace shoal::stream
