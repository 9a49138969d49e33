#pragma once

#include <initializer_list>
#include <string>

#include "shoal/base/file_descriptor.h"

namespace shoal::service {

// Lets main() wait for signals instead of handling them asynchronously: they are blocked in the whole process
// and taken one by one. At most one per process, constructed before any thread starts.
//
// Thread safety: Wait and Wake are thread-safe.
class SignalWaiter {
 public:
  // Blocks `signals` for this thread and for all threads that it starts from now on, and ignores SIGPIPE.
  // Exits the process with an error message if no descriptor is left. If the process was started with SIGHUP
  // ignored (nohup), SIGHUP stays ignored and is never returned.
  explicit SignalWaiter(std::initializer_list<int> signals);

  // Waits for the next signal and returns its number; 0 after Wake.
  int Wait();
  // Makes one Wait return 0: the one in progress, or the next.
  void Wake();

 private:
  FileDescriptor signals_;  // a signalfd
  FileDescriptor wake_;     // an eventfd
};

// Returns "SIGTERM" for SIGTERM, and so on; "signal N" for a number without a name.
std::string SignalName(int signal);

}  // namespace shoal::service
