#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"

namespace shoal {

// Brings files to the disk while they are still being written, on a thread of its own that begins with the
// first sync: the sync at the end, which the caller still has to make, is short then. Asking the kernel to
// write (sync_file_range) is not enough: what the disk's own cache took in waits there for a sync all the
// same (docs/adr/0011).
//
// Thread-safe; the destructor waits for a sync under way.
class EarlySync {
 public:
  // Returns an errno value.
  using Sync = std::function<int(int fd)>;

  // fdatasync.
  static int SyncData(int fd);

  // A sync begins when `every_bytes` were written since the last one began.
  explicit EarlySync(uint64_t every_bytes, Sync sync = SyncData);
  ~EarlySync();
  EarlySync(const EarlySync&) = delete;
  EarlySync& operator=(const EarlySync&) = delete;

  // `bytes` went into `file`. Does not wait for a sync. An error is one that an earlier sync met: the kernel
  // tells of a failed write only once, so it may not get lost here.
  absl::Status Wrote(const std::shared_ptr<const FileDescriptor>& file, size_t bytes);

  // Before the caller's own sync counts as one: waits for the sync under way, forgets what none was begun
  // for, and returns the first error that any met.
  absl::Status Settle();

 private:
  void Run();

  const uint64_t every_bytes_;
  const Sync sync_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::shared_ptr<const FileDescriptor>> written_
      ABSL_GUARDED_BY(mutex_);  // since the last sync began
  uint64_t written_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool syncing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal
