#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/leecher/download/model/download_tuning.h"
#include "clients/leecher/download/peers/peer_link.h"
#include "clients/leecher/download/peers/peer_roster.h"
#include "clients/leecher/download/policy/request_planner.h"
#include "clients/leecher/download/storage/disk_pipeline.h"
#include "shoal/base/chunk_buffer.h"
#include "shoal/base/mutex.h"
#include "shoal/content/store/chunk_store.h"

namespace shoal::leecher {

// Receives the results for chunks. Called on the download's loop.
class FetchEvents {
 public:
  virtual void ChunkStored(ChunkIndex chunk, const PeerId& from) = 0;
  virtual void ChunkWrong(ChunkIndex chunk, const PeerId& from, const Endpoint& endpoint,
                          const std::string& why) = 0;
  virtual void DiskFailed(const absl::Status& why) = 0;

 protected:
  ~FetchEvents() = default;
};

// Moves chunks from the ready links into the store: passes link events to the RequestPlanner and its
// decisions to the links, allocates buffers, and has the bytes verified and written. The planner decides
// which chunk is requested from which peer. Used on the download's loop; disk threads post back to it.
class ChunkFetch final : private RequestSink {
 public:
  // All outlive this.
  ChunkFetch(net::LoopScope& loop, PeerRoster& roster, DiskPipeline& disk, FetchEvents* events);

  // `buffer_bytes` bounds the memory for chunks in flight, which is taken from `memory`. Called again after
  // Stop, it fetches what the store has lost. Requires then: no link has joined.
  void Begin(std::shared_ptr<ChunkStore> store, uint64_t buffer_bytes, std::shared_ptr<ChunkMemory> memory,
             const DownloadTuning& tuning);
  bool begun() const { return store_ != nullptr; }
  bool done() const { return begun() && planner_->done(); }
  // Requests and accepts no more chunks; those that were handed to the disk are still written.
  void Stop() { stopped_ = true; }
  uint32_t writing() const { return writing_; }
  uint32_t held() const { return begun() ? planner_->held() : 0; }

  // As in RequestPlanner; effective from the next Refill on. Requires: begun().
  void SetPriority(const ChunkRange& chunks, FilePriority priority) {
    planner_->SetPriority(chunks, priority);
  }
  void SetSequential(bool sequential) { planner_->SetSequential(sequential); }
  void SetPaused(bool paused, absl::Duration now) { planner_->SetPaused(paused, now); }
  void SetUrgent(std::vector<DueChunk> chunks) { planner_->SetUrgent(std::move(chunks)); }
  void SetRead(bool read, absl::Duration now) { planner_->SetRead(read, now); }
  // Neither held nor being verified. Requires: begun().
  bool IsMissing(ChunkIndex chunk) const { return planner_->IsMissing(chunk); }
  // Which peer holds what, and what is requested. Null before Begin.
  const ChunkPicker* picker() const { return begun() ? &planner_->picker() : nullptr; }

  // Adds a link. Errors: INVALID_ARGUMENT when the peer's chunk set does not fit the content.
  absl::Status Join(PeerLink& link, absl::Duration now);
  // Releases what the link's peer owes. Returns how many chunks are wanted again because of it.
  uint32_t Leave(PeerLink& link);
  absl::Status Gained(PeerLink& link, const stream::Have& have, absl::Duration now);
  // The peer will not send these chunks; `never_held`: and does not hold them.
  void Refused(PeerLink& link, const std::vector<ChunkRange>& chunks, bool never_held, absl::Duration now);
  void NothingFresh(PeerLink& link, absl::Duration now);

  // The link's peer starts to send this chunk. Returns false if it is not needed.
  bool Began(PeerLink& link, ChunkIndex chunk, absl::Duration now);
  bool Fits(ChunkIndex chunk, uint32_t length_bytes) const;
  // The bytes that the link's peer sent for this chunk are invalid: it is requested from others.
  void Discard(PeerLink& link, ChunkIndex chunk);
  // Empty when there is no memory; the link is resumed when there is.
  ChunkBuffer Buffer(PeerLink& link, uint32_t length_bytes, absl::Duration now);
  void Progress(PeerLink& link, ChunkIndex chunk, uint32_t bytes, absl::Duration now);
  void Arrived(PeerLink& link, ChunkIndex chunk, ChunkBuffer bytes, uint32_t crc32, absl::Duration now);

  // Requests chunks over every link with room. Cheap when there is nothing to request.
  void Refill(absl::Duration now);
  // Resumes links that wait for memory.
  void ResumePaused(absl::Duration now);
  // This machine slept: no peer's silence counts.
  void ExcuseAll(absl::Duration now);
  // Links that owe something and have been silent for too long.
  std::vector<PeerLink*> Frozen(absl::Duration now) const;
  // A link that is less useful than a new one; null when there is none.
  PeerLink* Useless(absl::Duration now);
  // Ready links that owe something.
  uint32_t owing() const { return begun() ? planner_->owing() : 0; }
  // Chunks that are requested, or received and not written yet.
  uint32_t under_way() const { return writing_ + (begun() ? planner_->owed() : 0); }

 private:
  void Request(PeerSlot peer, std::span<const ChunkIndex> chunks) override;
  void RequestAny(PeerSlot peer, uint32_t chunks) override;
  void Cancel(PeerSlot peer, std::span<const ChunkIndex> chunks) override;
  // The disk's result for one chunk.
  struct Outcome {
    ChunkIndex chunk;
    PeerId from;
    Endpoint endpoint;
    absl::StatusOr<ChunkStore::PutResult> result;
  };
  // Called on any thread. Only the first waiting outcome wakes the loop, so that many small chunks do not
  // wake it one by one.
  void Tell(Outcome outcome);
  void TakeOutcomes();
  void Written(const Outcome& outcome);

  net::LoopScope& loop_;
  PeerRoster& roster_;
  DiskPipeline& disk_;
  FetchEvents* const events_;
  std::shared_ptr<ChunkStore> store_;
  std::shared_ptr<ChunkBufferPool> pool_;
  std::unique_ptr<RequestPlanner> planner_;
  std::deque<PeerSlot> paused_;  // links that wait for memory, longest first
  uint32_t writing_ = 0;
  Mutex told_mutex_;
  std::vector<Outcome> told_ ABSL_GUARDED_BY(told_mutex_);
  bool stopped_ = false;
};

}  // namespace shoal::leecher
