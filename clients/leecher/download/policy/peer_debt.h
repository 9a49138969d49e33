#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/time/time.h"
#include "clients/leecher/download/policy/late_chunks.h"
#include "clients/leecher/download/policy/peer_credit.h"
#include "clients/leecher/download/policy/request_sink.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::leecher {

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
