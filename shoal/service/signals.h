#pragma once

#include <initializer_list>

#include "shoal/base/file_descriptor.h"

namespace shoal::service {

// Signals as something that a main() waits for, instead of handlers: they are blocked in the whole process
// (so make one before any thread starts) and taken here one by one. One per process.
class SignalWaiter {
 public:
  // Blocks `signals` for this thread and for all that it starts from now on. SIGPIPE is ignored as well. Ends
  // the process when the kernel has no descriptor left for it: nothing would work after that.
  explicit SignalWaiter(std::initializer_list<int> signals);

  // The next signal, waiting for it as long as it takes. Thread-safe.
  int Wait();
  // Makes a Wait return 0, now or at its next call. Thread-safe.
  void Wake();

 private:
  FileDescriptor signals_;  // a signalfd
  FileDescriptor wake_;     // an eventfd
};

}  // namespace shoal::service
