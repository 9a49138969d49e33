#pragma once

#include <atomic>
#include <thread>

#include "absl/time/time.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/service/signals.h"

namespace shoal::leecher {

// Ctrl-C and SIGTERM, as a command wants them: at first each ends the process at once (nothing is lost:
// whatever is on disk is good at any moment); once a command has called Catch(), the first one is only noted,
// so that the command can stop in order, and the second ends the process at once. One per process, made
// before any other thread.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();

  void Catch();
  // The signal that was noted; 0: none yet. Thread-safe.
  int signal() const { return signal_; }
  // SIGUSR1 has come, and no SIGUSR2 since. Both are noted from the start on, whatever the command.
  // Thread-safe.
  bool pause_wanted() const { return pause_wanted_; }
  // Blocks until a signal is noted, Nudge is called, `other` (a descriptor, or -1) can be read, or `timeout`
  // has passed. True: because of `other`.
  bool Wait(absl::Duration timeout, int other = -1);
  // Ends a Wait, now or the next one. Thread-safe.
  void Nudge();

 private:
  void Run();

  service::SignalWaiter waiter_;
  FileDescriptor event_;
  std::atomic<bool> caught_ = false;
  std::atomic<bool> over_ = false;
  std::atomic<int> signal_ = 0;
  std::atomic<bool> pause_wanted_ = false;
  std::thread thread_;
};

}  // namespace shoal::leecher
