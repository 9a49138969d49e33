#pragma once

#include "absl/container/flat_hash_map.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"

namespace shoal {

// Tells that a file was closed after it was open for writing, as the kernel reports it (inotify(7)). It does
// not tell by which program.
//
// One object serves all stores of a process. The kernel takes up to 20 ms to close its descriptor, in which
// the calling thread waits, and gives a user 128 of them by default. The end of a single watch takes
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
