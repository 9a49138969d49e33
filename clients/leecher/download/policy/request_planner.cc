#include "clients/leecher/download/policy/request_planner.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "absl/container/flat_hash_set.h"

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
// A look at all that peers owe takes time for each chunk; with the pause after it that is a tenth of a core
// at most, also when thousands of small chunks are owed.
constexpr absl::Duration kPausePerLateChunk = absl::Microseconds(3);

// So many urgent chunks are known, and so many that no peer takes are looked at in one plan, so that a plan
// takes bounded time.
constexpr size_t kMaxUrgent = 1024;
constexpr size_t kUntakenPerPlan = 32;
// Between two looks at urgent chunks that were requested already.
constexpr absl::Duration kPauseOfUrgent = absl::Milliseconds(20);
// An overdue chunk of which nothing came for so long is requested from an idle peer as well, even if little
// of it is left: a connection that lost its last packets is silent for a long time.
constexpr absl::Duration kSilence = absl::Milliseconds(300);
// A seek is a reader that ends and one that comes; so long after the last one ended the next may still come.
constexpr absl::Duration kReadAfterwards = absl::Seconds(2);

bool IsIn(ChunkIndex chunk, const std::vector<ChunkRange>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const ChunkRange& range) {
    return chunk >= range.first && chunk.value() - range.first.value() < range.count;
  });
}

}  // namespace

RequestPlanner::RequestPlanner(const ChunkSet& held, Options options)
    : options_(std::move(options)),
      picker_(held, options_.seed),
      joint_(options_.chunk_bytes, options_.credit.max_bytes) {}

// --- Events

void RequestPlanner::PeerJoined(PeerSlot slot, const ChunkSet& held, bool serves_any, bool on_probation,
                                absl::Duration now) {
  auto peer = std::make_unique<Peer>(
      Peer{.slot = slot,
           .debt = PeerDebt(PeerCredit(options_.credit, on_probation, now), options_.chunk_bytes),
           .serves_any = serves_any,
           .joined = now,
           .last_useful = now});
  picker_.AddPeer(slot, held);
  order_.push_back(peer.get());
  peers_.emplace(slot, std::move(peer));
}

uint32_t RequestPlanner::PeerLeft(PeerSlot slot) {
  Peer* peer = Find(slot);
  if (peer == nullptr) return 0;
  uint32_t freed = 0;
  for (const PeerDebt::Owed& owed : peer->debt.owed()) freed += picker_.Return(slot, owed.chunk) ? 1 : 0;
  picker_.RemovePeer(slot);
  std::erase(order_, peer);
  peers_.erase(slot);
  return freed;
}

absl::Status RequestPlanner::Gained(PeerSlot slot, const std::vector<ChunkRange>& gained) {
  return picker_.PeerGained(slot, gained);
}

bool RequestPlanner::ChunkBegan(PeerSlot slot, ChunkIndex chunk, absl::Duration now) {
  Peer* peer = Find(slot);
  if (peer == nullptr) return false;
  PeerDebt::Owed* owed = peer->debt.Find(chunk);
  if (owed != nullptr && owed->begun) return true;
  if (owed == nullptr) {
    // Cancelled too late: still useful unless another peer has sent it by now.
    const bool of_use = picker_.Claim(slot, chunk);
    peer->debt.NoteUnasked(chunk, of_use ? Length(chunk) : 0, of_use, now);
    if (!of_use) return false;
    owed = peer->debt.Find(chunk);
  }
  PeerDebt::Begin(*owed, now);
  const std::span<const PeerSlot> asked = picker_.AskedOf(chunk);
  for (const PeerSlot other_slot : std::vector<PeerSlot>(asked.begin(), asked.end())) {
    if (other_slot == slot) continue;
    Peer* other = Find(other_slot);
    if (other == nullptr) continue;
    const PeerDebt::Owed* theirs = other->debt.Find(chunk);
    // Two that have both begun race to the end.
    if (theirs == nullptr || theirs->begun) continue;
    other->debt.Withdraw(chunk, /*cancel=*/true);
    picker_.Return(other_slot, chunk);
  }
  return true;
}

