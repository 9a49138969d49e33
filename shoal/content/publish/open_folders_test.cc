#include "shoal/content/publish/open_folders.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace shoal {
namespace {

absl::StatusOr<FileDescriptor> Root() {
  return FileDescriptor::Open("/", O_PATH | O_DIRECTORY);
}

TEST(OpenFolders, OpensAFolderTheSecondTime) {
  OpenFolders folders;
  EXPECT_EQ(folders.Find("a", Root), nullptr);
  const auto second = folders.Find("a", Root);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(folders.Find("a", [] { return absl::InternalError("not asked again"); }), second);
  EXPECT_EQ(folders.Find("b", Root), nullptr);
}

TEST(OpenFolders, KeepsAFew) {
  OpenFolders folders;
  const auto find_twice = [&](const std::string& name) {
    folders.Find(name, Root);
    return folders.Find(name, Root);
  };
  std::weak_ptr<const FileDescriptor> first = find_twice("0");
  const std::weak_ptr<const FileDescriptor> second = find_twice("1");
  folders.Find("0", Root);
  for (size_t i = 2; i <= OpenFolders::kMaxOpen; ++i) find_twice(std::to_string(i));
  EXPECT_FALSE(first.expired());
  EXPECT_TRUE(second.expired()) << "the least recently used";
}

TEST(OpenFolders, AFolderThatCannotBeOpenedIsTriedAgain) {
  OpenFolders folders;
  folders.Find("a", Root);
  EXPECT_EQ(folders.Find("a", [] { return absl::NotFoundError("not yet"); }), nullptr);
  EXPECT_NE(folders.Find("a", Root), nullptr);
}

TEST(OpenFolders, WhatWasDroppedIsNew) {
  OpenFolders folders;
  folders.Find("a", Root);
  folders.Find("a", Root);
  folders.Drop("a");
  EXPECT_EQ(folders.Find("a", Root), nullptr);
}

}  // namespace
}  // namespace shoal
