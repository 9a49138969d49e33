#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace shoal {

// Checks of the resource limits that a program needs. Some libraries abort or hang when a limit is reached,
// so a program must exit if a check fails. Called from main, before the first listener and thread.

// Raises the soft limit of open descriptors (RLIMIT_NOFILE) to the hard limit, 65,536 at most: the usual soft
// limit of 1,024 is for programs that use select(2), and each peer and each open file takes a descriptor.
//
// Errors: RESOURCE_EXHAUSTED, with the limit and what to do, when fewer than `needed` descriptors can still
// be opened.
absl::Status RaiseDescriptorLimit(uint32_t needed);

// Starts `needed` threads at once and ends them, where a limit of this process (RLIMIT_NPROC) or of its
// control group (pids.max) could refuse them. Takes half a millisecond there, and no time elsewhere.
//
// Errors: RESOURCE_EXHAUSTED, with what to do, when they can't all be started.
absl::Status RequireThreads(uint32_t needed);

}  // namespace shoal
