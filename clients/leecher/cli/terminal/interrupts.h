#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "absl/time/time.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"
#include "shoal/service/signals.h"

namespace shoal::leecher {

// SIGINT (Ctrl-C), SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 as state that a command reads. Until Catch() is
// called, the first three end the process at once; that loses nothing, because what is on disk is consistent
// at any moment. After Catch() the first one is recorded, so that the command can stop in order, and the
// second one ends the process at once.
//
// Requires: one object per process, created before any other thread.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();

  void Catch();
  // From now on SIGHUP calls `instead`, on a thread of this, and ends nothing. Called once at most.
  void CatchHangup(std::function<void()> instead);
  // The recorded SIGINT, SIGTERM or SIGHUP; 0 when there is none. Thread-safe.
  int signal() const { return signal_; }
  // True from SIGUSR1 until SIGUSR2. Recorded with and without Catch(). Thread-safe.
  bool pause_wanted() const { return pause_wanted_; }
  // Blocks until a signal is recorded, Nudge is called, `other` (a descriptor, or -1) is readable, or
  // `timeout` has passed. Returns true when `other` is readable.
  bool Wait(absl::Duration timeout, int other = -1);
  // Ends the present Wait or the next one. Thread-safe.
  void Nudge();

 private:
  void Run();

  service::SignalWaiter waiter_;
  FileDescriptor event_;
  std::atomic<bool> caught_ = false;
  std::atomic<bool> over_ = false;
  std::atomic<int> signal_ = 0;
  std::atomic<bool> pause_wanted_ = false;
  Mutex mutex_;
  std::function<void()> on_hangup_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace shoal::leecher
