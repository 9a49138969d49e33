#include "shoal/content/publish/folder_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "shoal/base/file_io.h"
#include "shoal/base/manual_clock.h"
#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

constexpr uint32_t kChunk = kMinChunkSizeBytes;

class FolderSourceTest : public testing::Test {
 protected:
  FolderSource Source() {
    std::vector<FileStamp> stamps;
    for (const SampleContent::File& file : sample_.files()) {
      stamps.push_back(*FileStamp::Of(folder_.Write(file.path, file.bytes)));
    }
    return FolderSource(sample_.manifest(), folder_.path(), std::move(stamps), clock_);
  }

  // Another time than before, whatever the grain of the disk's clock.
  static void Touch(const std::string& path) {
    struct timespec times[2] = {{1, 0}, {1, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }

  const TemporaryFolder folder_;
  const SampleContent sample_ = SampleContent::OfFolder("c", {{"a", SampleBytes(2 * kChunk + 1, 1), false},
                                                              {"b/empty", "", false},
                                                              {"b/z", SampleBytes(9, 2), false}});
  ManualClock clock_;
};

TEST_F(FolderSourceTest, HandsOutTheBytesOfEachChunk) {
  const FolderSource source = Source();
  EXPECT_TRUE(source.Held().full());
  for (uint32_t i = 0; i < sample_.chunk_count(); ++i) {
    const absl::StatusOr<FileRegion> region = source.Open(ChunkIndex(i));
    ASSERT_TRUE(region.ok()) << region.status();
    std::vector<uint8_t> bytes(region->length_bytes);
    ASSERT_TRUE(ReadAt(region->file->get(), bytes, region->offset_bytes).ok());
    EXPECT_EQ(ChecksumsOf(bytes), sample_.manifest()->checksums(ChunkIndex(i)));
  }
}

TEST_F(FolderSourceTest, NoticesAnotherFileWhenItOpens) {
  const FolderSource source = Source();
  Touch(folder_.Path("a"));
  EXPECT_EQ(source.Open(ChunkIndex(0)).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(source.Open(ChunkIndex(3)).ok());
  std::filesystem::remove(folder_.Path("b/z"));
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(source.Open(ChunkIndex(3)).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(FolderSourceTest, FindsSmallFilesInAFolderThatTookAnothersPlace) {
  const FolderSource source = Source();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(source.Open(ChunkIndex(3)).ok());  // its folder is open by now
  std::filesystem::create_directory(folder_.Path("other"));
  std::filesystem::rename(folder_.Path("b/z"), folder_.Path("other/z"));
  std::filesystem::remove_all(folder_.Path("b"));
  std::filesystem::rename(folder_.Path("other"), folder_.Path("b"));
  EXPECT_TRUE(source.Open(ChunkIndex(3)).ok());
}

TEST_F(FolderSourceTest, LooksAgainOnceASecond) {
  const FolderSource source = Source();
  ASSERT_TRUE(source.Open(ChunkIndex(0)).ok());
  Touch(folder_.Path("a"));
  clock_.Advance(absl::Milliseconds(900));
  EXPECT_TRUE(source.Open(ChunkIndex(1)).ok());
  clock_.Advance(absl::Milliseconds(200));
  EXPECT_EQ(source.Open(ChunkIndex(1)).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(source.Open(ChunkIndex(1)).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(FolderSourceTest, NoticesAFileInThePlaceOfTheOneItHasOpen) {
  const FolderSource source = Source();
  ASSERT_TRUE(source.Open(ChunkIndex(0)).ok());
  // The same bytes and even the same time, but not the same file.
  const std::string other = folder_.Write("other", sample_.files()[0].bytes);
  std::filesystem::last_write_time(other, std::filesystem::last_write_time(folder_.Path("a")));
  std::filesystem::rename(other, folder_.Path("a"));
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(source.Open(ChunkIndex(0)).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(FolderSourceTest, DoesNotHangOnAPipe) {
  const FolderSource source = Source();
  std::filesystem::remove(folder_.Path("a"));
  ASSERT_EQ(mkfifo(folder_.Path("a").c_str(), 0600), 0);
  EXPECT_EQ(source.Open(ChunkIndex(0)).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(FolderSourceTest, IsAskedByManyThreads) {
  const FolderSource source = Source();
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (uint32_t i = 0; i < 400; ++i) {
        if (!source.Open(ChunkIndex(i % sample_.chunk_count())).ok()) ++failures;
        if (i % 100 == 0) clock_.Advance(absl::Seconds(1));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace shoal