void RequestPlanner::Progress(PeerSlot slot, ChunkIndex chunk, uint32_t bytes, absl::Duration now) {
  Peer* peer = Find(slot);
  if (peer == nullptr) return;
  PeerDebt::Owed* owed = peer->debt.Find(chunk);
  if (owed == nullptr) return peer->debt.credit().Excuse(now);
  peer->debt.Progress(*owed, bytes, now);
  joint_.Add(now, bytes);
}

bool RequestPlanner::Arrived(PeerSlot slot, ChunkIndex chunk, absl::Duration now) {
  Peer* peer = Find(slot);
  if (peer == nullptr || peer->debt.Find(chunk) == nullptr) return false;
  peer->debt.Withdraw(chunk, /*cancel=*/false);
  peer->debt.credit().Arrived(now);
  peer->last_useful = now;
  for (const PeerSlot other_slot : picker_.AskedOf(chunk)) {
    if (Peer* other = Find(other_slot); other != nullptr && other_slot != slot) {
      other->debt.Withdraw(chunk, /*cancel=*/true);
    }
  }
  picker_.Arrived(chunk);
  return true;
}

void RequestPlanner::Discard(PeerSlot slot, ChunkIndex chunk) {
  if (Peer* peer = Find(slot)) peer->debt.Withdraw(chunk, /*cancel=*/false);
  picker_.Return(slot, chunk);
}

void RequestPlanner::Refused(PeerSlot slot, const std::vector<ChunkRange>& chunks, bool never_held) {
  Peer* peer = Find(slot);
  if (peer == nullptr) return;
  if (!never_held) peer->debt.credit().Overasked();
  const std::deque<PeerDebt::Owed> owed = peer->debt.owed();
  for (const PeerDebt::Owed& each : owed) {
    if (!IsIn(each.chunk, chunks)) continue;
    peer->debt.Withdraw(each.chunk, /*cancel=*/false);
    picker_.Return(slot, each.chunk);
    if (never_held) picker_.Exclude(slot, each.chunk);
  }
}

void RequestPlanner::NothingFresh(PeerSlot slot, absl::Duration now) {
  Peer* peer = Find(slot);
  if (peer == nullptr) return;
  peer->serves_any = false;
  peer->debt.credit().Excuse(now);
  peer->debt.VoidCredits();
}

void RequestPlanner::SetBlocked(PeerSlot slot, bool blocked, absl::Duration now) {
  Peer* peer = Find(slot);
  if (peer == nullptr) return;
  if (peer->blocked && !blocked) peer->debt.credit().Excuse(now);
  peer->blocked = blocked;
}

void RequestPlanner::ExcuseAll(absl::Duration now) {
  for (Peer* peer : order_) peer->debt.credit().Excuse(now);
}

void RequestPlanner::SetPaused(bool paused, absl::Duration now) {
  paused_ = paused;
  if (paused) return;
  for (Peer* peer : order_) peer->last_useful = now;
}

// --- Planning

void RequestPlanner::Plan(absl::Duration now, RequestSink& sink) {
  is_read_ = now < read_until_;
  if (is_read_) {
    owed_bytes_ = 0;
    for (const Peer* peer : order_) owed_bytes_ += peer->debt.credit().owed_bytes();
  }
  if (!paused_ && first_urgent_ < urgent_.size()) DealUrgent(now);
  if (!paused_ && !picker_.done()) {
    if (picker_.wanted() > 0) Deal(now);
    CopyLate(now);
  }
  for (Peer* peer : order_) peer->debt.Send(peer->slot, sink);
}

