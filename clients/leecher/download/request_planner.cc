#include "clients/leecher/download/request_planner.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace shoal::leecher {
namespace {

// A peer is asked for more when at least this much room is left in its window, or a quarter of it.
constexpr uint64_t kMinStrideBytes = 64 * 1024;
// How many times sooner a second peer must promise a chunk to be worth asking.
constexpr double kClearlySooner = 2;
// A peer that had nothing to give for this long may go when others are known.
constexpr absl::Duration kUselessAfter = absl::Seconds(10);
// A peer is judged by its rate after this time, and is far slower than the others when its rate is less than
// this part of the median.
constexpr absl::Duration kJudgedAfter = absl::Seconds(20);
constexpr double kFarSlower = 0.1;

bool IsIn(ChunkIndex chunk, const std::vector<ChunkRange>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const ChunkRange& range) {
    return chunk >= range.first && chunk.value() - range.first.value() < range.count;
  });
}

}  // namespace

RequestPlanner::RequestPlanner(const ChunkSet& held, Options options)
    : options_(std::move(options)), picker_(held, options_.seed) {}

// --- Events

void RequestPlanner::PeerJoined(PeerSlot slot, const ChunkSet& held, bool serves_any, bool on_probation,
                                absl::Duration now) {
  auto peer = std::make_unique<Peer>(PeerCredit(options_.credit, on_probation, now), now);
  peer->serves_any = serves_any;
  picker_.AddPeer(slot, held);
  if (peers_.insert_or_assign(slot, std::move(peer)).second) order_.push_back(slot);
}

uint32_t RequestPlanner::PeerLeft(PeerSlot slot) {
  Peer* peer = Find(slot);
  if (peer == nullptr) return 0;
  uint32_t freed = 0;
  for (const Owed& owed : peer->owed) freed += picker_.Return(slot, owed.chunk) ? 1 : 0;
  picker_.RemovePeer(slot);
  peers_.erase(slot);
  std::erase(order_, slot);
  return freed;
}

absl::Status RequestPlanner::Gained(PeerSlot slot, const std::vector<ChunkRange>& gained) {
  return picker_.PeerGained(slot, gained);
}

bool RequestPlanner::ChunkBegan(PeerSlot slot, ChunkIndex chunk, absl::Duration now) {
  Peer* peer = Find(slot);
  if (peer == nullptr) return false;
  auto owed = FindOwed(*peer, chunk);
  if (owed != peer->owed.end() && owed->begun) return true;
  if (owed == peer->owed.end()) {
    // On credit; or called back too late, and still of use if nobody else has brought it by now.
    const uint32_t expected_bytes = peer->credits > 0 ? options_.chunk_bytes : 0;
    if (peer->credits > 0) --peer->credits;
    if (!picker_.Claim(slot, chunk)) {
      peer->credit.Withdrawn(expected_bytes);
      // Its bytes are on their way, which shows that the peer is alive.
      peer->credit.Excuse(now);
      return false;
    }
    peer->credit.Corrected(expected_bytes, Length(chunk));
    peer->owed.push_front(Owed{chunk, false, Length(chunk), now});
    owed = peer->owed.begin();
  }
  owed->begun = true;
  owed->began_at = now;
  const std::span<const PeerSlot> asked = picker_.AskedOf(chunk);
  for (const PeerSlot other_slot : std::vector<PeerSlot>(asked.begin(), asked.end())) {
    if (other_slot == slot) continue;
    Peer* other = Find(other_slot);
    if (other == nullptr) continue;
    const auto theirs = FindOwed(*other, chunk);
    // Two that have both begun race to the end.
    if (theirs == other->owed.end() || theirs->begun) continue;
    Withdraw(*other, chunk, /*cancel=*/true);
    picker_.Return(other_slot, chunk);
  }
  return true;
}

void RequestPlanner::Progress(PeerSlot slot, ChunkIndex chunk, uint32_t bytes, absl::Duration now) {
  Peer* peer = Find(slot);
  if (peer == nullptr) return;
  const auto owed = FindOwed(*peer, chunk);
  if (owed == peer->owed.end()) return peer->credit.Excuse(now);
  owed->left_bytes -= std::min(owed->left_bytes, bytes);
  peer->credit.Progress(now, bytes);
}

bool RequestPlanner::Arrived(PeerSlot slot, ChunkIndex chunk, absl::Duration now) {
  Peer* peer = Find(slot);
  if (peer == nullptr) return false;
  const auto owed = FindOwed(*peer, chunk);
  if (owed == peer->owed.end()) return false;
  Withdraw(*peer, chunk, /*cancel=*/false);
  peer->credit.Arrived(now);
  peer->last_useful = now;
  for (const PeerSlot other_slot : picker_.AskedOf(chunk)) {
    if (Peer* other = Find(other_slot); other != nullptr && other_slot != slot) {
      Withdraw(*other, chunk, /*cancel=*/true);
    }
  }
  picker_.Arrived(chunk);
  return true;
}

