#include "clients/leecher/download/storage/disk_pipeline.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <utility>

namespace shoal::leecher {

namespace {

// Two chunks are hashed side by side.
constexpr size_t kAtLeastTogether = 2;
// Enough to be cheap, few enough that results are reported soon.
constexpr size_t kMaxTogether = 64;
constexpr size_t kMaxBytesTogether = 1024 * 1024;

unsigned ThreadCount(unsigned wanted) {
  return wanted != 0 ? wanted : std::clamp(std::thread::hardware_concurrency(), 2u, 4u);
}

}  // namespace

DiskPipeline::DiskPipeline(unsigned threads) : thread_count_(ThreadCount(threads)) {
  threads_.reserve(thread_count_);
  for (unsigned i = 0; i < thread_count_; ++i) {
    threads_.emplace_back([this] {
      pthread_setname_np(pthread_self(), "disk");
      // Where cores are few, network threads must not wait for a chunk to be hashed.
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
    wake = HasChunks();
  }
  // Without the lock, which is the first thing that the woken thread needs.
  if (wake) changed_.NotifyOne();
}

void DiskPipeline::Run(std::function<void()> work) {
  {
    MutexLock lock(&mutex_);
    work_.push_back(std::move(work));
  }
  changed_.NotifyOne();
}

bool DiskPipeline::HasChunks() const {
  return waiting_chunks_ > 1 || (waiting_chunks_ == 1 && putting_ == 0);
}

bool DiskPipeline::HasWork() const {
  return !work_.empty() && (working_ + 1 < thread_count_ || thread_count_ == 1);
}

DiskPipeline::Task DiskPipeline::Take() {
  Task task;
  MutexLock lock(&mutex_);
  const auto drained = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closing_ && waiting_chunks_ == 0 && work_.empty();
  };
  while (!HasChunks() && !HasWork() && !drained()) changed_.Wait(&mutex_);
  if (HasWork() && (work_is_next_ || !HasChunks())) {
    work_is_next_ = false;
    task.work = std::move(work_.front());
    work_.pop_front();
    ++working_;
  } else if (HasChunks()) {
    work_is_next_ = true;
    task.chunks = TakeChunks();
    ++putting_;
  }
  return task;
}

std::vector<DiskPipeline::Arrival> DiskPipeline::TakeChunks() {
  const ChunkStore* const store = turns_.front();
  turns_.pop_front();
  std::deque<Arrival>& queue = chunks_[store];
  const size_t share =
      std::clamp((queue.size() + thread_count_ - 1) / thread_count_, kAtLeastTogether, kMaxTogether);
  std::vector<Arrival> taken;
  taken.reserve(std::min(share, queue.size()));
  size_t bytes = 0;
  do {
    bytes += queue.front().bytes.bytes().size();
    taken.push_back(std::move(queue.front()));
    queue.pop_front();
  } while (
      taken.size() < share && !queue.empty() &&
      (taken.size() < kAtLeastTogether || bytes + queue.front().bytes.bytes().size() <= kMaxBytesTogether));
  waiting_chunks_ -= taken.size();
  if (queue.empty()) {
    chunks_.erase(store);
  } else {
    turns_.push_back(store);
  }
  return taken;
}

void DiskPipeline::Work() {
  for (;;) {
    Task task = Take();
    if (!task.chunks.empty()) {
      PutAll(std::move(task.chunks));
      MutexLock lock(&mutex_);
      --putting_;
      if (closing_) changed_.NotifyAll();
    } else if (task.work != nullptr) {
      task.work();
      task.work = nullptr;
      MutexLock lock(&mutex_);
      --working_;
      // Work that may not occupy the last thread can begin now, on any thread.
      if (HasWork() || closing_) changed_.NotifyAll();
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
