#pragma once

#include "absl/status/status.h"

namespace shoal::leecher {

// The exit codes of the process, for scripts. docs/cli.md and --help document the numbers, which do not
// change.
enum class ExitCode : int {
  kOk = 0,
  kOther = 1,
  kUsage = 2,
  kNotFound = 3,
  kNoTracker = 4,
  kNoPeer = 5,
  kAmbiguousName = 6,
  kTargetExists = 7,
  kDiskFull = 8,
  kNoPermission = 9,
  kOnCompleteFailed = 10,
  kUntrusted = 11,
  kNotPermitted = 12,
  kHangUp = 129,       // SIGHUP
  kInterrupted = 130,  // SIGINT, as shells count it
  kTerminated = 143,   // SIGTERM
};

// Returns the exit code for an outcome. It comes from the outcome's cause (see ErrorCause), which is set
// where the reason is known; a status code alone never decides. `signal`: the one that stopped the command;
// 0: none. It counts for CANCELLED only.
ExitCode ExitCodeFor(const absl::Status& outcome, int signal = 0);

// 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP.
ExitCode ExitCodeForSignal(int signal);

// The table of --help, one line per code.
const char* ExitCodeTable();

}  // namespace shoal::leecher
