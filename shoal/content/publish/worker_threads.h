#pragma once

#include <atomic>
#include <functional>

#include "absl/status/status.h"

namespace shoal {

// Returns: `wanted`, or the number of cores if `wanted` is 0.
unsigned WorkerThreads(unsigned wanted);

// Runs `work` on up to `threads` threads at once, the caller's among them, and returns when all are done.
// `work` takes its share from a queue of its own, so that it is complete whatever the number of threads.
// It gets a flag that turns true when another thread has failed, so that it can stop early.
//
// The threads end with the run. Runs that overlap share a limit: a run starts no thread while the process
// has max(cores, `threads`) - 1 of them. A run alone gets all of its threads; with 100 runs at once most
// work on their caller's thread only.
//
// Errors: the first error of `work`.
// Thread safety: thread-safe.
absl::Status RunOnWorkerThreads(unsigned threads,
                                const std::function<absl::Status(const std::atomic<bool>& stop)>& work);

}  // namespace shoal
