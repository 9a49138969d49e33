#pragma once

#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/seeder/folder/entry_hasher.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"

namespace shoal::seeder {

// An entry whose files turned out to be others than those that were hashed.
struct StaleEntry {
  std::string entry;
};
// The hash cache can't be written.
struct CacheLost {
  absl::Status why;
};
using Letter = std::variant<HashOutcome, StaleEntry, CacheLost>;

// What other threads have to say to the shared folder's thread, and what it sleeps on. Thread-safe.
class Mailbox {
 public:
  static absl::StatusOr<std::unique_ptr<Mailbox>> Create();

  void Put(Letter letter);
  // Makes the present or the next Wait return.
  void Wake();

  // For the reader. Sleeps until there is a letter, Wake was called, `other_fd` (-1: none) is readable, or
  // `timeout` has passed.
  void Wait(int other_fd, absl::Duration timeout);
  std::vector<Letter> TakeAll();

 private:
  explicit Mailbox(FileDescriptor event) : event_(std::move(event)) {}

  const FileDescriptor event_;
  Mutex mutex_;
  std::vector<Letter> letters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::seeder
