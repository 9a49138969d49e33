#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/leecher/download/policy/chunk_picker.h"
#include "clients/leecher/download/policy/peer_credit.h"
#include "clients/leecher/download/policy/peer_debt.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::leecher {

// Deals out requests one at a time, round and round over the takers, until nobody takes any more. It goes on
// where it left off, so that takers with equal credit get equal shares whatever their order. One thread.
class RequestRotation {
 public:
  // `take(taker)` gives one request to `taker`; false when it has no credit left or nothing fits it. The deal
  // is over when all takers in a row said so.
  template <typename Taker, typename Take>
  void Deal(std::span<Taker> takers, Take take) {
    const size_t count = takers.size();
    if (count == 0) return;
    size_t refusals = 0;
    for (size_t at = next_ % count; refusals < count; at = (at + 1) % count) {
      if (take(takers[at])) {
        refusals = 0;
        next_ = at + 1;
      } else {
        ++refusals;
      }
    }
  }

 private:
  size_t next_ = 0;
};

// From whom each chunk is fetched, and when it is asked of somebody else as well. Events go in as they
// happen; Plan() then says what to send.
//
// - What: ChunkPicker (rarest first, by priority, or in order). How much of one peer: PeerCredit. What was
//   asked of one and is not here: PeerDebt.
// - Requests are dealt out one at a time, round and round over the peers that have room, so that equal peers
//   get equal shares.
// - A peer that serves_any is given credits and chooses by itself what it has sent least, until it says
//   NothingFresh, or while names matter here (priorities, chunks that are skipped, sequential): then it is
//   asked by name as the others are.
// - A peer with room that holds nothing that could still be asked of anybody is asked for a chunk that
// another
//   peer owes and will bring clearly later (it is busy, slow or frozen): at most two peers are asked for one
//   chunk. Whoever begins first keeps it, the other is told to cancel. A chunk on its way is judged by the
//   speed at which it comes, not by the peer's rate: a peer that serves many in turn looks slow just when it
//   is our turn. This is stealing in the middle and the end game at the end.
//
// Pure: no sockets, no threads; `now` is Clock::Uptime() (or a simulator's) and never goes back; the
// randomness comes from the seed. A Plan costs O(peers), and
// O(chunks under way) more when somebody has nothing else to bring. One thread.
class RequestPlanner {
 public:
  struct Options {
    CreditLimits credit;
    uint32_t chunk_bytes = 0;  // of a chunk on average
    uint64_t seed = 0;         // of all that is at random
    // Length of each chunk; empty: all have that.
    std::function<uint32_t(ChunkIndex)> length_bytes;
  };

  // `held`: the chunks that are here already; its size is the content's number of chunks.
  RequestPlanner(const ChunkSet& held, Options options);

  // --- What peers are and do. Unknown slots are passed over.

  // A peer that can be asked from now on. `on_probation`: it was silent the last time.
  void PeerJoined(PeerSlot peer, const ChunkSet& held, bool serves_any, bool on_probation,
                  absl::Duration now);
  // What it owed alone is wanted again. Returns how many chunks that are.
  uint32_t PeerLeft(PeerSlot peer);
  // OUT_OF_RANGE, and no change, when a range reaches past the end.
  absl::Status Gained(PeerSlot peer, const std::vector<ChunkRange>& gained);
  // The first bytes of a chunk come, asked for or on credit (may be told more than once for one chunk). False
  // when its bytes are of no use: they are skipped and nothing else is told of it.
  bool ChunkBegan(PeerSlot peer, ChunkIndex chunk, absl::Duration now);
  // Some more bytes of a chunk that began.
  void Progress(PeerSlot peer, ChunkIndex chunk, uint32_t bytes, absl::Duration now);
  // All bytes are here. False when another peer was quicker: they are of no use. Otherwise Stored or Rejected
  // follows.
  bool Arrived(PeerSlot peer, ChunkIndex chunk, absl::Duration now);
  // What became of an arrived chunk.
  void Stored(ChunkIndex chunk) { picker_.Stored(chunk); }
  void Rejected(ChunkIndex chunk) { picker_.Rejected(chunk); }
  // What it sends, or sent, of this chunk is garbled; it is asked of somebody else.
  void Discard(PeerSlot peer, ChunkIndex chunk);
  // It will not bring these. `never_held`: and never can; otherwise it was asked for too much at once.
  void Refused(PeerSlot peer, const std::vector<ChunkRange>& chunks, bool never_held);
  // It has nothing fresh: its credits are void.
  void NothingFresh(PeerSlot peer, absl::Duration now);
  // Reading from this peer rests for want of memory (or goes on): its silence is no fault of its.
  void SetBlocked(PeerSlot peer, bool blocked, absl::Duration now);
  // This machine slept: nobody's silence counts.
  void ExcuseAll(absl::Duration now);

  // --- What is wanted. May change at any time; what is under way may still come.

  // Higher priorities are asked first; skipped chunks not at all, and done() does not wait for them.
  // Needs ranges within the content.
  void SetPriority(ChunkRange chunks, FilePriority priority) { picker_.SetPriority(chunks, priority); }
  // Chunks are asked in their order (within one priority) instead of rarest first.
  void SetSequential(bool sequential) { picker_.SetSequential(sequential); }
  // Nothing is asked while paused.
  void SetPaused(bool paused, absl::Duration now);

  // --- What to do now.

  // Tells `sink` what to send. To be called after every event, and at least every 100 ms.
  void Plan(absl::Duration now, RequestSink& sink);
  // Peers that owe something and have been silent for longer than they ever were: to be left (PeerLeft).
  std::vector<PeerSlot> Frozen(absl::Duration now) const;
  // A peer that is worth less than one that is not connected yet: it has had nothing to give for a while, or
  // is far slower than the others.
  std::optional<PeerSlot> Useless(absl::Duration now);

  bool done() const { return picker_.done(); }          // all that is not skipped is held
  uint32_t held() const { return picker_.held(); }      // chunks
  uint32_t wanted() const { return picker_.wanted(); }  // asked of nobody
  bool sequential() const { return picker_.sequential(); }
  bool paused() const { return paused_; }
  // Peers that owe something.
  uint32_t owing() const;
  // Chunks that are asked of peers and not here, credits too; one that is asked of two counts twice.
  uint32_t owed() const;
  bool Owes(PeerSlot peer) const;

 private:
  struct Peer {
    PeerSlot slot;
    PeerDebt debt;
    bool serves_any = false;  // and has not said NothingFresh
    bool blocked = false;
    absl::Duration joined;
    absl::Duration last_useful;  // when it last owed something
  };

  uint32_t Length(ChunkIndex chunk) const;
  Peer* Find(PeerSlot slot);
  void Ask(Peer& peer, ChunkIndex chunk, absl::Duration now);
  bool IsAskedAny(const Peer& peer) const { return peer.serves_any && picker_.indifferent(); }
  static bool HasRoom(const Peer& peer);
  bool MayOweMore(const Peer& peer, uint64_t share_bytes) const;
  bool GiveOne(Peer& peer, absl::Duration now);
  void Deal(absl::Duration now);
  void CopyLate(absl::Duration now);

  const Options options_;
  ChunkPicker picker_;
  bool paused_ = false;
  absl::flat_hash_map<PeerSlot, std::unique_ptr<Peer>> peers_;
  std::vector<Peer*> order_;  // the peers, in the order of their coming
  RequestRotation rotation_;
  std::vector<Peer*> takers_;  // these two are kept for their memory
  LateChunks late_;
  absl::Duration next_look_at_late_ = -absl::InfiniteDuration();
};

}  // namespace shoal::leecher
