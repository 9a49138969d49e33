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
  Add(Job{std::move(store), chunk, std::move(bytes), crc32, std::move(done), nullptr});
}

void DiskPipeline::Run(std::function<void()> work) {
  Add(Job{nullptr, ChunkIndex(), ChunkBuffer(), 0, nullptr, std::move(work)});
}

void DiskPipeline::Add(Job job) {
  bool wake;
  {
    MutexLock lock(&mutex_);
    jobs_.push_back(std::move(job));
    wake = HasWork();
  }
  // Without the lock, which is the first thing that the woken thread wants.
  if (wake) changed_.NotifyOne();
}

bool DiskPipeline::HasWork() const {
  return jobs_.size() > 1 || (jobs_.size() == 1 && (jobs_.front().store == nullptr || putting_ == 0));
}

std::vector<DiskPipeline::Job> DiskPipeline::Take() {
  std::vector<Job> taken;
  taken.reserve(kMaxTogether);
  MutexLock lock(&mutex_);
  while (!HasWork() && !closing_) changed_.Wait(&mutex_);
  if (jobs_.empty()) return taken;
  const size_t share =
      std::clamp((jobs_.size() + thread_count_ - 1) / thread_count_, kAtLeastTogether, kMaxTogether);
  size_t bytes = 0;
  do {
    bytes += jobs_.front().bytes.bytes().size();
    taken.push_back(std::move(jobs_.front()));
    jobs_.pop_front();
  } while (
      taken.size() < share && !jobs_.empty() && taken.front().store != nullptr &&
      jobs_.front().store == taken.front().store &&
      (taken.size() < kAtLeastTogether || bytes + jobs_.front().bytes.bytes().size() <= kMaxBytesTogether));
  if (taken.front().store != nullptr) ++putting_;
  return taken;
}

void DiskPipeline::Work() {
  for (std::vector<Job> jobs = Take(); !jobs.empty(); jobs = Take()) {
    if (jobs.front().store != nullptr) {
      PutAll(std::move(jobs));
      MutexLock lock(&mutex_);
      --putting_;
    } else {
      jobs.front().work();
    }
  }
}

void DiskPipeline::PutAll(std::vector<Job> jobs) {
  std::vector<ChunkStore::Arrival> arrivals;
  arrivals.reserve(jobs.size());
  for (const Job& job : jobs) arrivals.push_back({job.chunk, job.bytes.bytes(), job.crc32});
  const auto results = jobs.front().store->PutAll(arrivals);
  for (size_t i = 0; i < jobs.size(); ++i) {
    jobs[i].bytes = ChunkBuffer();  // before `done`, so that whoever waits for memory finds it
    jobs[i].store.reset();
    jobs[i].done(results[i]);
  }
}

}  // namespace shoal::leecher
