#include "clients/leecher/download/storage/disk_pipeline.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <utility>

namespace shoal::leecher {

namespace {

// Two are hashed side by side.
constexpr size_t kAtLeastTogether = 2;
// Enough to be cheap, little enough that what is done with is told soon.
constexpr size_t kMaxTogether = 64;
constexpr size_t kMaxBytesTogether = 1024 * 1024;

unsigned ThreadCount(unsigned wanted) {
  return wanted != 0 ? wanted : std::clamp(std::thread::hardware_concurrency(), 1u, 4u);
}

}  // namespace

DiskPipeline::DiskPipeline(unsigned threads) : thread_count_(ThreadCount(threads)) {
  threads_.reserve(thread_count_);
  for (unsigned i = 0; i < thread_count_; ++i) {
    threads_.emplace_back([this] {
      pthread_setname_np(pthread_self(), "disk");
      // Where cores are few, the network's thread is not to wait for the end of a chunk's hashing.
      const sched_param none{};
      (void)sched_setscheduler(0, SCHED_BATCH, &none);
      Work();
    });
  }
}

DiskPipeline::~DiskPipeline() {
  {
    MutexLock lock(&mutex_);
    closing_ = true;
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void DiskPipeline::Put(std::shared_ptr<ChunkStore> store, ChunkIndex chunk, ChunkBuffer bytes, uint32_t crc32,
                       PutDone done) {
  bool wake;
  {
    MutexLock lock(&mutex_);
    std::deque<Arrival>& queue = chunks_[store.get()];
    if (queue.empty()) turns_.push_back(store.get());
    queue.push_back({std::move(store), chunk, std::move(bytes), crc32, std::move(done)});
    ++waiting_chunks_;
    wake = HasWork();
  }
  // Without the lock, which is the first thing that the woken thread needs.
  if (wake) changed_.NotifyOne();
}

void DiskPipeline::Run(std::function<void()> work) {
  {
    MutexLock lock(&mutex_);
    work_.push_back(std::move(work));
    turns_.push_back(nullptr);
  }
  changed_.NotifyOne();
}

bool DiskPipeline::HasWork() const {
  return !work_.empty() || waiting_chunks_ > 1 || (waiting_chunks_ == 1 && putting_ == 0);
}

DiskPipeline::Task DiskPipeline::Take() {
  Task task;
  task.chunks.reserve(kMaxTogether);
  MutexLock lock(&mutex_);
  while (!HasWork() && !closing_) changed_.Wait(&mutex_);
  if (turns_.empty()) return task;
  const ChunkStore* const store = turns_.front();
  turns_.pop_front();
  if (store == nullptr) {
    task.work = std::move(work_.front());
    work_.pop_front();
    return task;
  }
  std::deque<Arrival>& queue = chunks_[store];
  const size_t share =
      std::clamp((queue.size() + thread_count_ - 1) / thread_count_, kAtLeastTogether, kMaxTogether);
  size_t bytes = 0;
  do {
    bytes += queue.front().bytes.bytes().size();
    task.chunks.push_back(std::move(queue.front()));
    queue.pop_front();
  } while (task.chunks.size() < share && !queue.empty() &&
           (task.chunks.size() < kAtLeastTogether ||
            bytes + queue.front().bytes.bytes().size() <= kMaxBytesTogether));
  waiting_chunks_ -= task.chunks.size();
  if (queue.empty()) {
    chunks_.erase(store);
  } else {
    turns_.push_back(store);
  }
  ++putting_;
  return task;
}

void DiskPipeline::Work() {
  for (;;) {
    Task task = Take();
    if (!task.chunks.empty()) {
      PutAll(std::move(task.chunks));
      MutexLock lock(&mutex_);
      --putting_;
    } else if (task.work != nullptr) {
      task.work();
    } else {
      return;
    }
  }
}

void DiskPipeline::PutAll(std::vector<Arrival> chunks) {
  std::vector<ChunkStore::Arrival> arrivals;
  arrivals.reserve(chunks.size());
  for (const Arrival& each : chunks) arrivals.push_back({each.chunk, each.bytes.bytes(), each.crc32});
  const auto results = chunks.front().store->PutAll(arrivals);
  for (size_t i = 0; i < chunks.size(); ++i) {
    chunks[i].bytes = ChunkBuffer();  // before `done`, so that a download that waits for memory finds it
    chunks[i].store.reset();
    chunks[i].done(results[i]);
  }
}

}  // namespace shoal::leecher
