#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "shoal/base/file_io.h"
#include "shoal/content/store/chunk_store.h"
#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

constexpr uint32_t kChunk = kMinChunkSizeBytes;

SampleContent Sample() {
  return SampleContent::OfFolder("c", {{"a", SampleBytes(3 * kChunk + 1, 1), false},
                                       {"b", "", false},
                                       {"d/e", SampleBytes(2 * kChunk, 2), false}});
}

std::shared_ptr<ChunkStore> Open(const SampleContent& sample, const std::string& folder) {
  auto store = ChunkStore::Open(sample.manifest(), {.output_folder = folder, .verify_all = false});
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *store : nullptr;
}

void PutAll(const SampleContent& sample, ChunkStore* store) {
  for (uint32_t i = 0; i < sample.chunk_count(); ++i) {
    const auto result = store->Put(ChunkIndex(i), sample.Chunk(i));
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_NE(*result, ChunkStore::PutResult::kCorrupt);
  }
}

// The chunks that the store holds must have the right bytes, and the rest can still be stored.
void ExpectTruthfulAndCompletable(const SampleContent& sample, const std::string& folder) {
  const auto store = Open(sample, folder);
  ASSERT_NE(store, nullptr);
  store->Held().ForEach([&](ChunkIndex index) {
    const absl::StatusOr<FileRegion> region = store->Open(index);
    ASSERT_TRUE(region.ok()) << region.status();
    std::vector<uint8_t> bytes(region->length_bytes);
    ASSERT_TRUE(ReadAt(region->file->get(), bytes, region->offset_bytes).ok());
    EXPECT_EQ(ChecksumsOf(bytes), sample.manifest()->checksums(index)) << index.value();
  });
  PutAll(sample, store.get());
  ASSERT_TRUE(store->Finish().ok());
  for (const SampleContent::File& file : sample.files()) {
    EXPECT_EQ(TemporaryFolder::Read(folder + "/c/" + file.path), file.bytes);
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

std::string PathEndingIn(const std::string& folder, const std::string& ending) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().string().ends_with(ending)) return entry.path();
  }
  return "";
}

TEST(ChunkStoreCrash, AtEachLengthOfTheJournal) {
  const SampleContent sample = Sample();
  size_t journal_bytes = 0;
  {
    const TemporaryFolder folder;
    PutAll(sample, Open(sample, folder.path()).get());
    journal_bytes = std::filesystem::file_size(PathEndingIn(folder.path(), ".shoal-progress"));
  }
  for (size_t length = 0; length <= journal_bytes; ++length) {
    SCOPED_TRACE(length);
    const TemporaryFolder folder;
    PutAll(sample, Open(sample, folder.path()).get());
    const std::string journal = PathEndingIn(folder.path(), ".shoal-progress");
    std::filesystem::resize_file(journal, length);
    // A chunk without a record may be half written, or not at all.
    const size_t records = length < 72 ? 0 : (length - 72) / 8;
    const std::string data = PathEndingIn(folder.path(), ".shoal-tmp");
    for (size_t i = records; i < sample.chunk_count(); ++i) {
      const ChunkPlace place = sample.manifest()->PlaceOf(ChunkIndex(static_cast<uint32_t>(i)));
      const std::string path = data + "/" + sample.manifest()->files()[place.file.value()].path;
      const FileDescriptor file = *FileDescriptor::Open(path, O_WRONLY);
      ASSERT_TRUE(
          WriteAt(file.get(), AsBytes(std::string(place.length_bytes / 2 + 1, '\0')), place.offset_bytes)
              .ok());
    }
    ExpectTruthfulAndCompletable(sample, folder.path());
  }
}

TEST(ChunkStoreCrash, WhileTheDataIsMade) {
  const SampleContent sample = Sample();
  for (const char* missing : {"a", "b", "d/e", "d"}) {
    SCOPED_TRACE(missing);
    const TemporaryFolder folder;
    PutAll(sample, Open(sample, folder.path()).get());
    std::filesystem::remove_all(PathEndingIn(folder.path(), ".shoal-tmp") + "/" + missing);
    ExpectTruthfulAndCompletable(sample, folder.path());
  }
}

TEST(ChunkStoreCrash, WhileTheJournalIsReplaced) {
  const SampleContent sample = Sample();
  const TemporaryFolder folder;
  PutAll(sample, Open(sample, folder.path()).get());
  const std::string journal = PathEndingIn(folder.path(), ".shoal-progress");
  folder.Write(std::filesystem::path(journal).filename().string() + ".new", "half of a header");
  ExpectTruthfulAndCompletable(sample, folder.path());
}

// A process that is killed with SIGKILL during its work.
TEST(ChunkStoreCrash, ByKill) {
  const SampleContent sample = Sample();
  for (uint32_t chunks = 0; chunks <= sample.chunk_count(); ++chunks) {
    SCOPED_TRACE(chunks);
    const TemporaryFolder folder;
    const pid_t child = fork();
    if (child == 0) {
      auto store = ChunkStore::Open(sample.manifest(), {.output_folder = folder.path(), .verify_all = false});
      for (uint32_t i = 0; store.ok() && i < chunks; ++i) (void)(*store)->Put(ChunkIndex(i), sample.Chunk(i));
      raise(SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(Open(sample, folder.path())->Held().count(), chunks);
    ExpectTruthfulAndCompletable(sample, folder.path());
  }
}

}  // namespace
}  // namespace shoal
