#include "clients/leecher/download/chunk_fetch.h"

#include <algorithm>
#include <random>
#include <utility>

#include "shoal/base/clock.h"
#include "shoal/base/status_macros.h"

namespace shoal::leecher {
namespace {

// Copies of slow peers' last chunks that one idle peer may owe.
constexpr uint32_t kMaxCopies = 2;
// A copy must be this much faster to be worth its bytes.
constexpr absl::Duration kCopyMargin = absl::Milliseconds(200);
// What a chunk is guessed to take from a peer that has brought none yet.
constexpr absl::Duration kGuess = absl::Seconds(1);
constexpr absl::Duration kUselessAfter = absl::Seconds(10);

}  // namespace

ChunkFetch::ChunkFetch(EventLoop& loop, PeerRoster& roster, DiskPipeline& disk, FetchEvents* events)
    : loop_(loop), roster_(roster), disk_(disk), events_(events) {}

void ChunkFetch::Begin(std::shared_ptr<ChunkStore> store, size_t max_buffers) {
  store_ = std::move(store);
  max_buffers_ = max_buffers;
  pool_ = ChunkBufferPool::Create(store_->manifest()->chunk_size_bytes(), max_buffers);
  picker_ = std::make_unique<ChunkPicker>(store_->Held(), std::random_device{}());
}

absl::Status ChunkFetch::Join(PeerLink& link, absl::Duration now) {
  const uint32_t chunk_count = store_->manifest()->chunk_count();
  const Hello& hello = link.hello();
  ChunkSet held(chunk_count);
  // A peer that has no manifest yet counts no chunks, and holds none.
  if (hello.chunk_count != 0 || !hello.held.empty()) {
    if (hello.chunk_count != chunk_count) {
      return absl::InvalidArgumentError("it counts another number of chunks in this content");
    }
    if (!hello.held.empty()) {
      SHOAL_ASSIGN_OR_RETURN(held, ChunkSet::Decode(chunk_count, AsBytes(hello.held)));
    }
  }
  SHOAL_RETURN_IF_ERROR(held.InsertRanges(link.noted_gains()));
  picker_->AddPeer(link.slot(), held);
  link.OpenCredit(store_->manifest()->chunk_size_bytes(), now);
  Refill(now);
  return absl::OkStatus();
}

uint32_t ChunkFetch::Leave(PeerLink& link) {
  if (!begun()) return 0;
  uint32_t freed = 0;
  for (const ChunkIndex chunk : link.owed()) freed += picker_->Return(link.slot(), chunk) ? 1 : 0;
  picker_->RemovePeer(link.slot());
  std::erase(paused_, link.slot());
  return freed;
}

absl::Status ChunkFetch::Gained(PeerLink& link, const Have& have, absl::Duration now) {
  SHOAL_RETURN_IF_ERROR(picker_->PeerGained(link.slot(), have.gained));
  Refill(now);
  return absl::OkStatus();
}

void ChunkFetch::NotComing(PeerLink& link, const std::vector<ChunkRange>& chunks, bool exclude,
                           absl::Duration now) {
  const std::vector<ChunkIndex> owed = link.owed();
  for (const ChunkIndex chunk : owed) {
    const bool meant = std::any_of(chunks.begin(), chunks.end(), [&](const ChunkRange& range) {
      return chunk >= range.first && chunk.value() - range.first.value() < range.count;
    });
    if (!meant) continue;
    link.Withdraw(chunk, /*cancel=*/false);
    picker_->Return(link.slot(), chunk);
    if (exclude) picker_->Exclude(link.slot(), chunk);
  }
  Refill(now);
}

void ChunkFetch::Discard(PeerLink& link, ChunkIndex chunk) {
  link.Withdraw(chunk, /*cancel=*/false);
  picker_->Return(link.slot(), chunk);
}

bool ChunkFetch::Fits(ChunkIndex chunk, uint32_t length_bytes) const {
  return begun() && store_->manifest()->PlaceOf(chunk).length_bytes == length_bytes;
}

ChunkBuffer ChunkFetch::Buffer(PeerLink& link, uint32_t length_bytes) {
  ChunkBuffer buffer = pool_->TryAcquire(length_bytes);
  if (!buffer) paused_.push_back(link.slot());
  return buffer;
}

void ChunkFetch::Arrived(PeerLink& link, ChunkIndex chunk, ChunkBuffer bytes, absl::Duration now) {
  if (stopped_) return;
  if (const std::optional<PeerSlot> other = picker_->Arrived(link.slot(), chunk)) {
    if (PeerLink* slower = roster_.Find(*other)) slower->Withdraw(chunk, /*cancel=*/true);
  }
  ++writing_;
  disk_.Put(store_, chunk, std::move(bytes),
            [this, chunk, from = link.peer(),
             endpoint = link.endpoint()](absl::StatusOr<ChunkStore::PutResult> result) {
              loop_.Post([this, chunk, from, endpoint, result] { Written(chunk, from, endpoint, result); });
            });
  Refill(now);
}

void ChunkFetch::Written(ChunkIndex chunk, const PeerId& from, const Endpoint& endpoint,
                         const absl::StatusOr<ChunkStore::PutResult>& result) {
  --writing_;
  const absl::Duration now = Clock::Real().Uptime();
  if (result.ok() && *result != ChunkStore::PutResult::kCorrupt) picker_->Stored(chunk);
  if (!stopped_) ResumePaused(now);
  if (!result.ok()) {
    events_->DiskFailed(result.status());
  } else if (*result == ChunkStore::PutResult::kCorrupt) {
    picker_->Rejected(chunk);
    events_->ChunkWrong(chunk, from, endpoint, "its bytes are not the content's");
  } else {
    events_->ChunkStored(chunk, from);
  }
}

void ChunkFetch::Refill(absl::Duration now) {
  if (stopped_ || !begun() || picker_->done()) return;
  takers_.clear();
  const auto& ready = roster_.ready();
  for (PeerLink* link : ready) {
    if (!link->has_credit()) continue;
    // A large window is filled in strides, so that not every chunk costs a message.
    const uint32_t limit = Limit(*link, ready.size());
    if (link->credit().owed() + std::max(1u, limit / 4) <= limit) takers_.push_back(link);
  }
  if (!takers_.empty() && picker_->wanted() > 0) {
    const size_t links = ready.size();
    rotation_.Deal(std::span<PeerLink*>(takers_), [&](PeerLink* link) {
      if (link->credit().owed() >= Limit(*link, links)) return false;
      const std::optional<ChunkIndex> chunk = picker_->Pick(link->slot());
      if (chunk.has_value()) link->NoteRequest(*chunk, now);
      return chunk.has_value();
    });
    for (PeerLink* link : takers_) link->SendRequests();
  }
  if (picker_->wanted() == 0 && picker_->asked() > 0) CopySlowest(now);
}

// Towards the end nobody may owe more than half of its even share of what is left, so that all end at the
// same time.
uint32_t ChunkFetch::Limit(PeerLink& link, size_t links) const {
  const uint32_t window = link.credit().window();
  if (links < 2) return window;
  return std::min(window, std::max(2u, picker_->wanted() / static_cast<uint32_t>(2 * links)));
}

void ChunkFetch::CopySlowest(absl::Duration now) {
  for (PeerLink* link : roster_.ready()) {
    if (!link->has_credit() || link->paused()) continue;
    while (link->credit().owed() < std::min(kMaxCopies, link->credit().window()) && CopyFor(*link, now)) {
    }
    link->SendRequests();
  }
}

// Takes over the chunk that would come last from whoever needs longest, if this peer is clearly sooner.
bool ChunkFetch::CopyFor(PeerLink& idle, absl::Duration now) {
  const double rate = idle.credit().BytesPerSecond(now);
  const double chunks = idle.credit().owed() + 1.0;
  const absl::Duration mine =
      rate > 0 ? absl::Seconds(chunks * store_->manifest()->chunk_size_bytes() / rate) : kGuess * chunks;
  PeerLink* slowest = nullptr;
  absl::Duration longest = 2 * mine + kCopyMargin;
  for (PeerLink* link : roster_.ready()) {
    if (link == &idle || !link->has_credit() || link->owed().empty()) continue;
    const absl::Duration drain = link->credit().TimeToDrain(now);
    if (drain > longest) {
      longest = drain;
      slowest = link;
    }
  }
  if (slowest == nullptr) return false;
  for (auto chunk = slowest->owed().rbegin(); chunk != slowest->owed().rend(); ++chunk) {
    if (!picker_->Copy(idle.slot(), *chunk)) continue;
    idle.NoteRequest(*chunk, now);
    return true;
  }
  return false;
}

void ChunkFetch::ResumePaused(absl::Duration now) {
  if (paused_.empty()) return;
  size_t room = max_buffers_ - std::min(max_buffers_, pool_->lent());
  while (room-- > 0 && !paused_.empty()) {
    const PeerSlot slot = paused_.front();
    paused_.pop_front();
    if (PeerLink* link = roster_.Find(slot)) link->Resume(now);
  }
}

std::vector<PeerLink*> ChunkFetch::Frozen(absl::Duration now) const {
  std::vector<PeerLink*> frozen;
  // The last that is left is waited for as long as anybody is.
  size_t alive = static_cast<size_t>(std::count_if(roster_.ready().begin(), roster_.ready().end(),
                                                   [](PeerLink* link) { return link->has_credit(); }));
  for (PeerLink* link : roster_.ready()) {
    if (!link->has_credit() || link->paused()) continue;
    if (!link->credit().Frozen(now, /*patient=*/alive < 2)) continue;
    frozen.push_back(link);
    --alive;
  }
  return frozen;
}

PeerLink* ChunkFetch::Useless(absl::Duration now) const {
  if (!begun()) return nullptr;
  for (PeerLink* link : roster_.ready()) {
    if (link->owed().empty() && now - link->last_useful() > kUselessAfter) return link;
  }
  return nullptr;
}

uint32_t ChunkFetch::owing() const {
  return static_cast<uint32_t>(std::count_if(roster_.ready().begin(), roster_.ready().end(),
                                             [](PeerLink* link) { return !link->owed().empty(); }));
}

}  // namespace shoal::leecher
