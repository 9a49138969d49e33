#include "shoal/content/publish/file_stamp.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

TEST(FileStamp, IsOfRegularFilesOnly) {
  const TemporaryFolder folder;
  EXPECT_EQ(FileStamp::Of(folder.path()).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(FileStamp::Of(folder.Path("none")).status().code(), absl::StatusCode::kNotFound);
  const std::string file = folder.Write("f", "abc");
  std::filesystem::create_symlink(file, folder.Path("link"));
  EXPECT_EQ(*FileStamp::Of(folder.Path("link")), *FileStamp::Of(file));
  EXPECT_EQ(FileStamp::Of(file)->length_bytes, 3u);
}

}  // namespace
}  // namespace shoal
