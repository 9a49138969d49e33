#include "shoal/content/store/early_sync.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace shoal {
namespace {

// Of more files at once the rest is left to the sync at the end: each one listed stays open.
constexpr size_t kMostFiles = 32;

}  // namespace

int EarlySync::SyncData(int fd) {
  return fdatasync(fd) == 0 ? 0 : errno;
}

EarlySync::EarlySync(uint64_t every_bytes, Sync sync) : every_bytes_(every_bytes), sync_(std::move(sync)) {}

EarlySync::~EarlySync() {
  std::thread thread;
  {
    MutexLock lock(&mutex_);
    ending_ = true;
    thread = std::move(thread_);
    changed_.NotifyAll();
  }
  if (thread.joinable()) thread.join();
}

absl::Status EarlySync::Wrote(const std::shared_ptr<const FileDescriptor>& file, size_t bytes) {
  MutexLock lock(&mutex_);
  if (!error_.ok()) return error_;
  written_bytes_ += bytes;
  if (written_.size() < kMostFiles && std::find(written_.begin(), written_.end(), file) == written_.end())
    written_.push_back(file);
  if (written_bytes_ < every_bytes_) return absl::OkStatus();
  if (!thread_.joinable()) {
    thread_ = std::thread([this] { Run(); });
  } else if (!syncing_) {
    changed_.NotifyAll();
  }
  return absl::OkStatus();
}

absl::Status EarlySync::Settle() {
  MutexLock lock(&mutex_);
  written_.clear();
  written_bytes_ = 0;
  while (syncing_) changed_.Wait(&mutex_);
  return error_;
}

void EarlySync::Run() {
  pthread_setname_np(pthread_self(), "sync");
  std::vector<std::shared_ptr<const FileDescriptor>> files;
  for (;;) {
    {
      MutexLock lock(&mutex_);
      while (written_bytes_ < every_bytes_ && !ending_) changed_.Wait(&mutex_);
      if (ending_) return;
      files.swap(written_);
      written_bytes_ = 0;
      syncing_ = true;
    }
    int error = 0;
    for (const auto& file : files) {
      if (const int failed = sync_(file->get()); error == 0) error = failed;
    }
    files.clear();
    MutexLock lock(&mutex_);
    syncing_ = false;
    if (error != 0 && error_.ok()) error_ = ErrnoStatus(error, "cannot bring the download to the disk");
    changed_.NotifyAll();
  }
}

}  // namespace shoal
