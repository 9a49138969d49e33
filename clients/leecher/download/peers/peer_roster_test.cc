#include "clients/leecher/download/peers/peer_roster.h"

#include <gtest/gtest.h>

namespace shoal::leecher {
namespace {

using Reason = stream::Refuse::Reason;
using Ending = PeerRoster::Ending;

struct Case {
  Reason reason;
  bool about_chunks;
  absl::Duration retry_after;
  bool chunks_alone;
  bool never_held;
  Ending ending;
  absl::Duration wait;
};

TEST(Refusal, SaysWhatBecomesOfTheConnection) {
  DownloadTuning tuning;
  tuning.max_backoff = absl::Seconds(60);
  const Case cases[] = {
      {Reason::kNotHeld, true, absl::ZeroDuration(), true, true, Ending::kNotNow, absl::Seconds(60)},
      {Reason::kNotHeld, false, absl::Seconds(9), false, true, Ending::kNotNow, absl::Seconds(9)},
      {Reason::kTooManyRequests, true, absl::ZeroDuration(), true, false, Ending::kNotNow, absl::Seconds(60)},
      {Reason::kTooManyRequests, false, absl::Seconds(2), false, false, Ending::kNotNow, absl::Seconds(2)},
      {Reason::kBusy, false, absl::Seconds(2), false, false, Ending::kNotNow, absl::Seconds(2)},
      {Reason::kShuttingDown, false, absl::ZeroDuration(), false, false, Ending::kLeaving, absl::Seconds(3)},
      {Reason::kReadFailed, true, absl::ZeroDuration(), false, false, Ending::kBroken, absl::Seconds(60)},
      {Reason::kUnknownContent, false, absl::Minutes(9), false, false, Ending::kNotThere, absl::Minutes(9)},
      {Reason::kUnknownContent, false, absl::ZeroDuration(), false, false, Ending::kNotThere,
       absl::ZeroDuration()},
      {Reason::kVersion, false, absl::ZeroDuration(), false, false, Ending::kNotNow, absl::Minutes(5)},
      {Reason::kNoTicket, false, absl::ZeroDuration(), false, false, Ending::kWantsTicket,
       absl::ZeroDuration()},
      {Reason::kUnspecified, false, absl::Minutes(9), false, false, Ending::kFailed, absl::ZeroDuration()},
  };
  for (const Case& row : cases) {
    SCOPED_TRACE(ReasonName(row.reason));
    stream::Refuse refuse;
    refuse.reason = row.reason;
    refuse.retry_after = row.retry_after;
    if (row.about_chunks) refuse.chunks = {{ChunkIndex(3), 1}};
    const Refusal refusal = JudgeRefusal(refuse, tuning);
    EXPECT_EQ(refusal.chunks_alone, row.chunks_alone);
    EXPECT_EQ(refusal.never_held, row.never_held);
    EXPECT_EQ(refusal.ending, row.ending);
    EXPECT_EQ(refusal.wait, row.wait);
  }
}

TEST(Refusal, ShowsThePeersOwnWords) {
  stream::Refuse refuse;
  refuse.reason = Reason::kBusy;
  refuse.detail = "full house";
  EXPECT_EQ(JudgeRefusal(refuse, DownloadTuning()).why,
            std::string("it refused: ") + ReasonName(Reason::kBusy) + " (full house)");
  refuse.reason = Reason::kNoTicket;
  refuse.detail = "ask your tracker";
  EXPECT_EQ(JudgeRefusal(refuse, DownloadTuning()).why, "it serves holders of tickets: ask your tracker");
}

}  // namespace
}  // namespace shoal::leecher
