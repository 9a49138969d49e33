#include "clients/leecher/agent/download_files.h"

#include <filesystem>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/leecher/agent/followed_folder.h"
#include "shoal/content/publish/manifest_builder.h"
#include "shoal/content/store/earlier_run.h"
#include "tests/support/temporary_folder.h"

namespace shoal::leecher {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DownloadFilesTest : public ::testing::Test {
 protected:
  // A complete download of the file "model", which lies in `folder`.
  SavedDownload Fetched(const std::string& folder) {
    const std::string path = folder_.Write(folder + "/model", "bytes of the model");
    manifest_ = BuildManifest(path, {})->manifest;
    SavedDownload download;
    download.id = DownloadId(1);
    download.content_id = manifest_->id();
    download.output_folder = folder_.Path(folder);
    download.completed = absl::FromUnixSeconds(1);
    download.remove_data = true;
    return download;
  }
  bool Exists(const std::string& path) { return std::filesystem::exists(folder_.Path(path)); }
  bool IsRecorded() {
    return records_.SourceOf(manifest_->id(), RootOfWhole(*manifest_, folder_.Path("out"))).ok();
  }

  const TemporaryFolder folder_;
  const ContentRecords records_ = *ContentRecords::Open(folder_.Path("state/contents"));
  const DownloadFiles files_{&records_};
  std::optional<Manifest> manifest_;
};

TEST_F(DownloadFilesTest, ACompleteContentIsServedAgainOnlyIfItIsWhole) {
  const SavedDownload download = Fetched("out");
  EXPECT_THAT(files_.Complete(download, *manifest_, /*whole=*/false), IsEmpty());
  EXPECT_FALSE(IsRecorded());
  EXPECT_THAT(files_.Complete(download, *manifest_, /*whole=*/true), IsEmpty());
  EXPECT_TRUE(IsRecorded());
}

TEST_F(DownloadFilesTest, SaysWhatCannotBeRecorded) {
  const SavedDownload download = Fetched("out");
  std::filesystem::remove(folder_.Path("out/model"));
  EXPECT_THAT(files_.Complete(download, *manifest_, /*whole=*/true), ElementsAre(HasSubstr("out/model")));
}

TEST_F(DownloadFilesTest, RemovesTheDataOnlyWhenThatIsWanted) {
  SavedDownload download = Fetched("out");
  download.remove_data = false;
  files_.Complete(download, *manifest_, /*whole=*/true);
  EXPECT_THAT(files_.Remove(download, DownloadFiles::Others::kHere), IsEmpty());
  EXPECT_TRUE(IsRecorded());
  EXPECT_THAT(files_.Remove(download, DownloadFiles::Others::kNone), IsEmpty());
  EXPECT_TRUE(Exists("out/model"));
  EXPECT_FALSE(IsRecorded());
  files_.Complete(download, *manifest_, /*whole=*/true);
  download.remove_data = true;
  EXPECT_THAT(files_.Remove(download, DownloadFiles::Others::kNone), IsEmpty());
  EXPECT_FALSE(Exists("out/model"));
}

TEST_F(DownloadFilesTest, FilesThatAnotherDownloadHasTooStay) {
  SavedDownload download = Fetched("out");
  download.remove_data = true;
  files_.Complete(download, *manifest_, /*whole=*/true);
  EXPECT_THAT(files_.Remove(download, DownloadFiles::Others::kHere),
              ElementsAre(HasSubstr("its files stay")));
  EXPECT_TRUE(Exists("out/model"));
  EXPECT_TRUE(IsRecorded());
  EXPECT_THAT(files_.Remove(download, DownloadFiles::Others::kElsewhere), IsEmpty());
  EXPECT_FALSE(Exists("out/model"));
  EXPECT_TRUE(records_.ManifestOf(manifest_->id()).ok());
}

TEST_F(DownloadFilesTest, AnotherProgramsFileStays) {
  const SavedDownload download = Fetched("out");
  files_.Complete(download, *manifest_, /*whole=*/true);
  folder_.Write("out/model", "a person's own");
  EXPECT_THAT(files_.Remove(download, DownloadFiles::Others::kNone),
              ElementsAre(HasSubstr("its files stay")));
  EXPECT_TRUE(Exists("out/model"));
}

TEST_F(DownloadFilesTest, AFollowedNameMeansTheCompleteVersionUntilItIsRemoved) {
  SavedDownload download = Fetched("out/.shoal-versions/000000000000");
  std::filesystem::rename(download.output_folder + "/model", folder_.Path("model"));
  download.output_folder = VersionFolder(folder_.Path("out"), manifest_->id());
  std::filesystem::create_directories(download.output_folder);
  std::filesystem::rename(folder_.Path("model"), download.output_folder + "/model");
  download.followed_glob = "mod*";
  EXPECT_THAT(files_.Complete(download, *manifest_, /*whole=*/true), IsEmpty());
  EXPECT_TRUE(Exists("out/model"));
  EXPECT_THAT(files_.Remove(download, DownloadFiles::Others::kNone), IsEmpty());
  EXPECT_FALSE(Exists("out/model"));
  EXPECT_FALSE(std::filesystem::exists(download.output_folder));
}

}  // namespace
}  // namespace shoal::leecher
