#include "shoal/content/store/chunk_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "shoal/base/file_io.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/store/chunk_journal.h"
#include "shoal/content/store/earlier_run.h"
#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

constexpr uint32_t kChunk = kMinChunkSizeBytes;
using PutResult = ChunkStore::PutResult;

class ChunkStoreTest : public testing::Test {
 protected:
  absl::StatusOr<std::shared_ptr<ChunkStore>> TryOpen(const SampleContent& sample, bool verify_all = false) {
    return ChunkStore::Open(sample.manifest(), {.output_folder = folder_.path(), .verify_all = verify_all});
  }
  std::shared_ptr<ChunkStore> Open(const SampleContent& sample, bool verify_all = false) {
    auto store = TryOpen(sample, verify_all);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *store : nullptr;
  }
  static void Put(const SampleContent& sample, ChunkStore* store, uint32_t index) {
    const absl::StatusOr<PutResult> result = store->Put(ChunkIndex(index), sample.Chunk(index));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(*result, PutResult::kStored);
  }
  static void PutAll(const SampleContent& sample, ChunkStore* store) {
    for (uint32_t i = 0; i < sample.chunk_count(); ++i) Put(sample, store, i);
  }
  void ExpectFinished(const SampleContent& sample, ChunkStore* store) {
    EXPECT_TRUE(store->whole());
    const absl::Status finished = store->Finish();
    ASSERT_TRUE(finished.ok()) << finished;
    EXPECT_TRUE(store->Finish().ok());
    const std::string base =
        sample.manifest()->kind() == Manifest::Kind::kFile ? folder_.path() : store->target_path();
    for (const SampleContent::File& file : sample.files()) {
      EXPECT_EQ(folder_.Read(base + "/" + file.path), file.bytes);
    }
    EXPECT_EQ(Entries(), std::vector<std::string>{sample.manifest()->name()});
    ExpectServed(sample, *store);
  }
  static void ExpectServed(const SampleContent& sample, const ChunkStore& store) {
    for (uint32_t i = 0; i < sample.chunk_count(); ++i) {
      const absl::StatusOr<FileRegion> region = store.Open(ChunkIndex(i));
      ASSERT_TRUE(region.ok()) << region.status();
      std::vector<uint8_t> bytes(region->length_bytes);
      ASSERT_TRUE(ReadAt(region->file->get(), bytes, region->offset_bytes).ok());
      EXPECT_EQ(ChecksumsOf(bytes), sample.manifest()->checksums(ChunkIndex(i)));
    }
  }
  std::vector<std::string> Entries() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  std::string PathEndingIn(const std::string& ending) const {
    for (const std::string& name : Entries()) {
      if (name.ends_with(ending)) return folder_.Path(name);
    }
    ADD_FAILURE() << "nothing ends in " << ending;
    return "";
  }

  void Damage(uint64_t at) {
    const FileDescriptor data = *FileDescriptor::Open(PathEndingIn(".shoal-tmp"), O_RDWR);
    ASSERT_TRUE(WriteAt(data.get(), AsBytes("damage"), at).ok());
  }

  const TemporaryFolder folder_;
};

SampleContent File() {
  return SampleContent::OfFile("fish.bin", SampleBytes(9 * kChunk + 7, 1));
}
// Longer than the sample that is read at a resume.
SampleContent LargeFile() {
  return SampleContent::OfFile("whale.bin", SampleBytes(400 * kChunk, 3));
}
SampleContent Folder() {
  return SampleContent::OfFolder("pond", {{"bin/run", SampleBytes(kChunk + 1, 1), true},
                                          {"deep/er/carp", SampleBytes(2 * kChunk, 2), false},
                                          {"empty", "", false},
                                          {"z", "z", false}});
}

TEST_F(ChunkStoreTest, TakesAFileAndGivesItItsName) {
  const SampleContent sample = File();
  const auto store = Open(sample);
  EXPECT_EQ(store->resumed_bytes(), 0u);
  EXPECT_FALSE(store->whole());
  EXPECT_EQ(store->Finish().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store->Open(ChunkIndex(3)).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store->target_path(), folder_.Path("fish.bin"));
  PutAll(sample, store.get());
  EXPECT_FALSE(std::filesystem::exists(store->target_path()));
  ExpectServed(sample, *store);
  ExpectFinished(sample, store.get());
}

