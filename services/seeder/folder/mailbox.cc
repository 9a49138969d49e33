#include "services/seeder/folder/mailbox.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace shoal::seeder {

absl::StatusOr<std::unique_ptr<Mailbox>> Mailbox::Create() {
  FileDescriptor event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event.valid()) return ErrnoStatus(errno, "cannot make an eventfd");
  return std::unique_ptr<Mailbox>(new Mailbox(std::move(event)));
}

void Mailbox::Put(Letter letter) {
  {
    MutexLock lock(&mutex_);
    letters_.push_back(std::move(letter));
  }
  Wake();
}

void Mailbox::Wake() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then it is readable anyway.
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof(one));
}

void Mailbox::Wait(int other_fd, absl::Duration timeout) {
  pollfd sources[] = {{event_.get(), POLLIN, 0}, {other_fd, POLLIN, 0}};
  // Rounded up, so that what is due is due when this returns; bounded, so that it fits an int.
  const absl::Duration bounded = std::clamp(timeout, absl::ZeroDuration(), absl::Hours(1));
  const int milliseconds =
      static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(bounded, absl::Milliseconds(1))));
  ::poll(sources, 2, milliseconds);
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t taken = ::read(event_.get(), &count, sizeof(count));
}

std::vector<Letter> Mailbox::TakeAll() {
  MutexLock lock(&mutex_);
  return std::exchange(letters_, {});
}

}  // namespace shoal::seeder
