#include "shoal/content/store/close_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace shoal {

CloseWatch::Id CloseWatch::Add(int fd) {
  MutexLock lock(&mutex_);
  if (!inotify_.valid()) inotify_ = FileDescriptor(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_.valid()) return kNone;
  ReadReports();
  const Id watch =
      inotify_add_watch(inotify_.get(), absl::StrCat("/proc/self/fd/", fd).c_str(), IN_CLOSE_WRITE);
  if (watch < 0 || !closed_.try_emplace(watch, false).second) return kNone;
  return watch;
}

void CloseWatch::Remove(Id watch) {
  if (watch == kNone) return;
  MutexLock lock(&mutex_);
  inotify_rm_watch(inotify_.get(), watch);
  // The kernel does not use an id again before its counter has come round.
  closed_.erase(watch);
  ReadReports();
}

bool CloseWatch::WasClosed(Id watch) {
  if (watch == kNone) return false;
  MutexLock lock(&mutex_);
  ReadReports();
  const auto found = closed_.find(watch);
  return found != closed_.end() && found->second;
}

void CloseWatch::Forget(Id watch) {
  if (watch == kNone) return;
  MutexLock lock(&mutex_);
  ReadReports();
  if (const auto found = closed_.find(watch); found != closed_.end()) found->second = false;
}

void CloseWatch::ReadReports() {
  alignas(inotify_event) std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t length = read(inotify_.get(), buffer.data(), buffer.size());
    if (length <= 0) return;
    inotify_event event;
    for (size_t at = 0; at + sizeof(event) <= static_cast<size_t>(length); at += sizeof(event) + event.len) {
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        for (auto& [watch, closed] : closed_) closed = true;
      }
      if ((event.mask & IN_CLOSE_WRITE) == 0) continue;
      if (const auto found = closed_.find(event.wd); found != closed_.end()) found->second = true;
    }
  }
}

}  // namespace shoal
