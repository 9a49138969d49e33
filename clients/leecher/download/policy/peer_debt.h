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

// The chunks that peers owe, by the time that they still need: from these a peer with nothing else to bring
// takes over the one that would come last. Filled anew for each look. One thread.
class LateChunks {
 public:
  void Clear() { chunks_.clear(); }
  bool empty() const { return chunks_.empty(); }
  size_t size() const { return chunks_.size(); }
  void Add(ChunkIndex chunk, absl::Duration needs) { chunks_.push_back({needs, chunks_.size(), chunk}); }
  // After the last Add, before the first Offer. Of those that need equally long the first to be added comes
  // first.
  void Sort() {
    std::sort(chunks_.begin(), chunks_.end(), [](const Late& a, const Late& b) {
      return a.needs != b.needs ? a.needs > b.needs : a.added < b.added;
    });
  }

  // Calls `take(chunk)` for those that need longer than `longer_than`, the last to come first, until it
  // returns true; false when it never does.
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
    size_t added;  // as the how-manieth
    ChunkIndex chunk;
  };
  std::vector<Late> chunks_;
};

// What one peer was asked for and has not brought: chunks by name, in the order of asking, and credits for
// chunks of its own choice. Keeps the peer's PeerCredit in step, and what the peer must still be told of all
// this. Which chunks these are, and who else is asked for them, is not its business.
//
// Pure, as PeerCredit is. One thread.
class PeerDebt {
 public:
  struct Owed {
    ChunkIndex chunk;
    bool begun = false;
    uint32_t length_bytes = 0;
    uint32_t left_bytes = 0;  // not here yet
    absl::Duration since;     // when it began, or was asked
  };

  // `chunk_bytes`: what a credit counts for.
  PeerDebt(const PeerCredit& credit, uint32_t chunk_bytes) : credit_(credit), chunk_bytes_(chunk_bytes) {}

  void Ask(ChunkIndex chunk, uint32_t length_bytes, absl::Duration now);
  void AskAny(absl::Duration now);
  // A chunk comes that is not asked by name: on credit, or called back too late. `of_use`: it is owed from
  // now on; otherwise its bytes are skipped.
  void NoteUnasked(ChunkIndex chunk, uint32_t length_bytes, bool of_use, absl::Duration now);
  // The first byte of a chunk that is owed.
  static void Begin(Owed& owed, absl::Duration now);
  void Progress(Owed& owed, uint32_t bytes, absl::Duration now);
  // It is not expected any more, if it was; `cancel`: the peer must be told.
  void Withdraw(ChunkIndex chunk, bool cancel);
  void VoidCredits();

  // Null when it is not owed. Valid until the next call that changes what is owed.
  Owed* Find(ChunkIndex chunk);
  const std::deque<Owed>& owed() const { return owed_; }
  uint32_t credits() const { return credits_; }
  uint32_t chunks() const { return credits_ + static_cast<uint32_t>(owed_.size()); }
  PeerCredit& credit() { return credit_; }
  const PeerCredit& credit() const { return credit_; }

  // Adds what is owed by name, with the time that each still needs.
  void CollectLate(absl::Duration now, LateChunks* late);
  // Tells the peer what it has not been told.
  void Send(PeerSlot peer, RequestSink& sink);

 private:
  std::deque<Owed>::iterator Place(ChunkIndex chunk);

  PeerCredit credit_;
  uint32_t chunk_bytes_;
  uint32_t credits_ = 0;  // given and not used
  std::deque<Owed> owed_;
  std::vector<ChunkIndex> to_request_;  // not sent yet
  std::vector<ChunkIndex> to_cancel_;
  uint32_t to_credit_ = 0;
};

}  // namespace shoal::leecher
