#include "clients/leecher/cli/terminal/interrupts.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <utility>

namespace shoal::leecher {

Interrupts::Interrupts()
    : waiter_({SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}),
      event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { Run(); }) {}

Interrupts::~Interrupts() {
  over_ = true;
  waiter_.Wake();
  thread_.join();
}

void Interrupts::Catch() {
  caught_ = true;
}

void Interrupts::CatchHangup(std::function<void()> instead) {
  MutexLock lock(&mutex_);
  on_hangup_ = std::move(instead);
}

void Interrupts::Run() {
  while (!over_) {
    const int signal = waiter_.Wait();
    if (signal == 0) continue;
    if (signal == SIGUSR1 || signal == SIGUSR2) {
      pause_wanted_ = signal == SIGUSR1;
      Nudge();
      continue;
    }
    if (signal == SIGHUP) {
      MutexLock lock(&mutex_);
      if (on_hangup_ != nullptr) {
        on_hangup_();
        continue;
      }
    }
    // The end of a terminal sends several: the kernel's and the shell's.
    if (signal == SIGHUP && signal_ != 0) continue;
    if (!caught_ || signal_ != 0) {
      // Ends the line, so that the prompt of the shell starts a new one.
      if (::isatty(STDERR_FILENO) == 1) [[maybe_unused]]
        const ssize_t written = ::write(STDERR_FILENO, "\n", 1);
      ::_exit(128 + signal);
    }
    signal_ = signal;
    Nudge();
  }
}

void Interrupts::Nudge() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof(one));
}

bool Interrupts::Wait(absl::Duration timeout, int other) {
  pollfd polled[2] = {{event_.get(), POLLIN, 0}, {other, POLLIN, 0}};
  const int64_t milliseconds = std::clamp<int64_t>(absl::ToInt64Milliseconds(timeout), 0, 3'600'000);
  if (::poll(polled, other < 0 ? 1 : 2, static_cast<int>(milliseconds)) <= 0) return false;
  if (polled[0].revents != 0) {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(event_.get(), &count, sizeof(count));
  }
  return other >= 0 && polled[1].revents != 0;
}

}  // namespace shoal::leecher
