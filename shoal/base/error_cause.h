#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace shoal {

// Why an operation failed, as a program reports it (message, exit code). A status code says what kind of
// error a function returns, and has another meaning in another function; a cause is set once, where the
// reason is known, and travels with the status as a payload.
//
// A status that is built from the code and message of another one loses the cause. Annotate keeps it.
enum class ErrorCause : uint8_t {
  kNone = 0,            // none was set
  kUsage,               // the request makes no sense as it is: flags, names, file formats, selections
  kNoSuchPath,          // a path of this machine
  kNoPermission,        // the system of this machine refuses
  kDiskFull,            // no room or no quota
  kTooManyOpenFiles,    // no descriptor is left for this process or machine
  kTargetExists,        // the target path exists and is not what this program would replace
  kTargetInUse,         // another process writes there
  kTargetGone,          // what was written to was removed or renamed by another program
  kOutputInInput,       // the output is, contains or lies in its own input
  kWriteFailed,         // stdout does not take what is printed
  kUnknownContent,      // trackers answered, and none knows it
  kAmbiguousName,       // several contents have the name
  kTrackerUnreachable,  // no tracker answered
  kTrackerRefused,      // a tracker answered with an error
  kNotPermitted,        // a tracker or peer does not admit this client: token, ticket, certificate
  kNoPeer,              // no peer brought what is missing in time
  kUntrusted,           // no publisher that the user trusts signed the content
  kNoTicket,            // peers demand a ticket, and no tracker issued one that they accept
};

// Returns `status` with `cause`, which replaces an earlier one. No effect on OK.
absl::Status WithCause(absl::Status status, ErrorCause cause);

// The cause of `status`; kNone when none was set.
ErrorCause CauseOf(const absl::Status& status);

// "disk_full" for kDiskFull and so on, for programs that read it. "none" for kNone.
const char* CauseName(ErrorCause cause);

// Returns `status` with the same code and cause and the message "PREFIX: MESSAGE", or the message as it is if
// it begins so already. No effect on OK.
absl::Status Annotate(absl::string_view prefix, const absl::Status& status);

}  // namespace shoal
