#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "shoal/base/chunk_buffer.h"
#include "shoal/base/mutex.h"
#include "shoal/content/store/chunk_store.h"

namespace shoal::leecher {

// The threads that check chunks and write them, so that the network's thread does neither. Jobs are taken in
// order and done side by side; a thread takes several chunks at once, as they cost less together: while
// another one is at work, a chunk that is alone waits for it or for a second chunk. It holds no more chunks
// than its callers have buffers.
//
// Thread-safe. The destructor does what was given to it before it returns.
class DiskPipeline {
 public:
  using PutDone = std::function<void(absl::StatusOr<ChunkStore::PutResult>)>;

  // `threads` 0: as many as there are cores, at least one, at most four.
  explicit DiskPipeline(unsigned threads = 0);
  ~DiskPipeline();
  DiskPipeline(const DiskPipeline&) = delete;
  DiskPipeline& operator=(const DiskPipeline&) = delete;

  // Puts the chunk, whose bytes have that CRC-32, into the store, gives the buffer back, then `done`, all on
  // one of the threads.
  void Put(std::shared_ptr<ChunkStore> store, ChunkIndex chunk, ChunkBuffer bytes, uint32_t crc32,
           PutDone done);
  // Anything else that waits for the disk.
  void Run(std::function<void()> work);

 private:
  struct Job {
    std::shared_ptr<ChunkStore> store;  // null: `work`
    ChunkIndex chunk;
    ChunkBuffer bytes;
    uint32_t crc32 = 0;
    PutDone done;
    std::function<void()> work;
  };
  void Add(Job job);
  // A thread that has nothing to do should begin.
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The next jobs for one thread: several chunks of one store, or one thing of any kind. Empty at the end.
  std::vector<Job> Take();
  void PutAll(std::vector<Job> jobs);  // of one store
  void Work();

  Mutex mutex_;
  CondVar changed_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  unsigned putting_ ABSL_GUARDED_BY(mutex_) = 0;  // threads that are at chunks
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  const unsigned thread_count_;
  std::vector<std::thread> threads_;  // last: they use all of the above
};

}  // namespace shoal::leecher
