#include "shoal/content/publish/open_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace shoal {
namespace {

FileDescriptor Any() {
  return *FileDescriptor::Open("/dev/null", O_RDONLY);
}
bool IsOpen(int fd) {
  return fcntl(fd, F_GETFD) != -1;
}

TEST(OpenFiles, EvictsTheLeastRecentlyUsed) {
  OpenFiles files(2);
  const int first = files.Keep(FileIndex(1), Any())->get();
  const int second = files.Keep(FileIndex(2), Any())->get();
  EXPECT_EQ(files.Find(FileIndex(1))->get(), first);
  const int third = files.Keep(FileIndex(3), Any())->get();
  EXPECT_EQ(files.Find(FileIndex(2)), nullptr);
  EXPECT_FALSE(IsOpen(second));
  EXPECT_EQ(files.Find(FileIndex(1))->get(), first);
  EXPECT_EQ(files.Find(FileIndex(3))->get(), third);
}

TEST(OpenFiles, LeavesAHeldDescriptorOpen) {
  OpenFiles files(1);
  const auto held = files.Keep(FileIndex(1), Any());
  files.Keep(FileIndex(2), Any());
  EXPECT_EQ(files.Find(FileIndex(1)), nullptr);
  EXPECT_TRUE(IsOpen(held->get()));
}

TEST(OpenFiles, KeepsTheFirstOfTwoDescriptors) {
  OpenFiles files;
  const auto first = files.Keep(FileIndex(1), Any());
  EXPECT_EQ(files.Keep(FileIndex(1), Any()), first);
  files.Drop(FileIndex(1));
  EXPECT_EQ(files.Find(FileIndex(1)), nullptr);
}

}  // namespace
}  // namespace shoal