TEST_F(ChunkStoreTest, ASingleFileMayHaveAnotherName) {
  const auto sample = SampleContent::OfFile("carp", SampleBytes(3 * kChunk + 1, 1));
  const auto open = [&] {
    return ChunkStore::Open(sample.manifest(), {.output_folder = folder_.path(), .file_name = "koi.bin"});
  };
  {
    const auto store = open();
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ((*store)->target_path(), folder_.Path("koi.bin"));
    PutAll(sample, store->get());
    ASSERT_TRUE((*store)->Finish().ok());
    ExpectServed(sample, **store);
  }
  EXPECT_EQ(Entries(), std::vector<std::string>{"koi.bin"});
  const auto again = open();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE((*again)->whole());
  ExpectServed(sample, **again);
  folder_.Write("koi.bin", "other bytes");
  EXPECT_EQ(open().status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(ChunkStoreTest, TakesAFolder) {
  const SampleContent sample = Folder();
  const auto store = Open(sample);
  PutAll(sample, store.get());
  ExpectFinished(sample, store.get());
  EXPECT_EQ(access(folder_.Path("pond/bin/run").c_str(), X_OK), 0);
  struct stat info;
  ASSERT_EQ(stat(folder_.Path("pond/z").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0111, 0u);
}

TEST_F(ChunkStoreTest, TakesAllSizesAndNames) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{kChunk - 1}, size_t{kChunk}, size_t{kChunk + 1}}) {
    std::string long_name(255, 'n');
    std::string long_unicode;
    while (long_unicode.size() < 252) long_unicode += "鯛";
    for (const std::string& name : {std::string("x"), std::string("Größe 🐟"), long_name, long_unicode}) {
      const SampleContent sample = SampleContent::OfFile(name, SampleBytes(size, 1));
      const auto store = Open(sample);
      ASSERT_NE(store, nullptr);
      EXPECT_EQ(store->whole(), size == 0);
      PutAll(sample, store.get());
      ExpectFinished(sample, store.get());
      std::filesystem::remove(store->target_path());
    }
  }
}

TEST_F(ChunkStoreTest, OfEmptyFilesIsWholeAtOnce) {
  const SampleContent sample = SampleContent::OfFolder("c", {{"a", "", false}, {"b/c", "", false}});
  const auto store = Open(sample);
  ExpectFinished(sample, store.get());
}

