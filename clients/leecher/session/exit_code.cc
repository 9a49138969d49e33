#include "clients/leecher/session/exit_code.h"

#include <csignal>

namespace shoal::leecher {

ExitCode ExitCodeForSignal(int signal) {
  return signal == SIGTERM ? ExitCode::kTerminated : ExitCode::kInterrupted;
}

ExitCode ExitCodeFor(const absl::Status& outcome, const OutcomeFacts& facts) {
  switch (outcome.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kOk;
    case absl::StatusCode::kInvalidArgument:
      return ExitCode::kUsage;
    case absl::StatusCode::kNotFound:
      return ExitCode::kNotFound;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return facts.tracker_answered ? ExitCode::kNoPeer : ExitCode::kNoTracker;
    case absl::StatusCode::kFailedPrecondition:
      return facts.several_contents ? ExitCode::kAmbiguousName : ExitCode::kOther;
    case absl::StatusCode::kAlreadyExists:
      return ExitCode::kTargetExists;
    case absl::StatusCode::kResourceExhausted:
      return ExitCode::kDiskFull;
    case absl::StatusCode::kPermissionDenied:
      return ExitCode::kNoPermission;
    case absl::StatusCode::kCancelled:
      return facts.signal != 0 ? ExitCodeForSignal(facts.signal) : ExitCode::kOther;
    default:
      return ExitCode::kOther;
  }
}

const char* ExitCodeTable() {
  return "Exit codes:\n"
         "    0  all is well\n"
         "    1  something else went wrong; the message says what\n"
         "    2  wrong usage, a file that is no .shoal file, or globs that match no file\n"
         "    3  no tracker knows the content; no such path\n"
         "    4  no tracker could be reached\n"
         "    5  no peer brought the missing chunks in time (--wait)\n"
         "    6  several contents have that name\n"
         "    7  the target exists with other bytes\n"
         "    8  disk full\n"
         "    9  no permission\n"
         "   10  the command of --on-complete failed\n"
         "  130  interrupted by Ctrl-C (143: by SIGTERM); what was fetched is kept\n";
}

}  // namespace shoal::leecher