void RequestPlanner::Deal(absl::Duration now) {
  // In the endgame no peer may owe more than half of its even share of what is left, so that all end at the
  // same time.
  const uint64_t share_bytes = order_.size() < 2
                                   ? UINT64_MAX
                                   : uint64_t{picker_.wanted()} * options_.chunk_bytes / (2 * order_.size());
  takers_.clear();
  for (Peer* peer : order_) {
    if (HasRoom(*peer) && MayOweMore(*peer, share_bytes)) takers_.push_back(peer);
  }
  rotation_.Deal(std::span<Peer*>(takers_), [&](Peer* peer) {
    return !IsFull(now) && MayOweMore(*peer, share_bytes) && GiveOne(*peer, now);
  });
}

void RequestPlanner::SetUrgent(std::vector<DueChunk> chunks) {
  urgent_ = std::move(chunks);
  std::erase_if(urgent_, [this](const DueChunk& due) { return due.chunk.value() >= picker_.size(); });
  if (urgent_.size() > kMaxUrgent) urgent_.resize(kMaxUrgent);
  first_urgent_ = 0;
}

void RequestPlanner::SetRead(bool read, absl::Duration now) {
  if (read) {
    read_until_ = absl::InfiniteDuration();
  } else if (read_until_ == absl::InfiniteDuration()) {
    read_until_ = now + kReadAfterwards;
  }
}

// What is neither begun nor urgent would be sent before the chunk that a reader waits for.
void RequestPlanner::WithdrawOthers() {
  absl::flat_hash_set<ChunkIndex> urgent;
  for (const DueChunk& due : urgent_) urgent.insert(due.chunk);
  for (Peer* peer : order_) {
    const std::deque<PeerDebt::Owed> owed = peer->debt.owed();
    for (const PeerDebt::Owed& each : owed) {
      if (each.begun || urgent.contains(each.chunk)) continue;
      owed_bytes_ -= std::min<uint64_t>(owed_bytes_, each.left_bytes);
      peer->debt.Withdraw(each.chunk, /*cancel=*/true);
      picker_.Return(peer->slot, each.chunk);
    }
  }
}

bool RequestPlanner::IsFull(absl::Duration now) {
  return is_read_ && !joint_.HasRoom(now, owed_bytes_);
}

void RequestPlanner::DealUrgent(absl::Duration now) {
  while (first_urgent_ < urgent_.size() && !picker_.IsMissing(urgent_[first_urgent_].chunk)) ++first_urgent_;
  if (first_urgent_ == urgent_.size()) return;
  const DueChunk& first = urgent_[first_urgent_];
  if (is_read_ && first.due <= now && picker_.AskedOf(first.chunk).empty()) WithdrawOthers();
  const bool look_at_asked = now >= next_look_at_urgent_;
  if (look_at_asked) next_look_at_urgent_ = now + kPauseOfUrgent;
  size_t untaken = 0;
  for (size_t at = first_urgent_; at < urgent_.size() && untaken < kUntakenPerPlan; ++at) {
    const DueChunk& urgent = urgent_[at];
    if (!picker_.IsMissing(urgent.chunk)) continue;
    if (picker_.AskedOf(urgent.chunk).empty()) {
      if (IsFull(now) || !AskUrgent(urgent, now)) ++untaken;
    } else if (look_at_asked) {
      CopyUrgent(urgent, now);
    }
  }
}

// What must not wait may be requested beyond the window, by as much again, and by a chunk at least.
bool RequestPlanner::MayOverdraw(const Peer& peer) const {
  const PeerCredit& credit = peer.debt.credit();
  return !peer.blocked && peer.debt.chunks() < options_.credit.max_chunks &&
         credit.owed_bytes() <
             credit.window_bytes() + std::max<uint64_t>(credit.window_bytes(), options_.chunk_bytes);
}

