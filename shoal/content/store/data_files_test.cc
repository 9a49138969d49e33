#include "shoal/content/store/data_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <limits>

#include "absl/status/status.h"
#include "shoal/base/file_io.h"
#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

constexpr uint32_t kChunk = kMinChunkSizeBytes;

SampleContent File() {
  return SampleContent::OfFile("f", SampleBytes(2 * kChunk + 7, 1));
}
SampleContent Folder() {
  return SampleContent::OfFolder(
      "c",
      {{"a/b/run", SampleBytes(kChunk + 1, 1), true}, {"empty", "", false}, {"z", SampleBytes(5, 2), false}});
}

// Opened, with all files allocated.
absl::StatusOr<std::unique_ptr<DataFiles>> TryOpen(const std::shared_ptr<const Manifest>& manifest,
                                                   const TemporaryFolder& folder,
                                                   const std::string& final_name = "c") {
  auto files = DataFiles::Open(manifest, {folder.path(), ".tmp", final_name});
  if (!files.ok()) return files;
  const absl::Status room = (*files)->MakeRoom(FileSelection::All(*manifest));
  if (!room.ok()) return room;
  return files;
}

std::unique_ptr<DataFiles> Open(const SampleContent& sample, const TemporaryFolder& folder) {
  absl::StatusOr<std::unique_ptr<DataFiles>> files = TryOpen(sample.manifest(), folder);
  EXPECT_TRUE(files.ok()) << files.status();
  return files.ok() ? *std::move(files) : nullptr;
}

void WriteAll(const SampleContent& sample, DataFiles* files) {
  for (uint32_t i = 0; i < sample.chunk_count(); ++i) {
    ASSERT_TRUE(files->Write(ChunkIndex(i), sample.Chunk(i)).ok());
  }
}

TEST(DataFiles, AreMadeInFullLength) {
  const TemporaryFolder folder;
  const auto files = Open(Folder(), folder);
  EXPECT_EQ(std::filesystem::file_size(folder.Path(".tmp/a/b/run")), kChunk + 1);
  EXPECT_EQ(std::filesystem::file_size(folder.Path(".tmp/empty")), 0u);
  EXPECT_TRUE(files->found().empty());
  struct stat info;
  ASSERT_EQ(stat(folder.Path(".tmp/a/b/run").c_str(), &info), 0);
  EXPECT_GE(info.st_blocks * 512, static_cast<int64_t>(kChunk));  // it is allocated already
}

TEST(DataFiles, TakeAndReturnChunks) {
  for (const SampleContent& sample : {File(), Folder()}) {
    const TemporaryFolder folder;
    const auto files = Open(sample, folder);
    WriteAll(sample, files.get());
    for (uint32_t i = 0; i < sample.chunk_count(); ++i) {
      const absl::StatusOr<FileRegion> region = files->Region(ChunkIndex(i));
      ASSERT_TRUE(region.ok());
      std::vector<uint8_t> bytes(region->length_bytes);
      ASSERT_TRUE(ReadAt(region->file->get(), bytes, region->offset_bytes).ok());
      EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), sample.Chunk(i).begin(), sample.Chunk(i).end()));
    }
  }
}

TEST(DataFiles, KnowTheirOwnAgain) {
  for (const SampleContent& sample : {File(), Folder()}) {
    const TemporaryFolder folder;
    const auto first = Open(sample, folder);
    WriteAll(sample, first.get());
    EXPECT_EQ(Open(sample, folder)->fingerprint(), first->fingerprint());
    EXPECT_TRUE(Open(sample, folder)->found().full());
    EXPECT_FALSE(Open(sample, folder)->is_new());
    // A copy is another file, or another folder.
    std::filesystem::copy(folder.Path(".tmp"), folder.Path("copy"), std::filesystem::copy_options::recursive);
    std::filesystem::remove_all(folder.Path(".tmp"));
    std::filesystem::rename(folder.Path("copy"), folder.Path(".tmp"));
    EXPECT_NE(Open(sample, folder)->fingerprint(), first->fingerprint());
    EXPECT_TRUE(Open(sample, folder)->found().full());
  }
}

TEST(DataFiles, KnowWhatWasTouched) {
  const TemporaryFolder folder;
  const SampleContent sample = Folder();
  WriteAll(sample, Open(sample, folder).get());
  const absl::Time written = absl::FromUnixNanos(FileStamp::Of(folder.Path(".tmp/z"))->modified_ns);
  EXPECT_TRUE(Open(sample, folder)->UnchangedSince(written + absl::Hours(1)).full());
  EXPECT_TRUE(Open(sample, folder)->UnchangedSince(written - absl::Hours(1)).empty());
  // Setting mtime back changes nothing.
  std::filesystem::last_write_time(folder.Path(".tmp/z"), std::filesystem::file_time_type::min());
  EXPECT_TRUE(Open(sample, folder)->UnchangedSince(written - absl::Hours(1)).empty());
}

TEST(DataFiles, MakeNoSmallFileBeforeItsChunkComes) {
  const TemporaryFolder folder;
  const SampleContent sample = Folder();
  const auto files = Open(sample, folder);
  EXPECT_FALSE(std::filesystem::exists(folder.Path(".tmp/z")));
  ASSERT_TRUE(files->Write(ChunkIndex(2), sample.Chunk(2)).ok());
  EXPECT_EQ(folder.Read(folder.Path(".tmp/z")), sample.files()[2].bytes);
  // An existing file may be longer.
  folder.Write(".tmp/z", "something much longer");
  ASSERT_TRUE(files->Write(ChunkIndex(2), sample.Chunk(2)).ok());
  EXPECT_EQ(folder.Read(folder.Path(".tmp/z")), sample.files()[2].bytes);
}

