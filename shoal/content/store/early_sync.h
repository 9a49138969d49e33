#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"

namespace shoal {

// One thread that runs jobs in order; starts with the first job. The EarlySyncs of a process share one, so
// that the number of threads does not grow with the number of downloads.
//
// Thread safety: all methods are thread-safe. The destructor runs the job in progress to its end and drops
// the rest.
class SyncThread {
 public:
  SyncThread() = default;
  ~SyncThread();
  SyncThread(const SyncThread&) = delete;
  SyncThread& operator=(const SyncThread&) = delete;

  void Run(std::function<void()> job);

 private:
  void Work();

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> jobs_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

// Syncs the files of one store while they are still being written, on a SyncThread, so that the sync at the
// end, which the caller still makes, is short. sync_file_range is not enough: the data then waits in the
// disk's own cache for the same sync (docs/adr/0011).
//
// Thread safety: all methods are thread-safe. The destructor waits for a sync in progress.
class EarlySync {
 public:
  // Returns an errno value.
  using Sync = std::function<int(int fd)>;

  // fdatasync.
  static int SyncData(int fd);

  // A sync begins when `every_bytes` were written since the last one began. Null `thread`: a thread of its
  // own.
  explicit EarlySync(uint64_t every_bytes, Sync sync = SyncData,
                     std::shared_ptr<SyncThread> thread = nullptr);
  ~EarlySync();
  EarlySync(const EarlySync&) = delete;
  EarlySync& operator=(const EarlySync&) = delete;

  // `bytes` were written to `file`. Does not wait for a sync. Errors: the first error of an earlier sync; the
  // kernel reports a failed write only once, so it must not be lost here.
  absl::Status Wrote(const std::shared_ptr<const FileDescriptor>& file, size_t bytes);

  // Called before the sync at the end: waits for the sync in progress and forgets files whose sync has not
  // begun. Errors: the first error of any sync.
  absl::Status Settle();

 private:
  struct State;
  static void SyncWritten(const std::shared_ptr<State>& state, SyncThread* thread);

  const std::shared_ptr<State> state_;
  const std::shared_ptr<SyncThread> thread_;
};

}  // namespace shoal
