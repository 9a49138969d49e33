#include "clients/leecher/cli/commands/get_request.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/content/manifest/manifest_file.h"
#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal::leecher {
namespace {

class GetRequestTest : public testing::Test {
 protected:
  std::string WriteManifestFile(std::vector<std::string> trackers) {
    const std::string path = folder_.Path("carp.shoal");
    EXPECT_TRUE(ManifestFile({*sample_.manifest(), std::move(trackers)}).Write(path).ok());
    return path;
  }
  static std::vector<std::string> Names(const std::vector<tracking::TrackerUrl>& trackers) {
    std::vector<std::string> names;
    for (const tracking::TrackerUrl& tracker : trackers) names.push_back(tracker.ToString());
    return names;
  }

  TemporaryFolder folder_;
  const SampleContent sample_ = SampleContent::OfFile("carp", SampleBytes(100'000, 1));
};

TEST_F(GetRequestTest, ANameIsAskedForAsItIs) {
  GetOptions options;
  options.trackers = {*tracking::TrackerUrl::Parse("grpc://one:1")};
  options.output_folder = "pond";
  options.max_peers = 5;
  options.verify = true;
  options.sequential = true;
  const absl::StatusOr<DownloadOptions> request = MakeGetRequest("carp", options);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->content, tracking::ContentKey(std::string("carp")));
  EXPECT_EQ(request->manifest, nullptr);
  EXPECT_EQ(request->output_folder, "pond");
  EXPECT_EQ(request->max_peers, 5u);
  EXPECT_TRUE(request->verify_all);
  EXPECT_TRUE(request->sequential);
}

TEST_F(GetRequestTest, AFileBringsItsManifestAndItsTrackers) {
  GetOptions options;
  options.trackers = {*tracking::TrackerUrl::Parse("grpc://one:1")};
  const absl::StatusOr<DownloadOptions> request =
      MakeGetRequest(WriteManifestFile({"grpc://two:2", "grpc://one:1"}), options);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->content, tracking::ContentKey(sample_.manifest()->id()));
  EXPECT_EQ(request->manifest->id(), sample_.manifest()->id());
  EXPECT_THAT(Names(request->trackers), testing::ElementsAre("grpc://one:1", "grpc://two:2"));
}

TEST_F(GetRequestTest, AFileWithoutATrackerNeedsOne) {
  const absl::Status status = MakeGetRequest(WriteManifestFile({}), GetOptions()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("--tracker"));
}

TEST_F(GetRequestTest, AFileThatIsNoneIsRefused) {
  EXPECT_EQ(MakeGetRequest(folder_.Write("x.shoal", "no manifest"), GetOptions()).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MakeGetRequest(folder_.Path("gone.shoal"), GetOptions()).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace shoal::leecher