void RequestPlanner::Discard(PeerSlot slot, ChunkIndex chunk) {
  if (Peer* peer = Find(slot)) Withdraw(*peer, chunk, /*cancel=*/false);
  picker_.Return(slot, chunk);
}

void RequestPlanner::Refused(PeerSlot slot, const std::vector<ChunkRange>& chunks, bool never_held) {
  Peer* peer = Find(slot);
  if (peer == nullptr) return;
  if (!never_held) peer->credit.Overasked();
  const std::deque<Owed> owed = peer->owed;
  for (const Owed& each : owed) {
    if (!IsIn(each.chunk, chunks)) continue;
    Withdraw(*peer, each.chunk, /*cancel=*/false);
    picker_.Return(slot, each.chunk);
    if (never_held) picker_.Exclude(slot, each.chunk);
  }
}

void RequestPlanner::NothingFresh(PeerSlot slot, absl::Duration now) {
  Peer* peer = Find(slot);
  if (peer == nullptr) return;
  peer->serves_any = false;
  peer->credit.Excuse(now);
  VoidCredits(*peer);
}

void RequestPlanner::SetBlocked(PeerSlot slot, bool blocked, absl::Duration now) {
  Peer* peer = Find(slot);
  if (peer == nullptr) return;
  if (peer->blocked && !blocked) peer->credit.Excuse(now);
  peer->blocked = blocked;
}

void RequestPlanner::ExcuseAll(absl::Duration now) {
  for (auto& [slot, peer] : peers_) peer->credit.Excuse(now);
}

void RequestPlanner::SetPaused(bool paused, absl::Duration now) {
  paused_ = paused;
  if (paused) return;
  for (auto& [slot, peer] : peers_) peer->last_useful = now;
}

// --- Planning

void RequestPlanner::Plan(absl::Duration now, RequestSink& sink) {
  if (!paused_ && !picker_.done()) {
    if (picker_.wanted() > 0) Deal(now);
    CopyLate(now);
  }
  Send(sink);
}

void RequestPlanner::Deal(absl::Duration now) {
  // Towards the end nobody may owe more than half of its even share of what is left, so that all end at the
  // same time.
  const uint64_t share_bytes = order_.size() < 2
                                   ? UINT64_MAX
                                   : uint64_t{picker_.wanted()} * options_.chunk_bytes / (2 * order_.size());
  takers_.clear();
  for (const PeerSlot slot : order_) {
    // Small chunks are asked for many at a time, so that not each of them costs a message.
    const Peer& peer = *peers_[slot];
    const uint64_t stride_bytes = std::min(kMinStrideBytes, peer.credit.window_bytes() / 4);
    if (HasRoom(peer, share_bytes) && peer.credit.owed_bytes() + stride_bytes <= peer.credit.window_bytes()) {
      takers_.push_back(slot);
    }
  }
  rotation_.Deal(std::span<PeerSlot>(takers_), [&](PeerSlot slot) {
    Peer& peer = *peers_[slot];
    return HasRoom(peer, share_bytes) && GiveOne(slot, peer, now);
  });
}

bool RequestPlanner::HasRoom(const Peer& peer, uint64_t share_bytes) const {
  if (peer.blocked || !peer.credit.HasRoom()) return false;
  return peer.owed_chunks() == 0 || peer.credit.owed_bytes() < share_bytes;
}

bool RequestPlanner::GiveOne(PeerSlot slot, Peer& peer, absl::Duration now) {
  if (peer.serves_any && picker_.indifferent()) {
    // One credit more than is wanted could bring nothing.
    if (peer.credits >= picker_.wanted()) return false;
    ++peer.credits;
    ++peer.to_credit;
    peer.credit.Asked(now, options_.chunk_bytes);
    peer.last_useful = now;
    return true;
  }
  const std::optional<ChunkIndex> chunk = picker_.Pick(slot);
  if (chunk.has_value()) Ask(peer, *chunk, now);
  return chunk.has_value();
}

void RequestPlanner::CopyLate(absl::Duration now) {
  for (const PeerSlot slot : order_) {
    Peer& peer = *peers_[slot];
    // Credits can't bring what others owe.
    if (peer.blocked || (peer.serves_any && picker_.indifferent())) continue;
    if (peer.owed_chunks() == 0 || peer.credit.HasRoom()) CopyFor(slot, peer, now);
  }
}

// Takes over the chunk that would come last, if this peer is clearly sooner.
bool RequestPlanner::CopyFor(PeerSlot slot, Peer& peer, absl::Duration now) {
  const absl::Duration mine = peer.credit.TimeToBring(peer.credit.owed_bytes() + options_.chunk_bytes, now);
  absl::Duration latest = kClearlySooner * mine + options_.credit.margin;
  std::optional<ChunkIndex> chosen;
  for (const PeerSlot other_slot : order_) {
    if (other_slot == slot) continue;
    Peer& other = *peers_[other_slot];
    uint64_t ahead_bytes = 0;
    for (const Owed& owed : other.owed) {
      ahead_bytes += owed.left_bytes;
      const absl::Duration theirs =
          owed.begun ? TimeToEnd(owed, now) : other.credit.TimeToBring(ahead_bytes, now);
      if (theirs <= latest || picker_.AskedOf(owed.chunk).size() > 1) continue;
      if (!picker_.Holds(slot, owed.chunk)) continue;
      latest = theirs;
      chosen = owed.chunk;
    }
  }
  if (!chosen.has_value() || !picker_.Copy(slot, *chosen)) return false;
  Ask(peer, *chosen, now);
  return true;
}

