#include "clients/leecher/download/peers/refusal.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace shoal::leecher {
namespace {

using Reason = stream::Refuse::Reason;

// A peer whose files are not the content's any more, or that speaks another version, may have been mended by
// then.
constexpr absl::Duration kMendingWait = absl::Minutes(5);
constexpr absl::Duration kRestartWait = absl::Seconds(3);

}  // namespace

Refusal JudgeRefusal(const stream::Refuse& refuse, const DownloadTuning& tuning) {
  Refusal refusal;
  refusal.why = absl::StrCat("it refused: ", stream::ReasonName(refuse.reason));
  if (!refuse.detail.empty()) absl::StrAppend(&refusal.why, " (", refuse.detail, ")");
  refusal.wait = refuse.retry_after > absl::ZeroDuration() ? refuse.retry_after : tuning.max_backoff;
  switch (refuse.reason) {
    case Reason::kNotHeld:
      refusal.chunks_alone = !refuse.chunks.empty();
      refusal.never_held = true;
      break;
    case Reason::kTooManyRequests:
      refusal.chunks_alone = !refuse.chunks.empty();
      break;
    case Reason::kBusy:
      break;
    case Reason::kShuttingDown:
      refusal.wait = std::max(refuse.retry_after, kRestartWait);
      break;
    case Reason::kReadFailed:
    case Reason::kUnknownContent:
    case Reason::kVersion:
      refusal.wait = std::max(refuse.retry_after, kMendingWait);
      break;
    case Reason::kUnspecified:
    default:  // a reason that this version does not know
      refusal.ending = PeerRoster::Ending::kFailed;
      refusal.wait = absl::ZeroDuration();
      break;
  }
  return refusal;
}

}  // namespace shoal::leecher
