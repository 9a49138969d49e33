#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "clients/leecher/download/policy/chunk_picker.h"
#include "clients/leecher/download/policy/peer_credit.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::leecher {

// Sends what a RequestPlanner decided to the peers. Must not call the planner back.
class RequestSink {
 public:
  virtual void Request(PeerSlot peer, std::span<const ChunkIndex> chunks) = 0;
  // Credits for chunks of the peer's own choice.
  virtual void RequestAny(PeerSlot peer, uint32_t chunks) = 0;
  virtual void Cancel(PeerSlot peer, std::span<const ChunkIndex> chunks) = 0;

 protected:
  ~RequestSink() = default;
};

// The chunks that peers owe, ordered by the time until they arrive: a peer with nothing else to send takes
// over the one that would arrive last. Refilled for each use. One thread.
class LateChunks {
 public:
  void Clear() { chunks_.clear(); }
  bool empty() const { return chunks_.empty(); }
  size_t size() const { return chunks_.size(); }
  void Add(ChunkIndex chunk, absl::Duration needs) { chunks_.push_back({needs, chunks_.size(), chunk}); }
  // Called after the last Add and before the first Offer. Ties are in the order of Add.
  void Sort() {
    std::sort(chunks_.begin(), chunks_.end(), [](const Late& a, const Late& b) {
      return a.needs != b.needs ? a.needs > b.needs : a.added < b.added;
    });
  }

  // Calls `take(chunk)` for chunks that need longer than `longer_than`, latest first, until it returns true.
  // Returns false if it never does.
  template <typename Take>
  bool Offer(absl::Duration longer_than, Take take) const {
    for (const Late& late : chunks_) {
      if (late.needs <= longer_than) return false;
      if (take(late.chunk)) return true;
    }
    return false;
  }

 private:
  struct Late {
    absl::Duration needs;
    size_t added;  // position in the order of Add
    ChunkIndex chunk;
  };
  std::vector<Late> chunks_;
};

// What was requested from one peer and has not arrived: chunks by index, in the order of requests, and
// credits for chunks of its own choice. Keeps the peer's PeerCredit up to date, and queues the messages for
// the peer. It does not decide which chunks are requested, nor know which other peers owe them.
//
// Pure, as PeerCredit is. One thread.
class PeerDebt {
 public:
  struct Owed {
    ChunkIndex chunk;
    bool begun = false;
    uint32_t length_bytes = 0;
    uint32_t left_bytes = 0;  // not received yet
    absl::Duration since;     // it began, or was requested
    absl::Duration heard;     // its last bytes came, or it was requested
  };

  // `chunk_bytes`: the size that a credit counts as.
  PeerDebt(const PeerCredit& credit, uint32_t chunk_bytes) : credit_(credit), chunk_bytes_(chunk_bytes) {}

  void Ask(ChunkIndex chunk, uint32_t length_bytes, absl::Duration now);
  void AskAny(absl::Duration now);
  // A chunk arrives that was not requested by index: on credit, or cancelled too late. `of_use`: it is owed
  // from now on; otherwise its bytes are skipped.
  void NoteUnasked(ChunkIndex chunk, uint32_t length_bytes, bool of_use, absl::Duration now);
  // The first byte of a chunk that is owed.
  static void Begin(Owed& owed, absl::Duration now);
  void Progress(Owed& owed, uint32_t bytes, absl::Duration now);
  // The chunk is no longer expected; `cancel`: the peer must be notified.
  void Withdraw(ChunkIndex chunk, bool cancel);
  void VoidCredits();

  // Returns null if the chunk is not owed. Valid until the next call that changes what is owed.
  Owed* Find(ChunkIndex chunk);
  const std::deque<Owed>& owed() const { return owed_; }
  uint32_t credits() const { return credits_; }
  uint32_t chunks() const { return credits_ + static_cast<uint32_t>(owed_.size()); }
  PeerCredit& credit() { return credit_; }
  const PeerCredit& credit() const { return credit_; }

  // Returns the expected time until a further chunk of `length_bytes` arrives, if it is requested by index
  // now: peers send what is requested by index before what they choose themselves.
  absl::Duration TimeToBring(uint32_t length_bytes, absl::Duration now);
  // Returns the expected time until a chunk that is owed arrives. Requires: it is owed.
  absl::Duration TimeUntil(ChunkIndex chunk, absl::Duration now);
  // Adds the chunks that are owed by index, with the time until each arrives; those that have begun to arrive
  // only if `begun` says so.
  void CollectLate(absl::Duration now, bool begun, LateChunks* late);
  // Sends the queued requests, credits and cancellations.
  void Send(PeerSlot peer, RequestSink& sink);

 private:
  std::deque<Owed>::iterator Place(ChunkIndex chunk);
  // `ahead_bytes`: owed up to the end of this chunk.
  absl::Duration TimeUntil(const Owed& owed, uint64_t ahead_bytes, absl::Duration now);

  PeerCredit credit_;
  uint32_t chunk_bytes_;
  uint32_t credits_ = 0;  // granted and not used
  std::deque<Owed> owed_;
  std::vector<ChunkIndex> to_request_;  // not sent yet
  std::vector<ChunkIndex> to_cancel_;
  uint32_t to_credit_ = 0;
};

}  // namespace shoal::leecher
