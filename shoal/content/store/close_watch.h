#pragma once

#include "absl/container/flat_hash_map.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"

namespace shoal {

// Detects that a file descriptor that was open for writing was closed, by inotify(7) events (IN_CLOSE_WRITE).
// It does not know which process closed it.
//
// One object serves all stores of a process, for two reasons: closing an inotify instance blocks the calling
// thread for up to 20 ms, and a user may have 128 instances by default. Removing a single watch takes
// microseconds.
//
// Thread safety: all methods are thread-safe.
class CloseWatch {
 public:
  // Identifies a watch; kNone: the kernel had none to give.
  using Id = int;
  static constexpr Id kNone = -1;

  // Starts to watch the open file `fd`, until Remove. Returns: kNone when the kernel has no watch to give, or
  // the file is watched already.
  Id Add(int fd);
  // Closes of the file from now on are not reported. No effect for kNone.
  void Remove(Id watch);

  // Returns: whether the file was closed after writing since Add or the last Forget; also true when the
  // kernel lost reports. False for kNone.
  bool WasClosed(Id watch);
  // Forgets the closes until now. No effect for kNone.
  void Forget(Id watch);

 private:
  void ReadReports() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  FileDescriptor inotify_ ABSL_GUARDED_BY(mutex_);                // not valid before the first Add
  absl::flat_hash_map<Id, bool> closed_ ABSL_GUARDED_BY(mutex_);  // by watch
};

}  // namespace shoal
