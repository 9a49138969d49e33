#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/leecher/download/chunk_picker.h"
#include "clients/leecher/download/file_priority.h"
#include "clients/leecher/download/peer_credit.h"
#include "clients/leecher/download/request_rotation.h"
#include "shoal/content/chunk_set.h"
#include "shoal/content/ids.h"

namespace shoal::leecher {

// Takes what a RequestPlanner decided to the peers. Must not call the planner back.
class RequestSink {
 public:
  virtual void Request(PeerSlot peer, std::span<const ChunkIndex> chunks) = 0;
  // Credits for chunks of the peer's own choice.
  virtual void RequestAny(PeerSlot peer, uint32_t chunks) = 0;
  virtual void Cancel(PeerSlot peer, std::span<const ChunkIndex> chunks) = 0;

 protected:
  ~RequestSink() = default;
};

// From whom each chunk is fetched, and when it is asked of somebody else as well. Events go in as they
// happen; Plan() then says what to send.
//
// - What: ChunkPicker (rarest first, by priority, or in order). How much of one peer: PeerCredit.
// - Requests are dealt out one at a time, round and round over the peers that have room, so that equal peers
//   get equal shares.
// - A peer that serves_any is given credits and chooses by itself what it has sent least, until it says
//   NothingFresh, or while names matter here (priorities, chunks that are skipped, sequential): then it is
//   asked by name as the others are.
// - A peer with room and nothing else to bring is asked for a chunk that another peer owes and will bring
//   clearly later (it is busy, slow or frozen): at most two peers are asked for one chunk. Whoever begins
//   first keeps it, the other is told to cancel. A chunk on its way is judged by the speed at which it
//   comes, not by the peer's rate: a peer that serves many in turn looks slow just when it is our turn.
//   This is stealing in the middle and the end game at the end.
//
// Pure: no sockets, no threads; `now` is Clock::Uptime() (or a simulator's) and never goes back; the
// randomness comes from the seed. A Plan costs O(peers + chunks under way). One thread.
class RequestPlanner {
 public:
  struct Options {
    CreditLimits credit;
    uint32_t chunk_bytes = 0;  // of a full chunk
    uint64_t seed = 0;         // of all that is at random
    // Length of each chunk; empty: all are full.
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
  bool Owes(PeerSlot peer) const;

 private:
  struct Owed {
    ChunkIndex chunk;
    bool begun = false;
    uint32_t left_bytes = 0;  // not here yet
    absl::Duration began_at;  // or was asked, before it began
  };
  struct Peer {
    PeerCredit credit;
    bool serves_any = false;  // and has not said NothingFresh
    bool blocked = false;
    uint32_t credits = 0;   // given and not used
    std::deque<Owed> owed;  // in the order in which they were asked
    absl::Duration joined;
    absl::Duration last_useful;          // when it last owed something
    std::vector<ChunkIndex> to_request;  // not sent yet
    std::vector<ChunkIndex> to_cancel;
    uint32_t to_credit = 0;

    Peer(const PeerCredit& of, absl::Duration now) : credit(of), joined(now), last_useful(now) {}
    uint32_t owed_chunks() const { return credits + static_cast<uint32_t>(owed.size()); }
  };

  uint32_t Length(ChunkIndex chunk) const;
  Peer* Find(PeerSlot slot);
  static std::deque<Owed>::iterator FindOwed(Peer& peer, ChunkIndex chunk);
  void Ask(Peer& peer, ChunkIndex chunk, absl::Duration now);
  // The chunk is not expected of the peer any more.
  void Withdraw(Peer& peer, ChunkIndex chunk, bool cancel);
  void VoidCredits(Peer& peer);
  bool HasRoom(const Peer& peer, uint64_t share_bytes) const;
  bool GiveOne(PeerSlot slot, Peer& peer, absl::Duration now);
  void Deal(absl::Duration now);
  void CopyLate(absl::Duration now);
  bool CopyFor(PeerSlot slot, Peer& peer, absl::Duration now);
  absl::Duration TimeToEnd(const Owed& begun, absl::Duration now) const;
  void Send(RequestSink& sink);

  const Options options_;
  ChunkPicker picker_;
  bool paused_ = false;
  absl::flat_hash_map<PeerSlot, std::unique_ptr<Peer>> peers_;
  std::vector<PeerSlot> order_;  // the peers, in the order of their coming
  RequestRotation rotation_;
  std::vector<PeerSlot> takers_;  // kept for its memory
};

}  // namespace shoal::leecher
