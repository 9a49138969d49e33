#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/seeder/folder/entry_hasher.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::seeder {

// A version of `entry` can't be served any more.
struct StaleEntry {
  std::string entry;
  ContentId id = {};
  absl::Status why = {};
  // Found by a scan, and not by an attempt to send a chunk.
  bool by_scan = false;
};
// The hash cache can't be written.
struct CacheLost {
  absl::Status why;
};
// A message to the thread of the shared folder.
using Letter = std::variant<HashOutcome, StaleEntry, CacheLost>;

// The queue through which other threads post to the shared folder's thread, and which that thread waits on.
//
// Thread safety: Put and Wake may be called by any thread; Wait and TakeAll belong to one reader.
class Mailbox {
 public:
  // Errors: from errno, when the process has no descriptor left.
  static absl::StatusOr<std::unique_ptr<Mailbox>> Create() {
    FileDescriptor event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!event.valid()) return ErrnoStatus(errno, "cannot make an eventfd");
    return std::unique_ptr<Mailbox>(new Mailbox(std::move(event)));
  }

  void Put(Letter letter) {
    {
      MutexLock lock(&mutex_);
      letters_.push_back(std::move(letter));
    }
    Wake();
  }

  // Ends the current or the next Wait.
  void Wake() {
    const uint64_t one = 1;
    // Fails only when the counter is full; the eventfd is readable then.
    [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof(one));
  }

  // Waits until a letter was put, Wake was called, `other_fd` (-1: none) is readable, or `timeout` has
  // passed. It may return earlier: the reader waits in a loop.
  void Wait(int other_fd, absl::Duration timeout) {
    pollfd sources[] = {{event_.get(), POLLIN, 0}, {other_fd, POLLIN, 0}};
    // Rounded up, so that what was due after `timeout` is due on return; bounded, so that it fits an int.
    const absl::Duration bounded = std::clamp(timeout, absl::ZeroDuration(), absl::Hours(1));
    const int milliseconds =
        static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(bounded, absl::Milliseconds(1))));
    ::poll(sources, 2, milliseconds);
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t taken = ::read(event_.get(), &count, sizeof(count));
  }

  // Returns: all letters that were put since the last call, in order.
  std::vector<Letter> TakeAll() {
    MutexLock lock(&mutex_);
    return std::exchange(letters_, {});
  }

 private:
  explicit Mailbox(FileDescriptor event) : event_(std::move(event)) {}

  const FileDescriptor event_;
  Mutex mutex_;
  std::vector<Letter> letters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::seeder
