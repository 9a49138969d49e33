#include "clients/leecher/cli/commands/commands.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/base/error_cause.h"
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

TEST_F(GetRequestTest, ANameIsTheKeyOfTheRequest) {
  GetOptions options;
  options.trackers = {*tracking::TrackerUrl::Parse("grpc://one:1")};
  options.output_folder = "pond";
  options.max_peers = 5;
  options.verify = true;
  options.repair = true;
  options.sequential = true;
  const absl::StatusOr<DownloadOptions> request = MakeGetRequest("carp", options);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->content, tracking::ContentKey(std::string("carp")));
  EXPECT_EQ(request->manifest, nullptr);
  EXPECT_EQ(request->output_folder, "pond");
  EXPECT_EQ(request->max_peers, 5u);
  EXPECT_TRUE(request->verify_all);
  EXPECT_TRUE(request->repair);
  EXPECT_TRUE(request->sequential);
}

TEST_F(GetRequestTest, AManifestFileAddsItsManifestAndItsTrackers) {
  GetOptions options;
  options.trackers = {*tracking::TrackerUrl::Parse("grpc://one:1")};
  const absl::StatusOr<DownloadOptions> request =
      MakeGetRequest(WriteManifestFile({"grpc://two:2", "grpc://one:1"}), options);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->content, tracking::ContentKey(sample_.manifest()->id()));
  EXPECT_EQ(request->manifest->id(), sample_.manifest()->id());
  EXPECT_THAT(Names(request->trackers), testing::ElementsAre("grpc://one:1", "grpc://two:2"));
}

TEST_F(GetRequestTest, AManifestFileWithoutTrackersNeedsTheFlag) {
  const absl::Status status = MakeGetRequest(WriteManifestFile({}), GetOptions()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("--tracker"));
}

TEST_F(GetRequestTest, AnUnreadableManifestFileIsAnError) {
  EXPECT_EQ(MakeGetRequest(folder_.Write("x.shoal", "no manifest"), GetOptions()).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MakeGetRequest(folder_.Path("gone.shoal"), GetOptions()).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(GetRequestTest, TheOutputIsAFolderOrTheFile) {
  GetOptions options;
  options.contents = {"carp"};
  const auto file_of = [&](const std::string& output) {
    options.output_folder = output;
    EXPECT_TRUE(CheckGetOutput(options).ok()) << output;
    const absl::StatusOr<DownloadOptions> request = MakeGetRequest("carp", options);
    return request.ok() ? request->output_file : "an error";
  };
  const std::string existing = folder_.Write("file", "bytes");
  EXPECT_EQ(file_of("."), "");
  EXPECT_EQ(file_of(folder_.path()), "");
  EXPECT_EQ(file_of(folder_.Path("new")), "");
  EXPECT_EQ(file_of(folder_.Path("new.bin/")), "");
  EXPECT_EQ(file_of(folder_.Path("new.bin")), folder_.Path("new.bin"));
  EXPECT_EQ(file_of(existing), existing);

  options.output_folder = existing + "/below";
  EXPECT_EQ(CauseOf(CheckGetOutput(options)), ErrorCause::kUsage);
  options.contents = {"carp", "koi"};  // both need a folder
  options.output_folder = existing;
  EXPECT_EQ(CauseOf(CheckGetOutput(options)), ErrorCause::kUsage);
  options.output_folder = folder_.Path("new.bin");
  EXPECT_TRUE(CheckGetOutput(options).ok());
  EXPECT_EQ(MakeGetRequest("carp", options)->output_file, "");
  options.contents = {WriteManifestFile({})};
  options.output_folder = options.contents.front();
  EXPECT_EQ(CauseOf(CheckGetOutput(options)), ErrorCause::kOutputInInput);
}

}  // namespace
}  // namespace shoal::leecher