// A peer that serves many in turn brings little in a second, but a chunk that it has begun comes at its full
// rate; so such a chunk is judged by itself.
absl::Duration RequestPlanner::TimeToEnd(const Owed& begun, absl::Duration now) const {
  const uint32_t length_bytes = Length(begun.chunk);
  // Its first few bytes say little, and that none have come yet says nothing.
  const double came_bytes = std::max(length_bytes / 8.0, double{1} * length_bytes - begun.left_bytes);
  return (now - begun.began_at) * (begun.left_bytes / came_bytes);
}

void RequestPlanner::Send(RequestSink& sink) {
  for (const PeerSlot slot : order_) {
    Peer& peer = *peers_[slot];
    if (!peer.to_cancel.empty()) sink.Cancel(slot, peer.to_cancel);
    if (!peer.to_request.empty()) sink.Request(slot, peer.to_request);
    if (peer.to_credit > 0) sink.RequestAny(slot, peer.to_credit);
    peer.to_cancel.clear();
    peer.to_request.clear();
    peer.to_credit = 0;
  }
}

std::vector<PeerSlot> RequestPlanner::Frozen(absl::Duration now) const {
  std::vector<PeerSlot> frozen;
  // The last that is left is waited for as long as anybody is.
  size_t alive = order_.size();
  for (const PeerSlot slot : order_) {
    const Peer& peer = *peers_.find(slot)->second;
    if (peer.blocked || !peer.credit.Frozen(now, /*patient=*/alive < 2)) continue;
    frozen.push_back(slot);
    --alive;
  }
  return frozen;
}

std::optional<PeerSlot> RequestPlanner::Useless(absl::Duration now) {
  if (paused_) return std::nullopt;
  std::vector<double> rates;
  for (const PeerSlot slot : order_) {
    Peer& peer = *peers_[slot];
    if (peer.owed_chunks() == 0 && now - peer.last_useful > kUselessAfter) return slot;
    rates.push_back(peer.credit.BytesPerSecond(now));
  }
  if (rates.size() < 2) return std::nullopt;
  const auto middle = rates.begin() + static_cast<long>(rates.size() / 2);
  std::nth_element(rates.begin(), middle, rates.end());
  for (const PeerSlot slot : order_) {
    Peer& peer = *peers_[slot];
    if (peer.owed_chunks() == 0 || now - peer.joined < kJudgedAfter) continue;
    if (peer.credit.BytesPerSecond(now) < kFarSlower * *middle) return slot;
  }
  return std::nullopt;
}

uint32_t RequestPlanner::owing() const {
  return static_cast<uint32_t>(
      std::count_if(order_.begin(), order_.end(), [this](PeerSlot slot) { return Owes(slot); }));
}

bool RequestPlanner::Owes(PeerSlot slot) const {
  const auto found = peers_.find(slot);
  return found != peers_.end() && found->second->owed_chunks() > 0;
}

// --- What is owed

uint32_t RequestPlanner::Length(ChunkIndex chunk) const {
  return options_.length_bytes == nullptr ? options_.chunk_bytes : options_.length_bytes(chunk);
}

RequestPlanner::Peer* RequestPlanner::Find(PeerSlot slot) {
  const auto found = peers_.find(slot);
  return found == peers_.end() ? nullptr : found->second.get();
}

std::deque<RequestPlanner::Owed>::iterator RequestPlanner::FindOwed(Peer& peer, ChunkIndex chunk) {
  return std::find_if(peer.owed.begin(), peer.owed.end(),
                      [&](const Owed& owed) { return owed.chunk == chunk; });
}

void RequestPlanner::Ask(Peer& peer, ChunkIndex chunk, absl::Duration now) {
  const uint32_t length_bytes = Length(chunk);
  peer.owed.push_back(Owed{chunk, false, length_bytes, now});
  peer.to_request.push_back(chunk);
  peer.credit.Asked(now, length_bytes);
  peer.last_useful = now;
}

void RequestPlanner::Withdraw(Peer& peer, ChunkIndex chunk, bool cancel) {
  const auto owed = FindOwed(peer, chunk);
  if (owed == peer.owed.end()) return;
  peer.credit.Withdrawn(owed->left_bytes);
  peer.owed.erase(owed);
  // Not sent yet: there is nothing to call back.
  if (std::erase(peer.to_request, chunk) == 0 && cancel) peer.to_cancel.push_back(chunk);
}

void RequestPlanner::VoidCredits(Peer& peer) {
  peer.credit.Withdrawn(uint64_t{peer.credits} * options_.chunk_bytes);
  peer.credits = 0;
  peer.to_credit = 0;
}

}  // namespace shoal::leecher
