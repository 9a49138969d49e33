#include "clients/leecher/session/download_record.h"

#include "gtest/gtest.h"

namespace shoal::leecher {
namespace {

tracking::TrackerUrl Tracker(const char* host) {
  return {tracking::TrackerUrl::Protocol::kGrpc, {host, 50051}};
}

TEST(DownloadRecordTest, TakesTheNameWhenItIsKnown) {
  DownloadRecord record("0123", {Tracker("a")}, absl::Seconds(5));
  EXPECT_EQ(record.label(), "0123");
  EXPECT_FALSE(record.has_started());
  record.Observe(DownloadStarted{.content_id = {}, .name = "model", .target_path = "out/model"},
                 absl::Seconds(6));
  EXPECT_EQ(record.label(), "model");
  EXPECT_EQ(record.target_path(), "out/model");
  EXPECT_TRUE(record.has_started());
}

TEST(DownloadRecordTest, TimeEndsWithTheDownload) {
  DownloadRecord record("x", {Tracker("a")}, absl::Seconds(5));
  record.Observe(DownloadFinished{absl::NotFoundError("none"), "", {}, {}}, absl::Seconds(8));
  EXPECT_TRUE(record.finished());
  EXPECT_EQ(record.took(), absl::Seconds(3));
  EXPECT_TRUE(absl::IsNotFound(record.outcome()));
}

TEST(DownloadRecordTest, AddsUpATrackersOutages) {
  DownloadRecord record("x", {Tracker("a"), Tracker("b")}, absl::ZeroDuration());
  record.Observe(TrackerChanged{Tracker("a"), absl::UnavailableError("refused")}, absl::Seconds(1));
  record.Observe(TrackerChanged{Tracker("a"), absl::OkStatus()}, absl::Seconds(3));
  record.Observe(TrackerChanged{Tracker("a"), absl::UnavailableError("gone")}, absl::Seconds(10));
  record.Observe(DownloadFinished{absl::OkStatus(), "x", {}, {}}, absl::Seconds(15));
  ASSERT_EQ(record.outages().size(), 1u);
  EXPECT_EQ(record.outages()[0].times, 2u);
  EXPECT_EQ(record.outages()[0].away, absl::Seconds(7));
  EXPECT_EQ(record.outages()[0].why, "gone");
  EXPECT_TRUE(record.outages()[0].away_now);
}

TEST(DownloadRecordTest, KnowsWhetherATrackerAnswered) {
  DownloadRecord record("x", {Tracker("a"), Tracker("b")}, absl::ZeroDuration());
  record.Observe(TrackerChanged{Tracker("a"), absl::UnavailableError("")}, absl::Seconds(1));
  EXPECT_TRUE(record.tracker_answered());
  record.Observe(TrackerChanged{Tracker("b"), absl::UnavailableError("")}, absl::Seconds(1));
  EXPECT_FALSE(record.tracker_answered());
  record.Observe(TrackerChanged{Tracker("a"), absl::OkStatus()}, absl::Seconds(2));
  EXPECT_TRUE(record.tracker_answered());
}

}  // namespace
}  // namespace shoal::leecher
