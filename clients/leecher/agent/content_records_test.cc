#include "clients/leecher/agent/content_records.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/content/publish/manifest_builder.h"
#include "shoal/content/store/earlier_run.h"
#include "tests/support/temporary_folder.h"

namespace shoal::leecher {
namespace {

class ContentRecordsTest : public ::testing::Test {
 protected:
  ContentRecordsTest() {
    folder_.Write("out/pond/a", "aa");
    folder_.Write("out/pond/deep/er/b", "bb");
    folder_.Write("out/file", "ff");
    pond_ = BuildManifest(folder_.Path("out/pond"), {})->manifest;
    file_ = BuildManifest(folder_.Path("out/file"), {})->manifest;
  }
  std::string Root(const Manifest& manifest) { return RootOfWhole(manifest, folder_.Path("out")); }

  const TemporaryFolder folder_;
  ContentRecords records_ = *ContentRecords::Open(folder_.Path("state/contents"));
  std::optional<Manifest> pond_;
  std::optional<Manifest> file_;
};

TEST_F(ContentRecordsTest, ServesACompleteContentAgain) {
  for (const Manifest* manifest : {&*pond_, &*file_}) {
    EXPECT_TRUE(absl::IsNotFound(records_.SourceOf(manifest->id(), Root(*manifest)).status()));
    ASSERT_TRUE(records_.KeepManifest(*manifest).ok());
    EXPECT_EQ((*records_.ManifestOf(manifest->id()))->id(), manifest->id());
    EXPECT_TRUE(absl::IsNotFound(records_.SourceOf(manifest->id(), Root(*manifest)).status()));
    ASSERT_TRUE(records_.KeepComplete(*manifest, Root(*manifest)).ok());
    const auto source = records_.SourceOf(manifest->id(), Root(*manifest));
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_TRUE((*source)->Open(ChunkIndex(0)).ok());
    ASSERT_TRUE(records_.Forget(manifest->id()).ok());
    EXPECT_TRUE(absl::IsNotFound(records_.ManifestOf(manifest->id()).status()));
    EXPECT_TRUE(records_.Forget(manifest->id()).ok());
  }
}

TEST_F(ContentRecordsTest, TheSameContentMayBeCompleteInTwoPlaces) {
  std::filesystem::create_directory(folder_.Path("other"));
  std::filesystem::copy_file(folder_.Path("out/file"), folder_.Path("other/file"));
  const std::string other = RootOfWhole(*file_, folder_.Path("other"));
  ASSERT_TRUE(records_.KeepComplete(*file_, Root(*file_)).ok());
  ASSERT_TRUE(records_.KeepComplete(*file_, other).ok());
  EXPECT_TRUE(records_.SourceOf(file_->id(), Root(*file_)).ok());
  EXPECT_TRUE(records_.SourceOf(file_->id(), other).ok());
  ASSERT_TRUE(records_.ForgetPlace(file_->id(), other).ok());
  EXPECT_TRUE(records_.SourceOf(file_->id(), Root(*file_)).ok());
  EXPECT_TRUE(absl::IsNotFound(records_.SourceOf(file_->id(), other).status()));
}

TEST_F(ContentRecordsTest, NoticesFilesThatChanged) {
  ASSERT_TRUE(records_.KeepComplete(*pond_, Root(*pond_)).ok());
  folder_.Write("out/pond/a", "longer");
  EXPECT_TRUE(absl::IsFailedPrecondition(records_.SourceOf(pond_->id(), Root(*pond_)).status()));
  std::filesystem::remove(folder_.Path("out/pond/a"));
  EXPECT_TRUE(absl::IsFailedPrecondition(records_.SourceOf(pond_->id(), Root(*pond_)).status()));
}

TEST_F(ContentRecordsTest, RemovesWhatIsTheContentsOwn) {
  folder_.Write("out/pond/deep/mine", "a person's own");
  ASSERT_TRUE(RemoveContent(*pond_, Root(*pond_)).ok());
  EXPECT_FALSE(std::filesystem::exists(folder_.Path("out/pond/a")));
  EXPECT_FALSE(std::filesystem::exists(folder_.Path("out/pond/deep/er")));
  EXPECT_TRUE(std::filesystem::exists(folder_.Path("out/pond/deep/mine")));
  std::filesystem::remove(folder_.Path("out/pond/deep/mine"));
  ASSERT_TRUE(RemoveContent(*pond_, Root(*pond_)).ok());
  EXPECT_FALSE(std::filesystem::exists(folder_.Path("out/pond")));
  ASSERT_TRUE(RemoveContent(*file_, Root(*file_)).ok());
  EXPECT_FALSE(std::filesystem::exists(folder_.Path("out/file")));
  EXPECT_TRUE(std::filesystem::exists(folder_.Path("out")));
  EXPECT_TRUE(RemoveContent(*pond_, Root(*pond_)).ok());
}

TEST_F(ContentRecordsTest, FollowsNoLinkWhenItRemoves) {
  folder_.Write("elsewhere/b", "bb");
  std::filesystem::remove_all(folder_.Path("out/pond/deep/er"));
  std::filesystem::create_directory_symlink(folder_.Path("elsewhere"), folder_.Path("out/pond/deep/er"));
  ASSERT_TRUE(RemoveContent(*pond_, Root(*pond_)).ok());
  EXPECT_TRUE(std::filesystem::exists(folder_.Path("elsewhere/b")));
}

}  // namespace
}  // namespace shoal::leecher
