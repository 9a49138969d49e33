#include "shoal/base/error_cause.h"

#include <cerrno>

#include "gtest/gtest.h"
#include "shoal/base/file_descriptor.h"

namespace shoal {
namespace {

TEST(ErrorCauseTest, ACauseTravelsWithTheStatus) {
  const absl::Status status = WithCause(absl::UnavailableError("gone"), ErrorCause::kNoPeer);
  EXPECT_EQ(CauseOf(status), ErrorCause::kNoPeer);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "gone");
  EXPECT_EQ(CauseOf(absl::Status(status)), ErrorCause::kNoPeer);
}

TEST(ErrorCauseTest, ALaterCauseReplacesAnEarlierOne) {
  EXPECT_EQ(
      CauseOf(WithCause(WithCause(absl::UnavailableError(""), ErrorCause::kNoPeer), ErrorCause::kUsage)),
      ErrorCause::kUsage);
}

TEST(ErrorCauseTest, NoCauseIsNone) {
  EXPECT_EQ(CauseOf(absl::NotFoundError("")), ErrorCause::kNone);
  EXPECT_EQ(CauseOf(WithCause(absl::OkStatus(), ErrorCause::kUsage)), ErrorCause::kNone);
}

TEST(ErrorCauseTest, AnnotateKeepsCodeAndCause) {
  const absl::Status status =
      Annotate("a.bin", WithCause(absl::NotFoundError("gone"), ErrorCause::kNoSuchPath));
  EXPECT_EQ(status.message(), "a.bin: gone");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(CauseOf(status), ErrorCause::kNoSuchPath);
  EXPECT_EQ(CauseOf(Annotate("a", absl::NotFoundError(""))), ErrorCause::kNone);
  EXPECT_EQ(Annotate("a.bin", status).message(), "a.bin: gone");
  EXPECT_TRUE(Annotate("a", absl::OkStatus()).ok());
}

TEST(ErrorCauseTest, ErrnoHasACause) {
  EXPECT_EQ(CauseOf(ErrnoStatus(ENOENT, "x")), ErrorCause::kNoSuchPath);
  EXPECT_EQ(CauseOf(ErrnoStatus(EACCES, "x")), ErrorCause::kNoPermission);
  EXPECT_EQ(CauseOf(ErrnoStatus(EROFS, "x")), ErrorCause::kNoPermission);
  EXPECT_EQ(CauseOf(ErrnoStatus(ENOSPC, "x")), ErrorCause::kDiskFull);
  EXPECT_EQ(CauseOf(ErrnoStatus(EMFILE, "x")), ErrorCause::kTooManyOpenFiles);
  EXPECT_EQ(CauseOf(ErrnoStatus(EIO, "x")), ErrorCause::kNone);
}

}  // namespace
}  // namespace shoal
