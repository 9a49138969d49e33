#include "shoal/content/store/own_changes.h"

#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "shoal/base/clock.h"

namespace shoal {

OwnChanges::OwnChanges(size_t files, bool times_are_local, absl::Duration watch_after)
    : times_are_local_(times_are_local), watch_after_(watch_after), states_(files) {}

void OwnChanges::Note(const struct stat& info, State& state) {
  state.stamp = FileStamp::From(info);
  state.known = true;
}

bool OwnChanges::Differs(const State& state, const struct stat& now) const {
  if (!state.known || !S_ISREG(now.st_mode)) return true;
  const FileStamp stamp = FileStamp::From(now);
  if (!times_are_local_)
    return stamp.length_bytes != state.stamp.length_bytes || stamp.inode != state.stamp.inode;
  return stamp != state.stamp;
}

void OwnChanges::Accept(FileIndex file, const struct stat& info) {
  MutexLock lock(&mutex_);
  State& state = states_[file.value()];
  ReadCloses();
  Note(info, state);
  state.touched = false;
  state.closed_by_another = false;
}

void OwnChanges::Doubt(FileIndex file) {
  MutexLock lock(&mutex_);
  states_[file.value()].touched = true;
}

void OwnChanges::Opened(FileIndex file, int fd) {
  MutexLock lock(&mutex_);
  State& state = states_[file.value()];
  if (state.opened_at != absl::InfiniteDuration() || !times_are_local_) {
    state.reopened = true;
    return;
  }
  state.opened_at = Clock::Real().Uptime();
  if (watch_after_ == absl::ZeroDuration()) Watch(file, fd);
}

void OwnChanges::Watch(FileIndex file, int fd) {
  states_[file.value()].watched = true;
  if (watched_.empty()) inotify_ = FileDescriptor(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_.valid()) return;
  const int watch =
      inotify_add_watch(inotify_.get(), absl::StrCat("/proc/self/fd/", fd).c_str(), IN_CLOSE_WRITE);
  if (watch >= 0) watched_[watch] = file;
}

void OwnChanges::StopWatching() {
  MutexLock lock(&mutex_);
  watched_.clear();
  inotify_ = FileDescriptor();
  for (State& state : states_) state.reopened = true;
}

void OwnChanges::ReadCloses() {
  if (watched_.empty()) return;
  alignas(inotify_event) std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t length = read(inotify_.get(), buffer.data(), buffer.size());
    if (length <= 0) return;
    inotify_event event;
    for (size_t at = 0; at + sizeof(event) <= static_cast<size_t>(length); at += sizeof(event) + event.len) {
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        for (State& state : states_) state.closed_by_another = true;
      }
      const auto watched = watched_.find(event.wd);
      if (watched != watched_.end() && (event.mask & IN_CLOSE_WRITE) != 0)
        states_[watched->second.value()].closed_by_another = true;
    }
  }
}

void OwnChanges::Begin(FileIndex file, int fd) {
  MutexLock lock(&mutex_);
  State& state = states_[file.value()];
  if (!state.watched && !state.reopened && Clock::Real().Uptime() - state.opened_at >= watch_after_)
    Watch(file, fd);
  if (state.writers++ > 0 || !times_are_local_) return;
  struct stat now;
  if (fstat(fd, &now) != 0 || Differs(state, now)) state.touched = true;
}

void OwnChanges::End(FileIndex file, int fd) {
  MutexLock lock(&mutex_);
  State& state = states_[file.value()];
  if (--state.writers > 0 || !times_are_local_) return;
  struct stat now;
  if (fstat(fd, &now) == 0) {
    Note(now, state);
  } else {
    state.touched = true;
  }
}

bool OwnChanges::IsTouched(FileIndex file, const struct stat& now, bool is_open) {
  MutexLock lock(&mutex_);
  ReadCloses();
  const State& state = states_[file.value()];
  const bool closed_by_another = is_open && !state.reopened && state.closed_by_another;
  return state.touched || closed_by_another || Differs(state, now);
}

bool TimesAreLocal(int fd) {
  // Of linux/magic.h, but for those that it lacks.
  constexpr uint32_t kCifs = 0xFF534D42;
  constexpr uint32_t kSmb2 = 0xFE534D42;
  constexpr uint32_t kCeph = 0x00C36400;
  struct statfs info;
  if (fstatfs(fd, &info) != 0) return false;
  const auto type = static_cast<uint32_t>(info.f_type);
  return type != NFS_SUPER_MAGIC && type != SMB_SUPER_MAGIC && type != V9FS_MAGIC && type != AFS_FS_MAGIC &&
         type != kCifs && type != kSmb2 && type != kCeph;
}

}  // namespace shoal
