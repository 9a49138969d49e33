#pragma once

#include <sched.h>

#include <algorithm>
#include <cstdint>

namespace shoal {

// Not those that the machine has: a process may be confined to some, and two busy threads on one core only
// make each other wait.
inline uint32_t UsableCores() {
  cpu_set_t cores;
  if (::sched_getaffinity(0, sizeof(cores), &cores) != 0) return 1;
  return static_cast<uint32_t>(std::max(CPU_COUNT(&cores), 1));
}

}  // namespace shoal
