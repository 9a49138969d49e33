#include "services/seeder/tracker_link.h"

#include <gtest/gtest.h>

#include "shoal/base/manual_clock.h"
#include "tests/support/temporary_folder.h"

namespace shoal::seeder {
namespace {

TEST(UploadProgress, ReportsTotalsAndTheRateSinceTheLastReport) {
  const TemporaryFolder folder;
  folder.Write("a", SampleBytes(1000, 1));
  BuiltManifest built = *BuildManifest(folder.Path("a"), {});
  const auto version = std::make_shared<const HashedVersion>(HashedVersion{
      std::make_shared<const Manifest>(std::move(built.manifest)), built.root, built.stamps, {}});
  auto source = std::make_shared<const OfferedSource>(version, [](const absl::Status&) {});
  ManualClock clock;
  const tracking::Announcer::ProgressSource progress = UploadProgress(source, [] { return 7u; }, clock);

  const tracking::Announcer::Progress first = progress();
  EXPECT_TRUE(first.held.full());
  EXPECT_EQ(first.free_slots, 7u);
  EXPECT_EQ(first.sent_bytes, 0u);
  EXPECT_EQ(first.send_rate_bytes_per_second, 0u);

  for (int i = 0; i < 6; ++i) ASSERT_TRUE(source->Open(ChunkIndex(0)).ok());
  clock.Advance(absl::Seconds(3));
  const tracking::Announcer::Progress second = progress();
  EXPECT_EQ(second.sent_bytes, 6000u);
  EXPECT_EQ(second.send_rate_bytes_per_second, 2000u);
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(progress().send_rate_bytes_per_second, 0u);
}

}  // namespace
}  // namespace shoal::seeder
