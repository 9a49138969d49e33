#include "shoal/base/file_io.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "shoal/base/error_cause.h"
#include "shoal/base/file_descriptor.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

TEST(FileIo, ReadsAndWritesAtAnOffset) {
  const TemporaryFolder folder;
  const FileDescriptor file = *FileDescriptor::Open(folder.Path("f"), O_RDWR | O_CREAT);
  ASSERT_TRUE(WriteAt(file.get(), AsBytes("world"), 6).ok());
  ASSERT_TRUE(WriteAt(file.get(), AsBytes("hello "), 0).ok());
  EXPECT_EQ(folder.Read(folder.Path("f")), "hello world");
  uint8_t bytes[5];
  ASSERT_TRUE(ReadAt(file.get(), bytes, 6).ok());
  EXPECT_EQ(std::string(bytes, bytes + 5), "world");
}

TEST(FileIo, WritesWithoutCaching) {
  const TemporaryFolder folder;
  const FileDescriptor file = *FileDescriptor::Open(folder.Path("f"), O_RDWR | O_CREAT);
  ASSERT_TRUE(WriteUncachedAt(file.get(), AsBytes("world"), 6).ok());
  ASSERT_TRUE(WriteUncachedAt(file.get(), AsBytes("hello "), 0).ok());
  EXPECT_EQ(folder.Read(folder.Path("f")), "hello world");
  EXPECT_TRUE(WriteUncachedAt(file.get(), {}, 0).ok());
  const FileDescriptor closed = *FileDescriptor::Open(folder.Path("f"), O_RDONLY);
  EXPECT_FALSE(WriteUncachedAt(closed.get(), AsBytes("x"), 0).ok());
}

TEST(FileIo, ReadingPastTheEndIsOutOfRange) {
  const TemporaryFolder folder;
  const FileDescriptor file = *FileDescriptor::Open(folder.Write("f", "abc"), O_RDONLY);
  uint8_t bytes[3];
  EXPECT_EQ(ReadAt(file.get(), bytes, 1).code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(ReadAt(file.get(), {}, 100).ok());
}

TEST(FileIo, WhatAnotherUserLeftIsNotTrusted) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const TemporaryFolder folder;
  const std::string path = folder.Write("f", "abc");
  EXPECT_EQ(*ReadOwnFile(path, 10), "abc");
  ASSERT_EQ(chown(path.c_str(), 12345, 12345), 0);
  EXPECT_EQ(ReadOwnFile(path, 10).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(*ReadFile(path, 10), "abc");
}

TEST(FileIo, AFreshFileIsNeitherALinksTargetNorTheFileBefore) {
  const TemporaryFolder folder;
  const std::string target = folder.Write("target", "abc");
  ASSERT_EQ(symlink(target.c_str(), folder.Path("link").c_str()), 0);
  ASSERT_TRUE(CreateFreshFile(folder.Path("link"), 0600).ok());
  EXPECT_EQ(folder.Read(target), "abc");
  const FileDescriptor before = *FileDescriptor::Open(target, O_WRONLY);
  ASSERT_TRUE(CreateFreshFile(target, 0600).ok());
  ASSERT_TRUE(WriteAt(before.get(), AsBytes("evil"), 0).ok());
  EXPECT_EQ(folder.Read(target), "");
}

TEST(FileIo, AFullDiskIsResourceExhausted) {
  const FileDescriptor full = *FileDescriptor::Open("/dev/full", O_WRONLY);
  EXPECT_EQ(WriteAt(full.get(), AsBytes("x"), 0).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(WriteUncachedAt(full.get(), AsBytes("x"), 0).code(), absl::StatusCode::kResourceExhausted);
}

TEST(FileIo, MakesTheFoldersThatAreMissing) {
  const TemporaryFolder folder;
  EXPECT_TRUE(MakeFolders(folder.Path("a/b//c/")).ok());
  EXPECT_TRUE(FileDescriptor::Open(folder.Path("a/b/c"), O_RDONLY | O_DIRECTORY).ok());
  EXPECT_TRUE(MakeFolders(folder.Path("a/b/c")).ok());
  EXPECT_TRUE(MakeFolders("/").ok());
  EXPECT_TRUE(MakeFolders(".").ok());
  folder.Write("f", "");
  const absl::Status file = MakeFolders(folder.Path("f"));
  EXPECT_EQ(file.code(), absl::StatusCode::kFailedPrecondition) << file;
  EXPECT_EQ(CauseOf(file), ErrorCause::kUsage);
  EXPECT_FALSE(MakeFolders(folder.Path("f/g")).ok());
}

}  // namespace
}  // namespace shoal
