#include "shoal/content/store/early_sync.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace shoal {
namespace {

// Each listed file stays open, so further files are left to the sync at the end.
constexpr size_t kMaxFilesPerSync = 32;

}  // namespace

SyncThread::~SyncThread() {
  std::thread thread;
  {
    MutexLock lock(&mutex_);
    ending_ = true;
    thread = std::move(thread_);
    changed_.NotifyAll();
  }
  if (thread.joinable()) thread.join();
}

void SyncThread::Run(std::function<void()> job) {
  MutexLock lock(&mutex_);
  jobs_.push_back(std::move(job));
  if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
  changed_.NotifyAll();
}

void SyncThread::Work() {
  pthread_setname_np(pthread_self(), "sync");
  for (;;) {
    std::function<void()> job;
    {
      MutexLock lock(&mutex_);
      while (jobs_.empty() && !ending_) changed_.Wait(&mutex_);
      if (ending_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

// Outlives its EarlySync while a job waits.
struct EarlySync::State {
  State(uint64_t every, Sync how) : every_bytes(every), sync(std::move(how)) {}

  bool IsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return written_bytes >= every_bytes && !ending; }

  const uint64_t every_bytes;
  const Sync sync;
  Mutex mutex;
  CondVar changed;
  std::vector<std::shared_ptr<const FileDescriptor>> written
      ABSL_GUARDED_BY(mutex);  // since the last sync began
  uint64_t written_bytes ABSL_GUARDED_BY(mutex) = 0;
  bool scheduled ABSL_GUARDED_BY(mutex) = false;  // a job waits or runs
  bool syncing ABSL_GUARDED_BY(mutex) = false;
  bool ending ABSL_GUARDED_BY(mutex) = false;
  absl::Status error ABSL_GUARDED_BY(mutex);
};

int EarlySync::SyncData(int fd) {
  return fdatasync(fd) == 0 ? 0 : errno;
}

EarlySync::EarlySync(uint64_t every_bytes, Sync sync, std::shared_ptr<SyncThread> thread)
    : state_(std::make_shared<State>(every_bytes, std::move(sync))),
      thread_(thread != nullptr ? std::move(thread) : std::make_shared<SyncThread>()) {}

EarlySync::~EarlySync() {
  MutexLock lock(&state_->mutex);
  state_->ending = true;
  while (state_->syncing) state_->changed.Wait(&state_->mutex);
}

absl::Status EarlySync::Wrote(const std::shared_ptr<const FileDescriptor>& file, size_t bytes) {
  MutexLock lock(&state_->mutex);
  if (!state_->error.ok()) return state_->error;
  state_->written_bytes += bytes;
  auto& written = state_->written;
  if (written.size() < kMaxFilesPerSync && std::find(written.begin(), written.end(), file) == written.end())
    written.push_back(file);
  if (!state_->IsDue() || state_->scheduled) return absl::OkStatus();
  state_->scheduled = true;
  thread_->Run([state = state_, thread = thread_.get()] { SyncWritten(state, thread); });
  return absl::OkStatus();
}

absl::Status EarlySync::Settle() {
  MutexLock lock(&state_->mutex);
  state_->written.clear();
  state_->written_bytes = 0;
  while (state_->syncing) state_->changed.Wait(&state_->mutex);
  return state_->error;
}

void EarlySync::SyncWritten(const std::shared_ptr<State>& state, SyncThread* thread) {
  std::vector<std::shared_ptr<const FileDescriptor>> files;
  {
    MutexLock lock(&state->mutex);
    if (!state->IsDue()) {
      state->scheduled = false;
      return;
    }
    files.swap(state->written);
    state->written_bytes = 0;
    state->syncing = true;
  }
  int error = 0;
  for (const auto& file : files) {
    if (const int failed = state->sync(file->get()); error == 0) error = failed;
  }
  files.clear();
  MutexLock lock(&state->mutex);
  state->syncing = false;
  state->scheduled = state->IsDue();
  if (error != 0 && state->error.ok())
    state->error = ErrnoStatus(error, "cannot sync the download to the disk");
  // Queued again, behind the jobs of other stores.
  if (state->scheduled) thread->Run([state, thread] { SyncWritten(state, thread); });
  state->changed.NotifyAll();
}

}  // namespace shoal
