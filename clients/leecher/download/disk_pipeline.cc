#include "clients/leecher/download/disk_pipeline.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace shoal::leecher {

DiskPipeline::DiskPipeline(unsigned threads) {
  if (threads == 0) threads = std::clamp(std::thread::hardware_concurrency(), 1u, 4u);
  threads_.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this] {
      pthread_setname_np(pthread_self(), "disk");
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

void DiskPipeline::Put(std::shared_ptr<ChunkStore> store, ChunkIndex chunk, ChunkBuffer bytes, PutDone done) {
  Add(Job{std::move(store), chunk, std::move(bytes), std::move(done), nullptr});
}

void DiskPipeline::Run(std::function<void()> work) {
  Add(Job{nullptr, ChunkIndex(), ChunkBuffer(), nullptr, std::move(work)});
}

void DiskPipeline::Add(Job job) {
  MutexLock lock(&mutex_);
  jobs_.push_back(std::move(job));
  changed_.NotifyOne();
}

void DiskPipeline::Work() {
  while (true) {
    Job job;
    {
      MutexLock lock(&mutex_);
      while (jobs_.empty() && !closing_) changed_.Wait(&mutex_);
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    if (job.store == nullptr) {
      job.work();
      continue;
    }
    const auto result = job.store->Put(job.chunk, std::as_const(job.bytes).bytes());
    job.bytes = ChunkBuffer();  // before `done`, so that whoever waits for memory finds it
    job.store.reset();
    job.done(result);
  }
}

}  // namespace shoal::leecher