TEST_F(ChunkStoreTest, RefusesWhatIsCorrupt) {
  const SampleContent sample = File();
  const auto store = Open(sample);
  std::vector<uint8_t> bytes(sample.Chunk(2).begin(), sample.Chunk(2).end());
  bytes[100] ^= 1;
  EXPECT_EQ(*store->Put(ChunkIndex(2), bytes), PutResult::kCorrupt);
  EXPECT_EQ(*store->Put(ChunkIndex(2), sample.Chunk(2).first(10)), PutResult::kCorrupt);
  EXPECT_EQ(*store->Put(ChunkIndex(2), sample.Chunk(3)), PutResult::kCorrupt);
  EXPECT_FALSE(store->Holds(ChunkIndex(2)));
  EXPECT_FALSE(store->Put(ChunkIndex(10'000), bytes).ok());
  Put(sample, store.get(), 2);
  EXPECT_EQ(*store->Put(ChunkIndex(2), sample.Chunk(2)), PutResult::kAlreadyHeld);
}

TEST_F(ChunkStoreTest, GoesOnWhereAnEarlierRunStopped) {
  for (const SampleContent& sample : {File(), Folder()}) {
    {
      const auto store = Open(sample);
      Put(sample, store.get(), 1);
      Put(sample, store.get(), 3);
    }
    const auto store = Open(sample);
    EXPECT_EQ(store->resumed_bytes(), sample.Chunk(1).size() + sample.Chunk(3).size());
    EXPECT_EQ(store->Held().Ranges(), (std::vector<ChunkRange>{{ChunkIndex(1), 1}, {ChunkIndex(3), 1}}));
    for (uint32_t i = 0; i < sample.chunk_count(); ++i) {
      if (i != 1 && i != 3) Put(sample, store.get(), i);
    }
    ExpectFinished(sample, store.get());
    std::filesystem::remove_all(store->target_path());
  }
}

TEST_F(ChunkStoreTest, LeavesNothingOfADownloadThatIsGivenUp) {
  for (const SampleContent& sample : {File(), Folder()}) {
    const auto store = Open(sample);
    Put(sample, store.get(), 1);
    EXPECT_TRUE(store->Discard().ok());
    EXPECT_TRUE(Entries().empty());
    EXPECT_EQ(store->Held().count(), 0u);
    EXPECT_EQ(store->Open(ChunkIndex(1)).status().code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(*store->Put(ChunkIndex(2), sample.Chunk(2)), PutResult::kAlreadyHeld);
    EXPECT_TRUE(store->Discard().ok());
    const auto again = Open(sample);
    EXPECT_EQ(again->resumed_bytes(), 0u);
    EXPECT_TRUE(again->Discard().ok());
  }
}

TEST_F(ChunkStoreTest, IsNotGivenUpOnceItHasItsName) {
  const SampleContent sample = File();
  const auto store = Open(sample);
  PutAll(sample, store.get());
  ExpectFinished(sample, store.get());
  EXPECT_TRUE(store->Discard().ok());
  ExpectServed(sample, *store);
}

TEST_F(ChunkStoreTest, AnotherRunContinuesOnceItIsClosed) {
  const SampleContent sample = File();
  const auto store = Open(sample);
  Put(sample, store.get(), 1);
  store->Close();
  EXPECT_TRUE(store->Open(ChunkIndex(1)).ok());
  EXPECT_EQ(*store->Put(ChunkIndex(2), sample.Chunk(2)), PutResult::kAlreadyHeld);
  EXPECT_EQ(Open(sample)->Held().count(), 1u);
}

TEST_F(ChunkStoreTest, IsForOneProcessAtATime) {
  const SampleContent sample = File();
  {
    const auto store = Open(sample);
    EXPECT_EQ(TryOpen(sample).status().code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_TRUE(TryOpen(sample).ok());
}

TEST_F(ChunkStoreTest, ChecksWhatItIsToldToCheck) {
  const SampleContent sample = LargeFile();
  {
    const auto store = Open(sample);
    PutAll(sample, store.get());
  }
  Damage(4 * kChunk);
  EXPECT_FALSE(Open(sample, /*verify_all=*/true)->Holds(ChunkIndex(4)));
  const auto store = Open(sample);
  EXPECT_EQ(store->Held().count(), sample.chunk_count() - 1);
  Put(sample, store.get(), 4);
  ExpectFinished(sample, store.get());
}

TEST_F(ChunkStoreTest, ChecksFilesThatAnotherProgramWroteTo) {
  const SampleContent sample = LargeFile();
  {
    const auto store = Open(sample);
    PutAll(sample, store.get());
  }
  // Everything but the damage happened an hour ago.
  const std::string journal = PathEndingIn(".shoal-progress");
  const auto noted = std::filesystem::last_write_time(journal);
  std::filesystem::last_write_time(journal, noted - std::chrono::hours(1));
  Damage(4 * kChunk);
  const std::string data = PathEndingIn(".shoal-tmp");
  std::filesystem::last_write_time(data, noted - std::chrono::hours(1));  // mtime alone hides nothing
  const auto store = Open(sample);
  EXPECT_EQ(store->Held().count(), sample.chunk_count() - 1);
  EXPECT_FALSE(store->Holds(ChunkIndex(4)));
}

TEST_F(ChunkStoreTest, ReadsSamplesOfWhatItTrusts) {
  const SampleContent sample = File();  // so small that the samples are all of it
  {
    const auto store = Open(sample);
    PutAll(sample, store.get());
  }
  Damage(4 * kChunk);
  EXPECT_EQ(Open(sample)->Held().count(), sample.chunk_count() - 1);
}

TEST_F(ChunkStoreTest, ChecksWhatWasWrittenBeforeTheMachineWentDown) {
  const SampleContent sample = File();
  {
    const auto store = Open(sample);
    PutAll(sample, store.get());
  }
  // As after a power cut: the journal is of an earlier boot, and one recorded chunk is not on the disk.
  const std::string journal_path = PathEndingIn(".shoal-progress");
  const std::string journal_bytes = folder_.Read(journal_path);
  JournalContents journal = *DecodeJournal(AsBytes(journal_bytes));
  journal.header.boot_id[0] ^= 1;
  folder_.Write(std::filesystem::path(journal_path).filename(), EncodeJournal(journal.header, journal.noted));
  Damage(4 * kChunk);

  const auto store = Open(sample);
  EXPECT_EQ(store->Held().count(), 9u);
  EXPECT_FALSE(store->Holds(ChunkIndex(4)));
}

TEST_F(ChunkStoreTest, ChecksFilesThatAreNotThoseItWrote) {
  const SampleContent sample = File();
  {
    const auto store = Open(sample);
    PutAll(sample, store.get());
  }
  const std::string data = PathEndingIn(".shoal-tmp");
  std::string bytes = folder_.Read(data);
  bytes[0] ^= 1;
  folder_.Write("other", bytes);
  std::filesystem::rename(folder_.Path("other"), data);
  EXPECT_EQ(Open(sample)->Held().count(), 9u);
}

TEST_F(ChunkStoreTest, BeginsAnewWithoutItsDataOrItsJournal) {
  const SampleContent sample = File();
  for (const char* ending : {".shoal-tmp", ".shoal-progress"}) {
    {
      const auto store = Open(sample);
      Put(sample, store.get(), 0);
    }
    std::filesystem::remove(PathEndingIn(ending));
    EXPECT_TRUE(Open(sample)->Held().empty());
  }
}

TEST_F(ChunkStoreTest, IsWholeWhenTheTargetIs) {
  for (const SampleContent& sample : {File(), Folder()}) {
    for (const SampleContent::File& file : sample.files()) {
      folder_.Write(sample.manifest()->kind() == Manifest::Kind::kFile ? file.path : "pond/" + file.path,
                    file.bytes);
    }
    const auto store = Open(sample);
    EXPECT_TRUE(store->whole());
    EXPECT_EQ(store->resumed_bytes(), sample.manifest()->length_bytes());
    ExpectFinished(sample, store.get());
    EXPECT_EQ(*store->Put(ChunkIndex(0), sample.Chunk(0)), PutResult::kAlreadyHeld);
    std::filesystem::remove_all(store->target_path());
  }
}

// A crash keeps any of the last changes of names.
TEST_F(ChunkStoreTest, RemovesWhatACrashLeftBesideAWholeTarget) {
  const SampleContent sample = File();
  const DownloadNames names(*sample.manifest());
  folder_.Write("fish.bin", sample.files()[0].bytes);
  for (const std::string& left : {names.journal, names.journal + ".new", names.data}) {
    folder_.Write(names.journal + (left == names.data ? "" : ".new"), "torn");
    folder_.Write(left, "torn");
    EXPECT_TRUE(Open(sample)->whole());
    EXPECT_FALSE(std::filesystem::exists(folder_.Path(left))) << left;
    EXPECT_FALSE(std::filesystem::exists(folder_.Path(names.journal))) << left;
  }
}

TEST_F(ChunkStoreTest, TouchesNoTargetWithOtherBytes) {
  const SampleContent sample = File();
  std::string other = sample.files()[0].bytes;
  other[5] ^= 1;
  for (const std::string& bytes : {std::string(), std::string("short"), other}) {
    folder_.Write("fish.bin", bytes);
    EXPECT_EQ(TryOpen(sample).status().code(), absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(folder_.Read(folder_.Path("fish.bin")), bytes);
    EXPECT_EQ(Entries(), std::vector<std::string>{"fish.bin"});
  }
  std::filesystem::remove(folder_.Path("fish.bin"));
  std::filesystem::create_directory(folder_.Path("fish.bin"));
  EXPECT_EQ(TryOpen(sample).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(ChunkStoreTest, TouchesNoTargetThatCameMeanwhile) {
  const SampleContent sample = File();
  const auto store = Open(sample);
  PutAll(sample, store.get());
  folder_.Write("fish.bin", "precious");
  EXPECT_EQ(store->Finish().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(folder_.Read(folder_.Path("fish.bin")), "precious");
  ExpectServed(sample, *store);
  std::filesystem::remove(folder_.Path("fish.bin"));
  ExpectFinished(sample, store.get());
}

TEST_F(ChunkStoreTest, CleansUpAfterARunThatEndedInItsLastStep) {
  const SampleContent sample = File();
  {
    const auto store = Open(sample);
    PutAll(sample, store.get());
  }
  std::filesystem::rename(PathEndingIn(".shoal-tmp"), folder_.Path("fish.bin"));
  EXPECT_TRUE(Open(sample)->whole());
  EXPECT_EQ(Entries(), std::vector<std::string>{"fish.bin"});

  const SampleContent folder = Folder();
  {
    const auto store = Open(folder);
    PutAll(folder, store.get());
  }
  std::filesystem::rename(PathEndingIn(".shoal-tmp"), folder_.Path("pond"));
  const auto store = Open(folder);
  EXPECT_TRUE(store->whole());
  ASSERT_TRUE(store->Finish().ok());
  EXPECT_EQ(Entries(), (std::vector<std::string>{"fish.bin", "pond"}));
}

TEST_F(ChunkStoreTest, NoticesWhenTheFinishedFileIsChanged) {
  const SampleContent sample = File();
  const auto store = Open(sample);
  PutAll(sample, store.get());
  ExpectFinished(sample, store.get());
  folder_.Write("fish.bin", "something else");
  // A store that is opened now sees it at once.
  EXPECT_EQ(TryOpen(sample).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(ChunkStoreTest, MakesItsOutputFolder) {
  const SampleContent sample = File();
  const auto store =
      ChunkStore::Open(sample.manifest(), {.output_folder = folder_.Path("a/b"), .verify_all = false});
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->target_path(), folder_.Path("a/b/fish.bin"));
  folder_.Write("file", "");
  EXPECT_FALSE(
      ChunkStore::Open(sample.manifest(), {.output_folder = folder_.Path("file/x"), .verify_all = false})
          .ok());
}

TEST_F(ChunkStoreTest, SaysWhenItMayNotWrite) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  chmod(folder_.path().c_str(), 0500);
  EXPECT_EQ(TryOpen(File()).status().code(), absl::StatusCode::kPermissionDenied);
  chmod(folder_.path().c_str(), 0700);
}

TEST_F(ChunkStoreTest, TakesChunksFromManyThreadsWhileOthersAsk) {
  std::vector<SampleContent::File> files;
  for (int i = 100; i < 200; ++i)
    files.push_back({"f" + std::to_string(i), SampleBytes(2 * kChunk, i), false});
  const SampleContent sample = SampleContent::OfFolder("many", files);
  const auto store = Open(sample);
  std::atomic<uint32_t> stored{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  // Two threads put each chunk, so that they collide.
  for (uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint32_t i = t / 2; i < sample.chunk_count(); i += 2) {
        const auto result = store->Put(ChunkIndex(i), sample.Chunk(i));
        EXPECT_TRUE(result.ok()) << result.status();
        if (result.ok() && *result == PutResult::kStored) ++stored;
      }
    });
  }
  threads.emplace_back([&] {
    while (!done) {
      store->Held().ForEach([&](ChunkIndex index) { EXPECT_TRUE(store->Open(index).ok()); });
      std::this_thread::yield();
    }
  });
  for (int t = 0; t < 4; ++t) threads[t].join();
  done = true;
  threads[4].join();
  EXPECT_EQ(stored, sample.chunk_count());
  ExpectFinished(sample, store.get());
}

TEST_F(ChunkStoreTest, TakesSeveralChunksAtOnce) {
  const SampleContent sample = SampleContent::OfFile("f", SampleBytes(5 * kChunk + 9, 8));
  {
    const auto store = Open(sample);
    std::vector<ChunkStore::Arrival> arrivals;
    const auto arrive = [&](uint32_t index, ByteView bytes) {
      arrivals.push_back({ChunkIndex(index), bytes, Crc32(bytes)});
    };
    arrive(5, sample.Chunk(5));
    arrive(1, sample.Chunk(1));
    arrive(2, sample.Chunk(3));  // another chunk's bytes
    arrive(1, sample.Chunk(1));
    arrive(0, sample.Chunk(0));
    std::vector<PutResult> results;
    for (const auto& result : store->PutAll(arrivals)) results.push_back(result.value());
    EXPECT_EQ(results, (std::vector<PutResult>{PutResult::kStored, PutResult::kStored, PutResult::kCorrupt,
                                               PutResult::kAlreadyHeld, PutResult::kStored}));
    EXPECT_EQ(store->Held().count(), 3u);
  }
  // The journal has all three.
  const auto again = Open(sample);
  EXPECT_EQ(again->Held().count(), 3u);
  for (const uint32_t i : {2u, 3u, 4u}) Put(sample, again.get(), i);
  ExpectFinished(sample, again.get());
}

}  // namespace
}  // namespace shoal
