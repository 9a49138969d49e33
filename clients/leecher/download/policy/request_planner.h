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
#include "clients/leecher/download/policy/joint_window.h"
#include "clients/leecher/download/policy/peer_credit.h"
#include "clients/leecher/download/policy/peer_debt.h"
#include "clients/leecher/download/policy/read_ahead.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::leecher {

// Distributes requests one at a time, round-robin over the takers, until none takes any more. Continues where
// it left off, so that takers with equal credit get equal shares whatever their order. One thread.
class RequestRotation {
 public:
  // `take(taker)` gives one request to `taker`; false if it has no credit left or nothing suits it. Ends when
  // all takers in a row returned false.
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

// Decides from which peer each chunk is requested, and when it is requested from a second one as well. Events
// are reported as they happen; Plan() then says what to send.
//
// - Which chunk: ChunkPicker (rarest first, by priority, or in order). How much from one peer: PeerCredit.
//   What was requested from one peer and has not arrived: PeerDebt.
// - What readers need soon (SetUrgent) is requested before everything else, in the order in which it is due,
//   by index, each from the peer that is expected to send it first, whatever its share; a slower one gets it
//   if it will be in time. What would be late otherwise is requested beyond a peer's window too, and what a
//   peer owes and will send too late is also requested from a second one that is clearly sooner.
// - While there are readers (SetRead), all peers together owe no more than JointWindow allows. This holds for
//   two seconds after the last reader has gone, because a seek closes one reader and opens another. When the
//   next chunk of a reader is late and not requested yet, requests for chunks that are not urgent and have
//   not begun to arrive are cancelled. A late chunk of which nothing has arrived for 300 ms is requested from
//   an idle peer as well.
// All other chunks are distributed as if there were no readers:
// - Requests are distributed round-robin over the peers that have room, so that equal peers get equal shares.
// - A peer that serves_any is given credits and chooses itself what it has sent least. It is sent requests by
//   index, as the others are, once it says NothingFresh, and while indices matter here (priorities, skipped
//   chunks, sequential).
// - A peer with room that holds nothing that could still be requested from any peer takes over a chunk that
//   another peer owes and will send clearly later (it is busy, slow or frozen): at most two peers owe one
//   chunk. The first one that begins keeps it, and the other one's request is cancelled. A chunk that has
//   begun is judged by the speed at which it arrives, not by the peer's rate: a peer that serves many in turn
//   looks slow just when it is our turn. This is work stealing in the middle and the endgame at the end.
//
// Pure: no sockets, no threads; `now` is Clock::Uptime() (or a simulator's) and never goes back; the
// randomness comes from the seed. A Plan costs O(peers), and O(outstanding chunks) more when a peer has
// nothing else to send; while there are urgent chunks, O(urgent chunks) more, and O(peers) for each that is
// requested. One thread.
class RequestPlanner {
 public:
  struct Options {
    CreditLimits credit;
    uint32_t chunk_bytes = 0;  // mean length of a chunk
    uint64_t seed = 0;         // of all random decisions
    // Length of each chunk; empty: all have chunk_bytes.
    std::function<uint32_t(ChunkIndex)> length_bytes;
  };

  // `held`: the chunks that are held already; its size is the content's number of chunks.
  RequestPlanner(const ChunkSet& held, Options options);

  // --- Events of peers. Unknown slots are ignored.

  // Chunks can be requested from this peer from now on. `on_probation`: it was silent the last time.
  void PeerJoined(PeerSlot peer, const ChunkSet& held, bool serves_any, bool on_probation,
                  absl::Duration now);
  // Chunks that only this peer owed are wanted again. Returns their number.
  uint32_t PeerLeft(PeerSlot peer);
  // Errors: OUT_OF_RANGE (no effect) if a range reaches past the end.
  absl::Status Gained(PeerSlot peer, const std::vector<ChunkRange>& gained);
  // The first bytes of a chunk arrive, requested or on credit (may be called more than once for one chunk).
  // Returns false if the chunk is not needed: its bytes are skipped, and no other call for it follows.
  bool ChunkBegan(PeerSlot peer, ChunkIndex chunk, absl::Duration now);
  // Some more bytes of a chunk that began.
  void Progress(PeerSlot peer, ChunkIndex chunk, uint32_t bytes, absl::Duration now);
  // All bytes have arrived. Returns false if another peer was faster, and the bytes are wasted. Otherwise
  // Stored or Rejected follows.
  bool Arrived(PeerSlot peer, ChunkIndex chunk, absl::Duration now);
  // The result for an arrived chunk.
  void Stored(ChunkIndex chunk) { picker_.Stored(chunk); }
  void Rejected(ChunkIndex chunk) { picker_.Rejected(chunk); }
  // The bytes that the peer sends, or sent, of this chunk are corrupt; it is requested from another peer.
  void Discard(PeerSlot peer, ChunkIndex chunk);
  // The peer will not send these. `never_held`: it does not hold them; otherwise too much was requested at
  // once.
  void Refused(PeerSlot peer, const std::vector<ChunkRange>& chunks, bool never_held);
  // The peer has nothing fresh: its credits are void.
  void NothingFresh(PeerSlot peer, absl::Duration now);
  // Reading from this peer is paused for lack of memory (or resumed): its silence is not its fault.
  void SetBlocked(PeerSlot peer, bool blocked, absl::Duration now);
  // This machine slept: no peer's silence counts.
  void ExcuseAll(absl::Duration now);

