#include "clients/leecher/download/chunk_fetch.h"

#include <algorithm>
#include <random>
#include <utility>

#include "shoal/base/clock.h"
#include "shoal/base/status_macros.h"
#include "shoal/stream/chunk_session.h"
#include "shoal/stream/wire/control.h"

namespace shoal::leecher {

ChunkFetch::ChunkFetch(net::LoopScope& loop, PeerRoster& roster, DiskPipeline& disk, FetchEvents* events)
    : loop_(loop), roster_(roster), disk_(disk), events_(events) {}

void ChunkFetch::Begin(std::shared_ptr<ChunkStore> store, uint64_t buffer_bytes,
                       std::shared_ptr<ChunkMemory> memory, const DownloadTuning& tuning) {
  store_ = std::move(store);
  stopped_ = false;
  paused_.clear();
  const std::shared_ptr<const Manifest> manifest = store_->manifest();
  pool_ = ChunkBufferPool::Create(manifest->chunk_size_bytes(), buffer_bytes, std::move(memory));
  RequestPlanner::Options options;
  options.credit.max_bytes = buffer_bytes;
  options.credit.max_chunks = std::min(stream::kMaxCredits, stream::SessionLimits().max_queued_chunks);
  options.credit.first_silence = tuning.first_silence;
  options.credit.min_silence = tuning.min_silence;
  options.credit.max_silence = tuning.max_silence;
  // In a folder of small files more chunks may be outstanding.
  options.chunk_bytes = manifest->mean_chunk_bytes();
  options.seed = std::random_device{}();
  options.length_bytes = [manifest](ChunkIndex chunk) { return manifest->PlaceOf(chunk).length_bytes; };
  planner_ = std::make_unique<RequestPlanner>(store_->Held(), std::move(options));
}

absl::Status ChunkFetch::Join(PeerLink& link, absl::Duration now) {
  const uint32_t chunk_count = store_->manifest()->chunk_count();
  const stream::Hello& hello = link.hello();
  ChunkSet held(chunk_count);
  // A peer without a manifest sends no chunk count, and holds nothing.
  if (hello.chunk_count != 0 || !hello.held.empty()) {
    if (hello.chunk_count != chunk_count) {
      return absl::InvalidArgumentError("it counts another number of chunks in this content");
    }
    if (!hello.held.empty()) {
      SHOAL_ASSIGN_OR_RETURN(held, ChunkSet::Decode(chunk_count, AsBytes(hello.held)));
    }
  }
  SHOAL_RETURN_IF_ERROR(held.InsertRanges(link.noted_gains()));
  link.NoteJoined();
  planner_->PeerJoined(link.slot(), held, hello.serves_any, link.on_probation(), now);
  Refill(now);
  return absl::OkStatus();
}

uint32_t ChunkFetch::Leave(PeerLink& link) {
  if (!begun()) return 0;
  std::erase(paused_, link.slot());
  return planner_->PeerLeft(link.slot());
}

absl::Status ChunkFetch::Gained(PeerLink& link, const stream::Have& have, absl::Duration now) {
  SHOAL_RETURN_IF_ERROR(planner_->Gained(link.slot(), have.gained));
  Refill(now);
  return absl::OkStatus();
}

void ChunkFetch::Refused(PeerLink& link, const std::vector<ChunkRange>& chunks, bool never_held,
                         absl::Duration now) {
  planner_->Refused(link.slot(), chunks, never_held);
  Refill(now);
}

void ChunkFetch::NothingFresh(PeerLink& link, absl::Duration now) {
  if (!begun()) return;
  planner_->NothingFresh(link.slot(), now);
  Refill(now);
}

bool ChunkFetch::Began(PeerLink& link, ChunkIndex chunk, absl::Duration now) {
  if (!begun() || stopped_ || !planner_->ChunkBegan(link.slot(), chunk, now)) return false;
  Refill(now);
  return true;
}

bool ChunkFetch::Fits(ChunkIndex chunk, uint32_t length_bytes) const {
  return begun() && store_->manifest()->PlaceOf(chunk).length_bytes == length_bytes;
}

void ChunkFetch::Discard(PeerLink& link, ChunkIndex chunk) {
  if (begun()) planner_->Discard(link.slot(), chunk);
}

ChunkBuffer ChunkFetch::Buffer(PeerLink& link, uint32_t length_bytes, absl::Duration now) {
  ChunkBuffer buffer = pool_->TryAcquire(length_bytes);
  if (!buffer) {
    paused_.push_back(link.slot());
    planner_->SetBlocked(link.slot(), true, now);
  }
  return buffer;
}

void ChunkFetch::Progress(PeerLink& link, ChunkIndex chunk, uint32_t bytes, absl::Duration now) {
  if (stopped_ || !begun()) return;
  planner_->Progress(link.slot(), chunk, bytes, now);
  Refill(now);
}

void ChunkFetch::Arrived(PeerLink& link, ChunkIndex chunk, ChunkBuffer bytes, uint32_t crc32,
                         absl::Duration now) {
  if (stopped_ || !planner_->Arrived(link.slot(), chunk, now)) return;
  ++writing_;
  disk_.Put(store_, chunk, std::move(bytes), crc32,
            [this, chunk, from = link.peer(),
             endpoint = link.endpoint()](absl::StatusOr<ChunkStore::PutResult> result) {
              Tell({chunk, from, endpoint, std::move(result)});
            });
  Refill(now);
}

void ChunkFetch::Tell(Outcome outcome) {
  {
    MutexLock lock(&told_mutex_);
    told_.push_back(std::move(outcome));
    if (told_.size() > 1) return;
  }
  // Without the lock, which is the first thing that the woken loop needs. `this` is still alive: the loop
  // cannot take this outcome before the call that takes it is posted.
  loop_.Post([this] { TakeOutcomes(); });
}

void ChunkFetch::TakeOutcomes() {
  std::vector<Outcome> outcomes;
  {
    MutexLock lock(&told_mutex_);
    outcomes.swap(told_);
  }
  for (const Outcome& outcome : outcomes) Written(outcome);
}

void ChunkFetch::Written(const Outcome& outcome) {
  const absl::StatusOr<ChunkStore::PutResult>& result = outcome.result;
  --writing_;
  if (result.ok() && *result != ChunkStore::PutResult::kCorrupt) planner_->Stored(outcome.chunk);
  if (!stopped_) ResumePaused(Clock::Real().Uptime());
  if (!result.ok()) {
    events_->DiskFailed(result.status());
  } else if (*result == ChunkStore::PutResult::kCorrupt) {
    planner_->Rejected(outcome.chunk);
    events_->ChunkWrong(outcome.chunk, outcome.from, outcome.endpoint, "its bytes are not the content's");
  } else {
    events_->ChunkStored(outcome.chunk, outcome.from);
  }
}

void ChunkFetch::Refill(absl::Duration now) {
  if (!stopped_ && begun()) planner_->Plan(now, *this);
}

void ChunkFetch::Request(PeerSlot peer, std::span<const ChunkIndex> chunks) {
  if (PeerLink* link = roster_.Find(peer)) link->Request(chunks);
}

void ChunkFetch::RequestAny(PeerSlot peer, uint32_t chunks) {
  if (PeerLink* link = roster_.Find(peer)) link->RequestAny(chunks);
}

void ChunkFetch::Cancel(PeerSlot peer, std::span<const ChunkIndex> chunks) {
  if (PeerLink* link = roster_.Find(peer)) link->Cancel(chunks);
}

void ChunkFetch::ResumePaused(absl::Duration now) {
  if (paused_.empty()) return;
  // Each may need a full chunk.
  uint64_t room = (pool_->max_bytes() - pool_->lent_bytes()) / store_->manifest()->chunk_size_bytes();
  while (room-- > 0 && !paused_.empty()) {
    const PeerSlot slot = paused_.front();
    paused_.pop_front();
    planner_->SetBlocked(slot, false, now);
    if (PeerLink* link = roster_.Find(slot)) link->Resume();
  }
}

void ChunkFetch::ExcuseAll(absl::Duration now) {
  if (begun()) planner_->ExcuseAll(now);
}

std::vector<PeerLink*> ChunkFetch::Frozen(absl::Duration now) const {
  std::vector<PeerLink*> frozen;
  if (!begun()) return frozen;
  for (const PeerSlot slot : planner_->Frozen(now)) {
    if (PeerLink* link = roster_.Find(slot)) frozen.push_back(link);
  }
  return frozen;
}

PeerLink* ChunkFetch::Useless(absl::Duration now) {
  if (!begun()) return nullptr;
  const std::optional<PeerSlot> slot = planner_->Useless(now);
  return slot.has_value() ? roster_.Find(*slot) : nullptr;
}

}  // namespace shoal::leecher
