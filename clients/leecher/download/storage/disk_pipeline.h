#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "shoal/base/chunk_buffer.h"
#include "shoal/base/mutex.h"
#include "shoal/content/store/chunk_store.h"

namespace shoal::leecher {

// The threads that verify chunks and write them, so that the network threads do neither. One pipeline serves
// all downloads of a process: the chunks of each store are taken in order, several at once because they cost
// less together, and the stores take turns. While another thread is busy, a single chunk waits for it or for
// a second chunk. Other work (opening and finishing stores) takes turns with chunks and never occupies the
// last thread, if there are several. The pipeline holds no more chunks than its callers have buffers.
//
// Thread safety: all methods are thread-safe. The destructor completes all queued work before it returns.
class DiskPipeline {
 public:
  using PutDone = std::function<void(absl::StatusOr<ChunkStore::PutResult>)>;

  // `threads` 0: as many as there are cores, at least two, at most four.
  explicit DiskPipeline(unsigned threads = 0);
  ~DiskPipeline();
  DiskPipeline(const DiskPipeline&) = delete;
  DiskPipeline& operator=(const DiskPipeline&) = delete;

  // Puts the chunk, whose bytes have that CRC-32, into the store, releases the buffer and the store, then
  // calls `done`, all on one of the threads.
  void Put(std::shared_ptr<ChunkStore> store, ChunkIndex chunk, ChunkBuffer bytes, uint32_t crc32,
           PutDone done);
  // Any other blocking work.
  void Run(std::function<void()> work);

 private:
  struct Arrival {
    std::shared_ptr<ChunkStore> store;
    ChunkIndex chunk;
    ChunkBuffer bytes;
    uint32_t crc32 = 0;
    PutDone done;
  };
  // What one thread does next: chunks of one store, or one other thing. Neither: the end.
  struct Task {
    std::vector<Arrival> chunks;
    std::function<void()> work;
  };
  bool HasChunks() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Task Take();
  std::vector<Arrival> TakeChunks() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void PutAll(std::vector<Arrival> chunks);  // of one store
  void Work();

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> work_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<const ChunkStore*, std::deque<Arrival>> chunks_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_chunks_ ABSL_GUARDED_BY(mutex_) = 0;            // in chunks_
  std::deque<const ChunkStore*> turns_ ABSL_GUARDED_BY(mutex_);  // the keys of chunks_
  unsigned putting_ ABSL_GUARDED_BY(mutex_) = 0;                 // threads that write chunks
  unsigned working_ ABSL_GUARDED_BY(mutex_) = 0;                 // threads that do other work
  bool work_is_next_ ABSL_GUARDED_BY(mutex_) = true;             // rather than chunks
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  const unsigned thread_count_;
  std::vector<std::thread> threads_;  // last: they use all of the above
};

}  // namespace shoal::leecher
