#include "shoal/service/signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace shoal::service {
namespace {

bool IsIgnored(int signal) {
  struct sigaction action{};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

SignalWaiter::SignalWaiter(std::initializer_list<int> signals) {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) {
    if (signal != SIGHUP || !IsIgnored(signal)) sigaddset(&set, signal);
  }
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = FileDescriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  wake_ = FileDescriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE));
  if (!signals_.valid() || !wake_.valid()) {
    std::perror("cannot wait for signals");
    std::exit(EXIT_FAILURE);
  }
}

int SignalWaiter::Wait() {
  for (;;) {
    pollfd waiting[] = {{signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    poll(waiting, 2, -1);
    signalfd_siginfo taken{};
    if (read(signals_.get(), &taken, sizeof(taken)) == sizeof(taken))
      return static_cast<int>(taken.ssi_signo);
    uint64_t wakes = 0;
    if (read(wake_.get(), &wakes, sizeof(wakes)) == sizeof(wakes)) return 0;
  }
}

std::string SignalName(int signal) {
  const char* const name = sigabbrev_np(signal);
  return name == nullptr ? "signal " + std::to_string(signal) : std::string("SIG") + name;
}

void SignalWaiter::Wake() {
  const uint64_t one = 1;
  // Fails only when 2^64 - 2 wakes wait already: then there is one for every Wait.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof(one));
}

}  // namespace shoal::service
