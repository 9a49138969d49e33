#include "shoal/content/manifest/file_selection.h"

#include <gtest/gtest.h>

#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

constexpr uint32_t kChunk = kMinChunkSizeBytes;

SampleContent Folder() {
  return SampleContent::OfFolder("pond", {{"a", SampleBytes(2 * kChunk + 1, 1), false},
                                          {"b", "", false},
                                          {"c", SampleBytes(5, 2), false},
                                          {"d", SampleBytes(kChunk, 3), false}});
}

TEST(FileSelection, KnowsTheChunksOfItsFiles) {
  const SampleContent sample = Folder();
  FileSelection selection = FileSelection::All(*sample.manifest());
  EXPECT_TRUE(selection.all());
  EXPECT_TRUE(selection.ChunksOf(*sample.manifest()).full());
  EXPECT_EQ(selection.BytesOf(*sample.manifest()), 3 * kChunk + 6);

  selection.Set(FileIndex(2), false);
  EXPECT_FALSE(selection.all());
  EXPECT_FALSE(selection.Wants(FileIndex(2)));
  EXPECT_EQ(selection.ChunksOf(*sample.manifest()).Ranges(),
            (std::vector<ChunkRange>{{ChunkIndex(0), 3}, {ChunkIndex(4), 1}}));
  EXPECT_EQ(selection.BytesOf(*sample.manifest()), 3 * kChunk + 1);

  selection.Set(FileIndex(2), true);
  selection.Set(FileIndex(2), true);
  EXPECT_EQ(selection, FileSelection::All(*sample.manifest()));
}

TEST(FileSelection, MayWantNothing) {
  const SampleContent sample = Folder();
  FileSelection selection = FileSelection::None(*sample.manifest());
  EXPECT_EQ(selection.size(), 4u);
  EXPECT_EQ(selection.count(), 0u);
  EXPECT_TRUE(selection.ChunksOf(*sample.manifest()).empty());
  selection.Set(FileIndex(1), true);  // an empty file has no chunk
  EXPECT_EQ(selection.count(), 1u);
  EXPECT_TRUE(selection.ChunksOf(*sample.manifest()).empty());
}

}  // namespace
}  // namespace shoal
