#include "shoal/base/error_cause.h"

#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace shoal {
namespace {

constexpr char kPayload[] = "shoal/cause";

}  // namespace

absl::Status WithCause(absl::Status status, ErrorCause cause) {
  const char byte = static_cast<char>(cause);
  if (!status.ok()) status.SetPayload(kPayload, absl::Cord(absl::string_view(&byte, 1)));
  return status;
}

ErrorCause CauseOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  return payload.has_value() && payload->size() == 1 ? static_cast<ErrorCause>((*payload)[0])
                                                     : ErrorCause::kNone;
}

const char* CauseName(ErrorCause cause) {
  switch (cause) {
    case ErrorCause::kNone:
      return "none";
    case ErrorCause::kUsage:
      return "usage";
    case ErrorCause::kNoSuchPath:
      return "no_such_path";
    case ErrorCause::kNoPermission:
      return "no_permission";
    case ErrorCause::kDiskFull:
      return "disk_full";
    case ErrorCause::kTooManyOpenFiles:
      return "too_many_open_files";
    case ErrorCause::kTargetExists:
      return "target_exists";
    case ErrorCause::kTargetInUse:
      return "target_in_use";
    case ErrorCause::kTargetGone:
      return "target_gone";
    case ErrorCause::kOutputInInput:
      return "output_in_input";
    case ErrorCause::kWriteFailed:
      return "write_failed";
    case ErrorCause::kUnknownContent:
      return "unknown_content";
    case ErrorCause::kAmbiguousName:
      return "ambiguous_name";
    case ErrorCause::kTrackerUnreachable:
      return "tracker_unreachable";
    case ErrorCause::kTrackerRefused:
      return "tracker_refused";
    case ErrorCause::kNotPermitted:
      return "not_permitted";
    case ErrorCause::kNoPeer:
      return "no_peer";
    case ErrorCause::kNoTicket:
      return "no_ticket";
    case ErrorCause::kUntrusted:
      return "untrusted";
  }
  return "none";
}

absl::Status Annotate(absl::string_view prefix, const absl::Status& status) {
  if (status.ok()) return status;
  const bool has_prefix = absl::StartsWith(status.message(), absl::StrCat(prefix, ": "));
  absl::Status annotated(status.code(),
                         absl::StrCat(has_prefix ? "" : absl::StrCat(prefix, ": "), status.message()));
  const ErrorCause cause = CauseOf(status);
  return cause == ErrorCause::kNone ? annotated : WithCause(std::move(annotated), cause);
}

}  // namespace shoal