TEST(DataFiles, MakeRoomForWhatIsWantedOnly) {
  const TemporaryFolder folder;
  const SampleContent sample = Folder();
  const auto files = *DataFiles::Open(sample.manifest(), {folder.path(), ".tmp", "c"});
  FileSelection wanted = FileSelection::None(*sample.manifest());
  wanted.Set(FileIndex(1), true);
  ASSERT_TRUE(files->MakeRoom(wanted).ok());
  EXPECT_FALSE(std::filesystem::exists(folder.Path(".tmp/a")));
  EXPECT_TRUE(std::filesystem::exists(folder.Path(".tmp/empty")));
  wanted.Set(FileIndex(0), true);
  ASSERT_TRUE(files->MakeRoom(wanted).ok());
  EXPECT_EQ(std::filesystem::file_size(folder.Path(".tmp/a/b/run")), kChunk + 1);
}

TEST(DataFiles, FindNothingInFilesOfAnotherLength) {
  const TemporaryFolder folder;
  const SampleContent sample = Folder();
  WriteAll(sample, Open(sample, folder).get());
  std::filesystem::resize_file(folder.Path(".tmp/a/b/run"), 5);
  EXPECT_EQ(Open(sample, folder)->found().Ranges(), (std::vector<ChunkRange>{{ChunkIndex(2), 1}}));
  EXPECT_TRUE(Open(sample, folder)->found().full());  // made anew by the call before
}

TEST(DataFiles, FollowNoLinks) {
  const TemporaryFolder outside;
  const std::string victim = outside.Write("victim", "precious");
  const SampleContent sample = Folder();
  for (const std::string& at : {std::string(".tmp"), std::string(".tmp/a"), std::string(".tmp/z")}) {
    const TemporaryFolder folder;
    std::filesystem::create_directories(std::filesystem::path(folder.Path(at)).parent_path());
    std::filesystem::create_symlink(at == ".tmp/z" ? victim : outside.path(), folder.Path(at));
    EXPECT_FALSE(TryOpen(sample.manifest(), folder).ok()) << at;
    EXPECT_TRUE(DataFiles::Discard(folder.path(), ".tmp").ok());
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  }
  EXPECT_EQ(outside.Read(victim), "precious");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(outside.path()), {}), 1);
}

TEST(DataFiles, SayHowMuchRoomIsMissing) {
  // The longest that a manifest can describe, more than the disks that tests run on.
  std::vector<FileEntry> entries = {{"f", uint64_t{kMaxChunks} * kMaxChunkSizeBytes, false}};
  const auto manifest =
      std::make_shared<const Manifest>(Manifest::Create(Manifest::Kind::kFile, "f", kMaxChunkSizeBytes,
                                                        entries, std::vector<ChunkChecksums>(kMaxChunks))
                                           .value());
  const TemporaryFolder folder;
  if (std::filesystem::space(folder.path()).available > manifest->length_bytes())
    GTEST_SKIP() << "a very large disk";
  const absl::Status status = TryOpen(manifest, folder).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("make room for another"), absl::string_view::npos) << status;
}

TEST(DataFiles, AreSealedAndMoved) {
  const TemporaryFolder folder;
  const SampleContent sample = Folder();
  const auto files = Open(sample, folder);
  WriteAll(sample, files.get());
  const absl::StatusOr<DataFiles::Sealed> sealed = files->Seal(FileSelection::All(*sample.manifest()));
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  EXPECT_TRUE(sealed->touched.empty());
  ASSERT_TRUE(files->TakeFinalName().ok());
  EXPECT_FALSE(std::filesystem::exists(folder.Path(".tmp")));
  struct stat info;
  ASSERT_EQ(stat(folder.Path("c/a/b/run").c_str(), &info), 0);
  EXPECT_NE(info.st_mode & S_IXUSR, 0u);
  ASSERT_EQ(stat(folder.Path("c/z").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0111, 0u);
  EXPECT_EQ(sealed->stamps[2], *FileStamp::Of(folder.Path("c/z")));
}

TEST(DataFiles, ReplaceNothing) {
  for (const SampleContent& sample : {File(), Folder()}) {
    const TemporaryFolder folder;
    const auto files = *TryOpen(sample.manifest(), folder, "taken");
    folder.Write("taken", "precious");
    EXPECT_EQ(files->TakeFinalName().code(), absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(folder.Read(folder.Path("taken")), "precious");
    std::filesystem::remove(folder.Path("taken"));
    std::filesystem::create_directory(folder.Path("taken"));
    EXPECT_EQ(files->TakeFinalName().code(), absl::StatusCode::kAlreadyExists);
    EXPECT_TRUE(std::filesystem::exists(folder.Path(".tmp")));
  }
}

TEST(DataFiles, KeepFewDescriptorsOpen) {
  std::vector<SampleContent::File> many;
  for (int i = 1000; i < 1200; ++i) many.push_back({std::to_string(i), "x", false});
  const SampleContent sample = SampleContent::OfFolder("c", many);
  const TemporaryFolder folder;
  const auto files = Open(sample, folder);
  const auto open_descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  const auto before = open_descriptors();
  WriteAll(sample, files.get());
  EXPECT_LE(open_descriptors() - before, 64);
}

}  // namespace
}  // namespace shoal
