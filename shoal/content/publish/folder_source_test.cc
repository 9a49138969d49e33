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

  // Differs from the earlier time, whatever the resolution of the disk's clock.
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

TEST_F(FolderSourceTest, OpensEachChunk) {
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

TEST_F(FolderSourceTest, DetectsAChangedFileAtOpen) {
  const FolderSource source = Source();
  Touch(folder_.Path("a"));
  EXPECT_EQ(source.Open(ChunkIndex(0)).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(source.Open(ChunkIndex(3)).ok());
  std::filesystem::remove(folder_.Path("b/z"));
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(source.Open(ChunkIndex(3)).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(FolderSourceTest, OpensSmallFilesInAReplacedFolder) {
  const FolderSource source = Source();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(source.Open(ChunkIndex(3)).ok());  // its folder is open by now
  std::filesystem::create_directory(folder_.Path("other"));
  std::filesystem::rename(folder_.Path("b/z"), folder_.Path("other/z"));
  std::filesystem::remove_all(folder_.Path("b"));
  std::filesystem::rename(folder_.Path("other"), folder_.Path("b"));
  EXPECT_TRUE(source.Open(ChunkIndex(3)).ok());
}

TEST_F(FolderSourceTest, ComparesStampsOnceASecond) {
  const FolderSource source = Source();
  ASSERT_TRUE(source.Open(ChunkIndex(0)).ok());
  Touch(folder_.Path("a"));
  clock_.Advance(absl::Milliseconds(900));
  EXPECT_TRUE(source.Open(ChunkIndex(1)).ok());
  clock_.Advance(absl::Milliseconds(200));
  EXPECT_EQ(source.Open(ChunkIndex(1)).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(source.Open(ChunkIndex(1)).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(FolderSourceTest, DetectsAReplacedFileThatIsOpen) {
  const FolderSource source = Source();
  ASSERT_TRUE(source.Open(ChunkIndex(0)).ok());
  // The same bytes and the same time, but another file.
  const std::string other = folder_.Write("other", sample_.files()[0].bytes);
  std::filesystem::last_write_time(other, std::filesystem::last_write_time(folder_.Path("a")));
  std::filesystem::rename(other, folder_.Path("a"));
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(source.Open(ChunkIndex(0)).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(FolderSourceTest, FollowsNoLinks) {
  const FolderSource source = Source();
  const FolderSource following(sample_.manifest(), folder_.path(),
                               {*FileStamp::Of(folder_.Path("a")), *FileStamp::Of(folder_.Path("b/empty")),
                                *FileStamp::Of(folder_.Path("b/z"))},
                               clock_, "", LinkPolicy::kFollow);
  // The very same files, with the same stamps, but reached through links: a file, and the folder of a file.
  std::filesystem::rename(folder_.Path("a"), folder_.Path("moved"));
  std::filesystem::create_symlink("moved", folder_.Path("a"));
  std::filesystem::rename(folder_.Path("b"), folder_.Path("moved-b"));
  std::filesystem::create_symlink("moved-b", folder_.Path("b"));
  for (const uint32_t chunk : {0u, 3u, 3u, 3u}) {
    EXPECT_EQ(source.Open(ChunkIndex(chunk)).status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_TRUE(following.Open(ChunkIndex(chunk)).ok());
  }
}

// Makes another change time than before, whatever the step of the file system's time stamps.
void ChangeTimes(const std::string& path) {
  const FileStamp before = *FileStamp::Of(path);
  while (FileStamp::Of(path)->changed_ns == before.changed_ns) {
    chmod(path.c_str(), 0600);
    chmod(path.c_str(), 0644);
  }
}

TEST_F(FolderSourceTest, ServesAFileWhoseModeChangedAsLongAsItsBytesAreRight) {
  const FolderSource source = Source();
  ChangeTimes(folder_.Path("a"));
  for (uint32_t i = 0; i < sample_.chunk_count(); ++i) EXPECT_TRUE(source.Open(ChunkIndex(i)).ok());
}

TEST_F(FolderSourceTest, NoticesAChangeInPlaceWhoseTimeWasRestored) {
  const FolderSource source = Source();
  ASSERT_TRUE(source.Open(ChunkIndex(0)).ok());
  const std::string path = folder_.Path("a");
  const FileStamp before = *FileStamp::Of(path);
  const std::filesystem::file_time_type time = std::filesystem::last_write_time(path);
  std::string bytes = sample_.files()[0].bytes;
  bytes[0] = static_cast<char>(bytes[0] ^ 1);
  folder_.Write("a", bytes);
  std::filesystem::last_write_time(path, time);
  ChangeTimes(path);
  ASSERT_EQ(before.Compare(*FileStamp::Of(path)), FileStamp::Comparison::kDoubtful);
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(source.Open(ChunkIndex(0)).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(source.Open(ChunkIndex(1)).ok());
}

TEST_F(FolderSourceTest, OpensASingleFileUnderAnotherName) {
  for (const size_t size : {size_t{5}, size_t{2 * kChunk}}) {
    const std::string bytes = SampleBytes(size, 7);
    const std::vector<FileStamp> stamps = {*FileStamp::Of(folder_.Write("other name", bytes))};
    const SampleContent file = SampleContent::OfFile("its name", bytes);
    const FolderSource source(file.manifest(), folder_.path(), stamps, clock_, "other name");
    for (uint32_t chunk = 0; chunk < file.chunk_count(); ++chunk)
      EXPECT_TRUE(source.Open(ChunkIndex(chunk)).ok()) << size;
  }
}

TEST_F(FolderSourceTest, DoesNotWaitForAFifo) {
  const FolderSource source = Source();
  std::filesystem::remove(folder_.Path("a"));
  ASSERT_EQ(mkfifo(folder_.Path("a").c_str(), 0600), 0);
  EXPECT_EQ(source.Open(ChunkIndex(0)).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(FolderSourceTest, OpensFromManyThreads) {
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
