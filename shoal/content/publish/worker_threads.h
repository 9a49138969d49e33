#pragma once

#include <atomic>
#include <functional>

#include "absl/status/status.h"

namespace shoal {

// One per core where `wanted` is 0.
unsigned WorkerThreads(unsigned wanted);

// Runs `work` on `threads` threads at once, the caller's among them, and returns when all are done: the error
// that came first, if any. `work` is given a flag that turns true when another thread has failed, so that it
// may stop early.
absl::Status RunOnWorkerThreads(unsigned threads,
                                const std::function<absl::Status(const std::atomic<bool>& stop)>& work);

}  // namespace shoal