// A chunk goes to the peer that will send it first, or to one with room that will be in time: it would come
// too late from a slow peer that happens to have room.
bool RequestPlanner::AskUrgent(const DueChunk& urgent, absl::Duration now) {
  Peer* first = nullptr;
  Peer* roomy = nullptr;
  absl::Duration time_of_first;
  absl::Duration time_of_roomy;
  for (Peer* peer : order_) {
    PeerDebt& debt = peer->debt;
    const bool has_room = HasRoom(*peer) && debt.chunks() < options_.credit.max_chunks;
    // How soon a peer is that owes something and has sent nothing cannot be said.
    const bool is_judged = debt.chunks() == 0 || debt.credit().BytesPerSecond(now) > 0;
    if ((!has_room && !is_judged) || !picker_.Holds(peer->slot, urgent.chunk)) continue;
    const absl::Duration time = debt.TimeToBring(Length(urgent.chunk), now);
    if (first == nullptr || time < time_of_first) {
      first = peer;
      time_of_first = time;
    }
    if (has_room && (roomy == nullptr || time < time_of_roomy)) {
      roomy = peer;
      time_of_roomy = time;
    }
  }
  if (first == nullptr) return false;
  const absl::Duration left = urgent.due - now;
  Peer* taker = nullptr;
  if (roomy != nullptr && (time_of_roomy <= time_of_first || time_of_roomy <= left)) {
    taker = roomy;
  } else if (MayOverdraw(*first) && kClearlySooner * time_of_first + options_.credit.margin >= left) {
    taker = first;
  }
  if (taker == nullptr || !picker_.Take(taker->slot, urgent.chunk)) return false;
  Ask(*taker, urgent.chunk, now);
  return true;
}

void RequestPlanner::CopyUrgent(const DueChunk& urgent, absl::Duration now) {
  const std::span<const PeerSlot> asked = picker_.AskedOf(urgent.chunk);
  Peer* owing = asked.size() == 1 ? Find(asked[0]) : nullptr;
  if (owing == nullptr || owing->debt.Find(urgent.chunk) == nullptr) return;
  const absl::Duration theirs = owing->debt.TimeUntil(urgent.chunk, now);
  const PeerDebt::Owed& owed = *owing->debt.Find(urgent.chunk);
  const bool is_stuck = is_read_ && now > urgent.due && now - owed.heard > kSilence;
  if (now + theirs <= urgent.due && !is_stuck) return;
  Peer* first = nullptr;
  absl::Duration time_of_first;
  for (Peer* peer : order_) {
    if (peer == owing || !MayOverdraw(*peer) || !picker_.Holds(peer->slot, urgent.chunk)) continue;
    const absl::Duration time = peer->debt.TimeToBring(Length(urgent.chunk), now);
    if (first != nullptr && time >= time_of_first) continue;
    first = peer;
    time_of_first = time;
  }
  if (first == nullptr) return;
  const bool is_sooner = kClearlySooner * time_of_first + options_.credit.margin < theirs;
  if (!is_sooner && !(is_stuck && first->debt.chunks() == 0)) return;
  if (picker_.Copy(first->slot, urgent.chunk)) Ask(*first, urgent.chunk, now);
}

// Small chunks are asked for many at a time, so that not each of them costs a message.
bool RequestPlanner::HasRoom(const Peer& peer) {
  const PeerCredit& credit = peer.debt.credit();
  const uint64_t stride_bytes = std::min(kMinStrideBytes, credit.window_bytes() / 4);
  return !peer.blocked && credit.HasRoom() && credit.owed_bytes() + stride_bytes <= credit.window_bytes();
}

bool RequestPlanner::MayOweMore(const Peer& peer, uint64_t share_bytes) const {
  if (!peer.debt.credit().HasRoom() || peer.debt.chunks() >= options_.credit.max_chunks) return false;
  return peer.debt.chunks() == 0 || peer.debt.credit().owed_bytes() < share_bytes;
}

bool RequestPlanner::GiveOne(Peer& peer, absl::Duration now) {
  if (IsAskedAny(peer)) {
    // One credit more than is wanted could bring nothing.
    if (peer.debt.credits() >= picker_.wanted()) return false;
    peer.debt.AskAny(now);
    owed_bytes_ += options_.chunk_bytes;
    peer.last_useful = now;
    return true;
  }
  const std::optional<ChunkIndex> chunk = picker_.Pick(peer.slot);
  if (chunk.has_value()) Ask(peer, *chunk, now);
  return chunk.has_value();
}

