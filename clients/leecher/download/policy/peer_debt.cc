#include "clients/leecher/download/policy/peer_debt.h"

#include <algorithm>

namespace shoal::leecher {
namespace {

// A chunk on its way is judged by the speed at which it comes, but not by less than this and an eighth of it:
// so much is read at a time, and the first bytes say little.
constexpr uint32_t kTellingBytes = 64 * 1024;

absl::Duration TimeToEnd(const PeerDebt::Owed& begun, absl::Duration now) {
  const uint32_t telling_bytes =
      std::min(begun.length_bytes, std::max(begun.length_bytes / 8, kTellingBytes));
  const uint32_t came_bytes = std::max(telling_bytes, begun.length_bytes - begun.left_bytes);
  return (now - begun.since) * (static_cast<double>(begun.left_bytes) / came_bytes);
}

}  // namespace

void PeerDebt::Ask(ChunkIndex chunk, uint32_t length_bytes, absl::Duration now) {
  owed_.push_back({chunk, false, length_bytes, length_bytes, now, now});
  to_request_.push_back(chunk);
  credit_.Asked(now, length_bytes);
}

void PeerDebt::AskAny(absl::Duration now) {
  ++credits_;
  ++to_credit_;
  credit_.Asked(now, chunk_bytes_);
}

void PeerDebt::NoteUnasked(ChunkIndex chunk, uint32_t length_bytes, bool of_use, absl::Duration now) {
  const uint32_t expected_bytes = credits_ > 0 ? chunk_bytes_ : 0;
  if (credits_ > 0) --credits_;
  if (of_use) {
    credit_.Corrected(expected_bytes, length_bytes);
    owed_.push_front({chunk, false, length_bytes, length_bytes, now, now});
  } else {
    credit_.Withdrawn(expected_bytes);
    // Its bytes are on their way, which shows that the peer is alive.
    credit_.Excuse(now);
  }
}

void PeerDebt::Begin(Owed& owed, absl::Duration now) {
  owed.begun = true;
  owed.since = owed.heard = now;
}

void PeerDebt::Progress(Owed& owed, uint32_t bytes, absl::Duration now) {
  owed.left_bytes -= std::min(owed.left_bytes, bytes);
  owed.heard = now;
  credit_.Progress(now, bytes);
}

void PeerDebt::Withdraw(ChunkIndex chunk, bool cancel) {
  const auto owed = Place(chunk);
  if (owed == owed_.end()) return;
  credit_.Withdrawn(owed->left_bytes);
  owed_.erase(owed);
  // Not sent yet: there is nothing to call back.
  if (std::erase(to_request_, chunk) == 0 && cancel) to_cancel_.push_back(chunk);
}

void PeerDebt::VoidCredits() {
  credit_.Withdrawn(uint64_t{credits_} * chunk_bytes_);
  credits_ = 0;
  to_credit_ = 0;
}

PeerDebt::Owed* PeerDebt::Find(ChunkIndex chunk) {
  const auto found = Place(chunk);
  return found == owed_.end() ? nullptr : &*found;
}

// Chunks come mostly in the order in which they were asked: the first to be looked at is the one.
std::deque<PeerDebt::Owed>::iterator PeerDebt::Place(ChunkIndex chunk) {
  return std::find_if(owed_.begin(), owed_.end(), [chunk](const Owed& owed) { return owed.chunk == chunk; });
}

absl::Duration PeerDebt::TimeToBring(uint32_t length_bytes, absl::Duration now) {
  const uint64_t credit_bytes = std::min(credit_.owed_bytes(), uint64_t{credits_} * chunk_bytes_);
  return credit_.TimeToBring(credit_.owed_bytes() - credit_bytes + length_bytes, now);
}

// A peer that serves many in turn brings little in a second, but a chunk that it has begun comes at its full
// rate; so such a chunk is judged by itself.
absl::Duration PeerDebt::TimeUntil(const Owed& owed, uint64_t ahead_bytes, absl::Duration now) {
  return owed.begun ? TimeToEnd(owed, now) : credit_.TimeToBring(ahead_bytes, now);
}

absl::Duration PeerDebt::TimeUntil(ChunkIndex chunk, absl::Duration now) {
  uint64_t ahead_bytes = 0;
  for (auto owed = owed_.begin();; ++owed) {
    ahead_bytes += owed->left_bytes;
    if (owed->chunk == chunk) return TimeUntil(*owed, ahead_bytes, now);
  }
}

void PeerDebt::CollectLate(absl::Duration now, bool begun, LateChunks* late) {
  uint64_t ahead_bytes = 0;
  for (const Owed& owed : owed_) {
    ahead_bytes += owed.left_bytes;
    if (begun || !owed.begun) late->Add(owed.chunk, TimeUntil(owed, ahead_bytes, now));
  }
}

void PeerDebt::Send(PeerSlot peer, RequestSink& sink) {
  if (!to_cancel_.empty()) sink.Cancel(peer, to_cancel_);
  if (!to_request_.empty()) sink.Request(peer, to_request_);
  if (to_credit_ > 0) sink.RequestAny(peer, to_credit_);
  to_cancel_.clear();
  to_request_.clear();
  to_credit_ = 0;
}

}  // namespace shoal::leecher
