#include "shoal/base/process_limits.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <latch>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "shoal/base/file_descriptor.h"

namespace shoal {
namespace {

// A limit of at least this leaves room for the threads of one program more.
constexpr uint64_t kManyThreads = 4096;

bool MayLackThreads() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NPROC, &limit) != 0 || limit.rlim_cur < kManyThreads) return true;
  uint64_t most = 0;
  // No number: "max", or no such control group.
  return (std::ifstream("/sys/fs/cgroup/pids.max") >> most) && most < kManyThreads;
}

}  // namespace

absl::Status RaiseDescriptorLimit(uint32_t needed) {
  constexpr rlim_t kMost = 65536;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return ErrnoStatus(errno, "cannot read the limit of open files");
  rlimit raised = limit;
  raised.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, kMost));
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  // Descriptors that are open already, inherited ones too, are not available.
  uint32_t available = 0;
  for (rlim_t fd = 0; fd < std::min(limit.rlim_cur, kMost) && available < needed; ++fd) {
    if (::fcntl(static_cast<int>(fd), F_GETFD) < 0) ++available;
  }
  if (available >= needed) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("too few files can be opened: ", available, " of the ",
                                                   needed, " that are needed at least; raise the limit of ",
                                                   limit.rlim_cur,
                                                   " (ulimit -n, LimitNOFILE= in a systemd unit)"));
}

absl::Status RequireThreads(uint32_t needed) {
  if (!MayLackThreads()) return absl::OkStatus();
  std::latch all_started(1);
  std::vector<std::thread> threads;
  threads.reserve(needed);
  absl::Status status;
  try {
    while (threads.size() < needed) threads.emplace_back([&all_started] { all_started.wait(); });
  } catch (const std::system_error&) {
    status = absl::ResourceExhaustedError(absl::StrCat(
        "too few threads can be started: ", threads.size(), " of the ", needed,
        " that are needed at least; raise the limit (ulimit -u, TasksMax= in a systemd unit, pids_limit of a"
        " container)"));
  }
  all_started.count_down();
  for (std::thread& thread : threads) thread.join();
  return status;
}

}  // namespace shoal
