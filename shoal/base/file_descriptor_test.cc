#include "shoal/base/file_descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace shoal {
namespace {

bool IsOpen(int fd) {
  return fcntl(fd, F_GETFD) != -1;
}

TEST(FileDescriptor, ClosesWhatItOwns) {
  int number = -1;
  {
    const absl::StatusOr<FileDescriptor> file = FileDescriptor::Open("/dev/null", O_RDONLY);
    ASSERT_TRUE(file.ok());
    number = file->get();
    EXPECT_EQ(fcntl(number, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  }
  EXPECT_FALSE(IsOpen(number));
}

TEST(FileDescriptor, MovesAndReleases) {
  FileDescriptor first = *FileDescriptor::Open("/dev/null", O_RDONLY);
  FileDescriptor second = *FileDescriptor::Open("/dev/null", O_RDONLY);
  const int first_number = first.get();
  const int second_number = second.get();
  second = std::move(first);
  EXPECT_FALSE(IsOpen(second_number));
  EXPECT_EQ(second.get(), first_number);
  const FileDescriptor back(second.Release());
  EXPECT_FALSE(second.valid());
  EXPECT_TRUE(IsOpen(back.get()));
}

TEST(FileDescriptor, NamesThePathInItsErrors) {
  const absl::Status status = FileDescriptor::Open("/nowhere/at/all", O_RDONLY).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("/nowhere/at/all"), absl::string_view::npos);
}

TEST(ErrnoStatus, MapsErrnoToStatusCodes) {
  EXPECT_EQ(ErrnoStatus(EACCES, "x").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ErrnoStatus(EROFS, "x").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ErrnoStatus(ENOSPC, "x").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrnoStatus(EDQUOT, "x").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrnoStatus(EMFILE, "x").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrnoStatus(EEXIST, "x").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ErrnoStatus(ENOENT, "cannot do it").message(), "cannot do it: No such file or directory");
}

}  // namespace
}  // namespace shoal
