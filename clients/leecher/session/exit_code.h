#pragma once

#include "absl/status/status.h"

namespace shoal::leecher {

// The exit codes of the process, for scripts. docs/cli.md and --help document the numbers; they do not
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
  kInterrupted = 130,  // SIGINT, as shells count it
  kTerminated = 143,   // SIGTERM
};

// What a status alone does not tell.
struct OutcomeFacts {
  bool tracker_answered = false;  // at least one did, so "unavailable" speaks of peers
  bool several_contents = false;  // of the name that was asked for
  int signal = 0;                 // that asked for the end; 0: none
};

ExitCode ExitCodeFor(const absl::Status& outcome, const OutcomeFacts& facts);

// 130 for SIGINT, 143 for SIGTERM.
ExitCode ExitCodeForSignal(int signal);

// The table of --help: one line per code.
const char* ExitCodeTable();

}  // namespace shoal::leecher
