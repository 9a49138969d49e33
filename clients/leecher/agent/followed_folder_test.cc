#include "clients/leecher/agent/followed_folder.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "shoal/base/file_io.h"
#include "tests/support/temporary_folder.h"

namespace shoal::leecher {
namespace {

ContentId Id(uint8_t first) {
  std::array<uint8_t, ContentId::kSizeBytes> bytes{};
  bytes[0] = first;
  return ContentId(bytes);
}

class FollowedFolderTest : public ::testing::Test {
 protected:
  void Put(uint8_t id, const std::string& bytes) {
    const std::string folder = VersionFolder(folder_.path(), Id(id));
    std::filesystem::create_directories(folder);
    ASSERT_TRUE(ReplaceFile(folder + "/model", AsBytes(bytes)).ok());
  }
  std::string Current() { return *ReadFile(folder_.Path("model"), 100); }

  const TemporaryFolder folder_;
};

TEST_F(FollowedFolderTest, AVersionLiesBelowTheFolderOfItsRule) {
  EXPECT_EQ(FolderOfVersion(VersionFolder("/data/models", Id(1))), "/data/models");
}

TEST_F(FollowedFolderTest, ANameMeansTheCurrentVersion) {
  Put(1, "one");
  Put(2, "two");
  ASSERT_TRUE(MakeCurrent(folder_.path(), "model", Id(1)).ok());
  EXPECT_EQ(Current(), "one");
  ASSERT_TRUE(MakeCurrent(folder_.path(), "model", Id(2)).ok());
  ASSERT_TRUE(MakeCurrent(folder_.path(), "model", Id(2)).ok());
  EXPECT_EQ(Current(), "two");
}

TEST_F(FollowedFolderTest, NothingElseIsReplaced) {
  Put(1, "one");
  folder_.Write("model", "a person's own");
  EXPECT_TRUE(absl::IsAlreadyExists(MakeCurrent(folder_.path(), "model", Id(1))));
  EXPECT_EQ(Current(), "a person's own");
  std::filesystem::remove(folder_.Path("model"));
  std::filesystem::create_symlink("/etc/hostname", folder_.Path("model"));
  EXPECT_TRUE(absl::IsAlreadyExists(MakeCurrent(folder_.path(), "model", Id(1))));
}

TEST_F(FollowedFolderTest, AnOldVersionIsForgottenWithoutTheLinkToTheNewOne) {
  Put(1, "one");
  Put(2, "two");
  ASSERT_TRUE(MakeCurrent(folder_.path(), "model", Id(2)).ok());
  std::filesystem::remove(VersionFolder(folder_.path(), Id(1)) + "/model");
  ForgetVersion(folder_.path(), "model", Id(1));
  EXPECT_FALSE(std::filesystem::exists(VersionFolder(folder_.path(), Id(1))));
  EXPECT_EQ(Current(), "two");
  std::filesystem::remove(VersionFolder(folder_.path(), Id(2)) + "/model");
  ForgetVersion(folder_.path(), "model", Id(2));
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(folder_.Path("model"))));
}

}  // namespace
}  // namespace shoal::leecher
