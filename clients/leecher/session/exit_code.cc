#include "clients/leecher/session/exit_code.h"

#include <csignal>

#include "shoal/base/error_cause.h"

namespace shoal::leecher {

ExitCode ExitCodeForSignal(int signal) {
  if (signal == SIGHUP) return ExitCode::kHangUp;
  return signal == SIGTERM ? ExitCode::kTerminated : ExitCode::kInterrupted;
}

ExitCode ExitCodeFor(const absl::Status& outcome, int signal) {
  if (outcome.ok()) return ExitCode::kOk;
  if (absl::IsCancelled(outcome) && signal != 0) return ExitCodeForSignal(signal);
  switch (CauseOf(outcome)) {
    case ErrorCause::kUsage:
    case ErrorCause::kOutputInInput:
      return ExitCode::kUsage;
    case ErrorCause::kNoSuchPath:
    case ErrorCause::kUnknownContent:
      return ExitCode::kNotFound;
    case ErrorCause::kTrackerUnreachable:
      return ExitCode::kNoTracker;
    case ErrorCause::kNoPeer:
      return ExitCode::kNoPeer;
    case ErrorCause::kAmbiguousName:
      return ExitCode::kAmbiguousName;
    case ErrorCause::kTargetExists:
      return ExitCode::kTargetExists;
    case ErrorCause::kDiskFull:
      return ExitCode::kDiskFull;
    case ErrorCause::kNoPermission:
      return ExitCode::kNoPermission;
    case ErrorCause::kUntrusted:
      return ExitCode::kUntrusted;
    case ErrorCause::kNotPermitted:
    case ErrorCause::kNoTicket:
      return ExitCode::kNotPermitted;
    case ErrorCause::kNone:
    case ErrorCause::kTooManyOpenFiles:
    case ErrorCause::kTargetInUse:
    case ErrorCause::kTargetGone:
    case ErrorCause::kWriteFailed:
    case ErrorCause::kTrackerRefused:
      break;
  }
  return ExitCode::kOther;
}

const char* ExitCodeTable() {
  return "Exit codes:\n"
         "    0  success\n"
         "    1  another failure; the message says which\n"
         "    2  wrong usage, a file that is no .shoal file, or globs that match no file\n"
         "    3  no tracker knows the content; no such path\n"
         "    4  no tracker could be reached\n"
         "    5  no peer brought the missing chunks in time (--wait)\n"
         "    6  several contents have that name\n"
         "    7  the target exists with other bytes\n"
         "    8  disk full\n"
         "    9  no permission\n"
         "   10  the command of --on-complete failed\n"
         "   11  no publisher of --trust signed the content, or a .shoal file was changed\n"
         "   12  a tracker or peer does not admit this client: token, ticket or certificate\n"
         "  130  interrupted by Ctrl-C (143: by SIGTERM, 129: by SIGHUP); what was fetched is kept\n";
}

}  // namespace shoal::leecher
