#pragma once

#include <atomic>
#include <functional>

#include "absl/status/status.h"

namespace shoal {

// Threads for work that keeps a core busy (hashing, checking) and blocks its caller until it is complete.
// There is no pool: threads end with the run that started them, so that an idle process has none.

// Returns: `wanted`, or the number of cores if `wanted` is 0. At least 1.
unsigned WorkerThreads(unsigned wanted);

// Runs `work` on up to `threads` threads at once, the calling thread among them, and returns when all calls
// have returned. `work` takes its share from a queue of its own, so that it is complete whatever the number
// of threads. Its argument becomes true when another call has failed, so that it can stop early.
//
// Runs that overlap share a limit: a run starts no thread while the process has max(cores, `threads`) - 1 of
// them. A run alone gets all of its threads; with 100 runs at once most work on their caller's thread only.
// If the system refuses a thread, the run continues with those that it has.
//
// Requires: threads >= 1. `work` does not throw.
// Errors: the first error that a call of `work` returned.
// Thread safety: thread-safe.
absl::Status RunOnWorkerThreads(unsigned threads,
                                const std::function<absl::Status(const std::atomic<bool>& stop)>& work);

}  // namespace shoal