  // --- What is wanted. May change at any time; outstanding chunks may still arrive.

  // Higher priorities are requested first; skipped chunks not at all, and done() does not wait for them.
  // Requires: the range is within the content.
  void SetPriority(ChunkRange chunks, FilePriority priority) { picker_.SetPriority(chunks, priority); }
  // Chunks are requested in order (within one priority) instead of rarest first.
  void SetSequential(bool sequential) { picker_.SetSequential(sequential); }
  // Exactly these are needed soon, in this order; skipped ones too. Chunks beyond the content are ignored.
  void SetUrgent(std::vector<DueChunk> chunks);
  // Whether there are readers, whatever they need.
  void SetRead(bool read, absl::Duration now);
  // Nothing is requested while paused.
  void SetPaused(bool paused, absl::Duration now);

  // --- Decisions.

  // Tells `sink` what to send. To be called after every event, and at least every 100 ms.
  void Plan(absl::Duration now, RequestSink& sink);
  // Peers that owe something and have been silent for too long (see PeerCredit): to be dropped (PeerLeft).
  std::vector<PeerSlot> Frozen(absl::Duration now) const;
  // A peer that is less useful than one that is not connected yet: it has had nothing to send for a while, or
  // is far slower than the others.
  std::optional<PeerSlot> Useless(absl::Duration now);

  // Not held, and not being verified. Requires: chunk < the content's number of chunks.
  bool IsMissing(ChunkIndex chunk) const { return picker_.IsMissing(chunk); }
  // For viewers.
  const ChunkPicker& picker() const { return picker_; }
  bool done() const { return picker_.done(); }          // all that is not skipped is held
  uint32_t held() const { return picker_.held(); }      // chunks
  uint32_t wanted() const { return picker_.wanted(); }  // requested from no peer
  bool sequential() const { return picker_.sequential(); }
  bool paused() const { return paused_; }
  // Peers that owe something.
  uint32_t owing() const;
  // Chunks that are requested and have not arrived, credits included; one that two peers owe counts twice.
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
  bool MayOverdraw(const Peer& peer) const;
  bool MayOweMore(const Peer& peer, uint64_t share_bytes) const;
  bool IsFull(absl::Duration now);
  bool GiveOne(Peer& peer, absl::Duration now);
  void Deal(absl::Duration now);
  void DealUrgent(absl::Duration now);
  void WithdrawOthers();
  bool AskUrgent(const DueChunk& urgent, absl::Duration now);
  void CopyUrgent(const DueChunk& urgent, absl::Duration now);
  void CopyLate(absl::Duration now);

  const Options options_;
  ChunkPicker picker_;
  bool paused_ = false;
  absl::flat_hash_map<PeerSlot, std::unique_ptr<Peer>> peers_;
  std::vector<Peer*> order_;  // the peers, in the order of joining
  RequestRotation rotation_;
  std::vector<Peer*> takers_;  // these two are members only to reuse their memory
  LateChunks late_;
  JointWindow joint_;
  absl::Duration read_until_ = -absl::InfiniteDuration();
  bool is_read_ = false;     // in this plan: joint_ is the bound
  uint64_t owed_bytes_ = 0;  // in this plan, by all peers, if it is read
  std::vector<DueChunk> urgent_;
  size_t first_urgent_ = 0;  // those of urgent_ before it are held
  absl::Duration next_look_at_urgent_ = -absl::InfiniteDuration();
  absl::Duration next_look_at_late_ = -absl::InfiniteDuration();
};

}  // namespace shoal::leecher
