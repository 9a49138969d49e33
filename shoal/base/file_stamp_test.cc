#include "shoal/base/file_stamp.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

TEST(FileStamp, ExistsForRegularFilesOnly) {
  const TemporaryFolder folder;
  EXPECT_EQ(FileStamp::Of(folder.path()).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(FileStamp::Of(folder.Path("none")).status().code(), absl::StatusCode::kNotFound);
  const std::string file = folder.Write("f", "abc");
  std::filesystem::create_symlink(file, folder.Path("link"));
  EXPECT_EQ(*FileStamp::Of(folder.Path("link")), *FileStamp::Of(file));
  EXPECT_EQ(FileStamp::Of(file)->length_bytes, 3u);
}

TEST(FileStamp, TellsAChangeOfTheChangeTimeFromAnotherFile) {
  using Comparison = FileStamp::Comparison;
  const FileStamp stamp{.length_bytes = 3, .modified_ns = 10, .inode = 5, .changed_ns = 20};
  EXPECT_EQ(stamp.Compare(stamp), Comparison::kSame);
  FileStamp other = stamp;
  other.changed_ns = 21;
  EXPECT_EQ(stamp.Compare(other), Comparison::kDoubtful);
  for (uint64_t FileStamp::* field : {&FileStamp::length_bytes, &FileStamp::inode}) {
    other = stamp;
    ++(other.*field);
    EXPECT_EQ(stamp.Compare(other), Comparison::kOther);
  }
  other = stamp;
  ++other.modified_ns;
  EXPECT_EQ(stamp.Compare(other), Comparison::kOther);
  // One without a change time does not compare it.
  FileStamp without = stamp;
  without.changed_ns = 0;
  EXPECT_EQ(without.Compare(stamp), Comparison::kSame);
}

}  // namespace
}  // namespace shoal
