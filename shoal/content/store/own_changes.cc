#include "shoal/content/store/own_changes.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <utility>

#include "shoal/base/clock.h"

namespace shoal {

OwnChanges::OwnChanges(size_t files, bool times_are_local, std::shared_ptr<CloseWatch> close_watch,
                       absl::Duration watch_after)
    : times_are_local_(times_are_local),
      watch_after_(watch_after),
      close_watch_(close_watch != nullptr ? std::move(close_watch) : std::make_shared<CloseWatch>()),
      states_(files) {}

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
  close_watch_->Forget(state.watch);
  Note(info, state);
  state.touched = false;
}

void OwnChanges::Doubt(FileIndex file) {
  MutexLock lock(&mutex_);
  states_[file.value()].touched = true;
}

void OwnChanges::Opened(FileIndex file, int fd) {
  MutexLock lock(&mutex_);
  State& state = states_[file.value()];
  if (state.opened_at != absl::InfiniteDuration() || !times_are_local_) {
    JudgeByStamp(state);
    return;
  }
  state.opened_at = Clock::Real().Uptime();
  if (watch_after_ == absl::ZeroDuration()) StartWatching(state, fd);
}

void OwnChanges::StartWatching(State& state, int fd) {
  state.watch_tried = true;
  state.watch = close_watch_->Add(fd);
}

void OwnChanges::JudgeByStamp(State& state) {
  state.reopened = true;
  close_watch_->Remove(std::exchange(state.watch, CloseWatch::kNone));
}

void OwnChanges::StopWatching() {
  MutexLock lock(&mutex_);
  for (State& state : states_) JudgeByStamp(state);
}

void OwnChanges::Begin(FileIndex file, int fd) {
  MutexLock lock(&mutex_);
  State& state = states_[file.value()];
  if (!state.watch_tried && !state.reopened && Clock::Real().Uptime() - state.opened_at >= watch_after_)
    StartWatching(state, fd);
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
  const State& state = states_[file.value()];
  const bool closed_by_another = is_open && !state.reopened && close_watch_->WasClosed(state.watch);
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
