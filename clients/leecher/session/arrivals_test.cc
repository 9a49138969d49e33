#include "clients/leecher/session/arrivals.h"

#include "gtest/gtest.h"
#include "shoal/base/manual_clock.h"

namespace shoal::leecher {
namespace {

tracking::Announcer::Progress Holding(uint32_t chunks) {
  tracking::Announcer::Progress progress;
  progress.held = ChunkSet(100);
  for (uint32_t chunk = 0; chunk < chunks; ++chunk) progress.held.Insert(ChunkIndex(chunk));
  return progress;
}

TEST(Arrivals, CountsWhatCameSinceTheFirstAnnouncement) {
  ManualClock clock;
  Arrivals arrivals(/*chunks_held=*/10, /*mean_chunk_bytes=*/1000, clock);
  clock.Advance(absl::Seconds(2));
  auto progress = Holding(14);
  arrivals.Report(&progress);
  EXPECT_EQ(progress.received_bytes, 4000u);
  EXPECT_EQ(progress.receive_rate_bytes_per_second, 2000u);
  clock.Advance(absl::Seconds(4));
  progress = Holding(16);
  arrivals.Report(&progress);
  EXPECT_EQ(progress.received_bytes, 6000u);
  EXPECT_EQ(progress.receive_rate_bytes_per_second, 500u);
  clock.Advance(absl::Seconds(4));
  progress = Holding(16);
  arrivals.Report(&progress);
  EXPECT_EQ(progress.receive_rate_bytes_per_second, 0u);
}

TEST(Arrivals, ChunksThatAreLostAreNoArrival) {
  ManualClock clock;
  Arrivals arrivals(/*chunks_held=*/10, /*mean_chunk_bytes=*/1000, clock);
  clock.Advance(absl::Seconds(1));
  auto progress = Holding(7);
  arrivals.Report(&progress);
  EXPECT_EQ(progress.received_bytes, 0u);
  EXPECT_EQ(progress.receive_rate_bytes_per_second, 0u);
}

}  // namespace
}  // namespace shoal::leecher
