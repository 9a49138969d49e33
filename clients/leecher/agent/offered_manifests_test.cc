#include "clients/leecher/agent/offered_manifests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/base/manual_clock.h"
#include "shoal/content/publish/manifest_builder.h"
#include "tests/support/temporary_folder.h"

namespace shoal::leecher {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

ContentId Id(uint8_t first) {
  std::array<uint8_t, ContentId::kSizeBytes> bytes{};
  bytes[0] = first;
  return ContentId(bytes);
}

class OfferedManifestsTest : public ::testing::Test {
 protected:
  OfferedManifests::Options Options() {
    OfferedManifests::Options options;
    options.trackers = {*tracking::TrackerUrl::Parse("127.0.0.1:1")};
    options.start = [this](const ContentId& content, DownloadOptions download) {
      EXPECT_TRUE(download.manifest_only);
      EXPECT_EQ(download.wait_for_content, absl::ZeroDuration());
      started_.push_back(content);
      return DownloadKey(started_.size());
    };
    options.remove = [this](DownloadKey download) { removed_.push_back(download); };
    options.clock = &clock_;
    return options;
  }
  static DownloadFinished Failed(const absl::Status& outcome) {
    DownloadFinished finished;
    finished.outcome = outcome;
    return finished;
  }

  ManualClock clock_;
  std::vector<ContentId> started_;
  std::vector<DownloadKey> removed_;
  OfferedManifests manifests_{Options()};
};

TEST_F(OfferedManifestsTest, FetchesAManifestOnce) {
  const TemporaryFolder folder;
  DownloadFinished finished;
  finished.manifest =
      std::make_shared<const Manifest>(BuildManifest(folder.Write("model", "bytes"), {})->manifest);
  const ContentId id = finished.manifest->id();
  EXPECT_TRUE(absl::IsUnavailable(manifests_.Get(id).status()));
  EXPECT_TRUE(absl::IsUnavailable(manifests_.Get(id).status()));
  EXPECT_THAT(started_, ElementsAre(id));
  manifests_.Observe(DownloadKey(7), finished);
  EXPECT_FALSE(manifests_.Get(id).ok()) << "another download ended";
  manifests_.Observe(DownloadKey(1), finished);
  EXPECT_THAT(removed_, ElementsAre(DownloadKey(1)));
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(*manifests_.Get(id), finished.manifest);
  EXPECT_THAT(started_, SizeIs(1));
}

TEST_F(OfferedManifestsTest, AFailureIsTriedAgainAfterAWhile) {
  manifests_.Get(Id(1)).IgnoreError();
  manifests_.Observe(DownloadKey(1), Failed(absl::NotFoundError("no peer has it")));
  clock_.Advance(OfferedManifests::kAgainAfter - absl::Seconds(1));
  EXPECT_TRUE(absl::IsNotFound(manifests_.Get(Id(1)).status()));
  EXPECT_THAT(started_, SizeIs(1));
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(absl::IsUnavailable(manifests_.Get(Id(1)).status()));
  EXPECT_THAT(started_, SizeIs(2));
  manifests_.Observe(DownloadKey(2), Failed(absl::DataLossError("a lying peer")));
  EXPECT_TRUE(absl::IsUnavailable(manifests_.Get(Id(1)).status()));
}

TEST_F(OfferedManifestsTest, AFailureThatTookLongLasts) {
  manifests_.Get(Id(1)).IgnoreError();
  clock_.Advance(absl::Minutes(1));
  manifests_.Observe(DownloadKey(1), Failed(absl::NotFoundError("no tracker knows this content")));
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(absl::IsNotFound(manifests_.Get(Id(1)).status()));
  EXPECT_THAT(started_, SizeIs(1));
}

TEST_F(OfferedManifestsTest, ForgetsTheOneThatWasAskedForLeastRecently) {
  for (uint8_t i = 0; i < OfferedManifests::kMost; ++i) manifests_.Get(Id(i)).IgnoreError();
  EXPECT_TRUE(absl::IsUnavailable(manifests_.Get(Id(100)).status()));
  EXPECT_THAT(started_, SizeIs(OfferedManifests::kMost)) << "all of them are on their way";
  manifests_.Observe(DownloadKey(3), Failed(absl::NotFoundError("no peer has it")));
  EXPECT_TRUE(absl::IsUnavailable(manifests_.Get(Id(100)).status()));
  EXPECT_EQ(started_.back(), Id(100));
}

TEST_F(OfferedManifestsTest, WithoutATrackerThereIsNone) {
  OfferedManifests::Options options = Options();
  options.trackers.clear();
  OfferedManifests manifests(options);
  EXPECT_TRUE(absl::IsNotFound(manifests.Get(Id(1)).status()));
  EXPECT_THAT(started_, SizeIs(0));
}

}  // namespace
}  // namespace shoal::leecher