// Each peer that has nothing else to bring takes over the chunk that would come last, if it will be clearly
// sooner. One that could be asked for another chunk will be: a copy costs an uplink what it brings sooner.
void RequestPlanner::CopyLate(absl::Duration now) {
  if (order_.size() < 2 || now < next_look_at_late_) return;
  late_.Clear();
  // A chunk that has begun can't be called back: a copy of it is paid for twice, and worth it when there is
  // nothing else to wait for.
  const bool is_end = picker_.wanted() == 0;
  for (Peer* peer : order_) {
    // Credits can't bring what others owe.
    if (!HasRoom(*peer) || IsAskedAny(*peer) || !picker_.IsBarren(peer->slot)) continue;
    if (late_.empty()) {
      for (Peer* each : order_) each->debt.CollectLate(now, is_end, &late_);
      late_.Sort();
      next_look_at_late_ = now + kPausePerLateChunk * late_.size();
    }
    PeerCredit& credit = peer->debt.credit();
    const absl::Duration mine = credit.TimeToBring(credit.owed_bytes() + options_.chunk_bytes, now);
    late_.Offer(kClearlySooner * mine + options_.credit.margin, [&](ChunkIndex chunk) {
      if (!picker_.Copy(peer->slot, chunk)) return false;
      Ask(*peer, chunk, now);
      return true;
    });
  }
}

std::vector<PeerSlot> RequestPlanner::Frozen(absl::Duration now) const {
  std::vector<PeerSlot> frozen;
  // The last that is left is waited for as long as anybody is.
  size_t alive = order_.size();
  for (const Peer* peer : order_) {
    if (peer->blocked || !peer->debt.credit().Frozen(now, /*patient=*/alive < 2)) continue;
    frozen.push_back(peer->slot);
    --alive;
  }
  return frozen;
}

std::optional<PeerSlot> RequestPlanner::Useless(absl::Duration now) {
  if (paused_) return std::nullopt;
  std::vector<double> rates;
  for (Peer* peer : order_) {
    if (peer->debt.chunks() == 0 && now - peer->last_useful > kUselessAfter) return peer->slot;
    rates.push_back(peer->debt.credit().BytesPerSecond(now));
  }
  if (rates.size() < 2) return std::nullopt;
  const auto middle = rates.begin() + static_cast<long>(rates.size() / 2);
  std::nth_element(rates.begin(), middle, rates.end());
  for (Peer* peer : order_) {
    if (peer->debt.chunks() == 0 || now - peer->joined < kJudgedAfter) continue;
    if (peer->debt.credit().BytesPerSecond(now) < kFarSlower * *middle) return peer->slot;
  }
  return std::nullopt;
}

uint32_t RequestPlanner::owing() const {
  return static_cast<uint32_t>(
      std::count_if(order_.begin(), order_.end(), [](const Peer* peer) { return peer->debt.chunks() > 0; }));
}

uint32_t RequestPlanner::owed() const {
  uint32_t chunks = 0;
  for (const Peer* peer : order_) chunks += peer->debt.chunks();
  return chunks;
}

bool RequestPlanner::Owes(PeerSlot slot) const {
  const auto found = peers_.find(slot);
  return found != peers_.end() && found->second->debt.chunks() > 0;
}

uint32_t RequestPlanner::Length(ChunkIndex chunk) const {
  return options_.length_bytes == nullptr ? options_.chunk_bytes : options_.length_bytes(chunk);
}

RequestPlanner::Peer* RequestPlanner::Find(PeerSlot slot) {
  const auto found = peers_.find(slot);
  return found == peers_.end() ? nullptr : found->second.get();
}

void RequestPlanner::Ask(Peer& peer, ChunkIndex chunk, absl::Duration now) {
  peer.debt.Ask(chunk, Length(chunk), now);
  owed_bytes_ += Length(chunk);
  peer.last_useful = now;
}

}  // namespace shoal::leecher
