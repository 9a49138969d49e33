#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/leecher/download/chunk_picker.h"
#include "clients/leecher/download/disk_pipeline.h"
#include "clients/leecher/download/peer_link.h"
#include "clients/leecher/download/peer_roster.h"
#include "clients/leecher/download/request_rotation.h"
#include "shoal/content/chunk_buffer.h"
#include "shoal/content/chunk_store.h"

namespace shoal::leecher {

// What becomes of the chunks. Called on the download's loop.
class FetchEvents {
 public:
  virtual void ChunkStored(ChunkIndex chunk, const PeerId& from) = 0;
  virtual void ChunkWrong(ChunkIndex chunk, const PeerId& from, const Endpoint& endpoint,
                          const std::string& why) = 0;
  virtual void DiskFailed(const absl::Status& why) = 0;

 protected:
  ~FetchEvents() = default;
};

// Brings chunks from the ready links into the store: deals out requests, takes the bytes, has them checked
// and written, asks again elsewhere for what a peer did not bring or brought wrong. On the download's loop;
// the disk's threads post back to it.
class ChunkFetch {
 public:
  // All outlive this.
  ChunkFetch(EventLoop& loop, PeerRoster& roster, DiskPipeline& disk, FetchEvents* events);

  // `max_buffers` chunks of memory at most.
  void Begin(std::shared_ptr<ChunkStore> store, size_t max_buffers);
  bool begun() const { return store_ != nullptr; }
  bool done() const { return begun() && picker_->done(); }
  // Asks and takes no more; what was handed to the disk is still written.
  void Stop() { stopped_ = true; }
  uint32_t writing() const { return writing_; }
  uint32_t held() const { return begun() ? picker_->held() : 0; }

  // A link takes part from now on. INVALID_ARGUMENT when what its peer says it holds does not fit the
  // content.
  absl::Status Join(PeerLink& link, absl::Duration now);
  // Frees what the link's peer owes, for others. Returns how many chunks are wanted again because of it.
  uint32_t Leave(PeerLink& link);
  absl::Status Gained(PeerLink& link, const Have& have, absl::Duration now);
  // The peer will not bring these; with `exclude` it never can.
  void NotComing(PeerLink& link, const std::vector<ChunkRange>& chunks, bool exclude, absl::Duration now);

  // What the link's peer sent for this chunk is of no use: others are asked from now on.
  void Discard(PeerLink& link, ChunkIndex chunk);

  bool Fits(ChunkIndex chunk, uint32_t length_bytes) const;
  ChunkBuffer Buffer(PeerLink& link, uint32_t length_bytes);
  void Arrived(PeerLink& link, ChunkIndex chunk, ChunkBuffer bytes, absl::Duration now);

  // Gives every link with credit something to do. Cheap when there is nothing to give.
  void Refill(absl::Duration now);
  // Lets links go on that wait for memory.
  void ResumePaused(absl::Duration now);
  // The links that owe something and have been silent for too long.
  std::vector<PeerLink*> Frozen(absl::Duration now) const;
  // A link whose peer has had nothing to give for a while; null when there is none.
  PeerLink* Useless(absl::Duration now) const;
  // Ready links that owe something.
  uint32_t owing() const;

 private:
  uint32_t Limit(PeerLink& link, size_t links) const;
  void CopySlowest(absl::Duration now);
  bool CopyFor(PeerLink& idle, absl::Duration now);
  void Written(ChunkIndex chunk, const PeerId& from, const Endpoint& endpoint,
               const absl::StatusOr<ChunkStore::PutResult>& result);

  EventLoop& loop_;
  PeerRoster& roster_;
  DiskPipeline& disk_;
  FetchEvents* const events_;
  std::shared_ptr<ChunkStore> store_;
  std::shared_ptr<ChunkBufferPool> pool_;
  size_t max_buffers_ = 0;
  std::unique_ptr<ChunkPicker> picker_;
  RequestRotation rotation_;
  std::deque<PeerSlot> paused_;    // links that wait for memory, the longest first
  std::vector<PeerLink*> takers_;  // kept for its memory
  uint32_t writing_ = 0;
  bool stopped_ = false;
};

}  // namespace shoal::leecher
