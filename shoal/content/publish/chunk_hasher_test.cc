#include "shoal/content/publish/chunk_hasher.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "shoal/base/file_descriptor.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

TEST(ChunkHasher, EqualsTheChecksumsInMemory) {
  const TemporaryFolder folder;
  const std::string bytes = SampleBytes(700'001, 1);
  const FileDescriptor file = *FileDescriptor::Open(folder.Write("f", bytes), O_RDONLY);
  ChunkHasher hasher;
  EXPECT_EQ(*hasher.Hash(file.get(), 0, 700'001), ChecksumsOf(AsBytes(bytes)));
  EXPECT_EQ(*hasher.Hash(file.get(), 131'071, 2), ChecksumsOf(AsBytes(bytes).subspan(131'071, 2)));
}

TEST(ChunkHasher, IsUsableAfterAnError) {
  const TemporaryFolder folder;
  const std::string bytes = SampleBytes(200'000, 1);
  const FileDescriptor file = *FileDescriptor::Open(folder.Write("f", bytes), O_RDONLY);
  ChunkHasher hasher;
  EXPECT_EQ(hasher.Hash(file.get(), 1, 200'000).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(*hasher.Hash(file.get(), 0, 200'000), ChecksumsOf(AsBytes(bytes)));
}

}  // namespace
}  // namespace shoal
