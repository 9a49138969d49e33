#include "shoal/content/data_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <limits>

#include "absl/status/status.h"
#include "shoal/content/file_io.h"
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

std::unique_ptr<DataFiles> Open(const SampleContent& sample, const TemporaryFolder& folder) {
  absl::StatusOr<std::unique_ptr<DataFiles>> files =
      DataFiles::Open(sample.manifest(), folder.path(), ".tmp");
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
  EXPECT_GE(info.st_blocks * 512, static_cast<int64_t>(kChunk));  // there is room for it already
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
    const uint64_t fingerprint = Open(sample, folder)->fingerprint();
    EXPECT_EQ(Open(sample, folder)->fingerprint(), fingerprint);
    EXPECT_TRUE(Open(sample, folder)->found().full());
    // A copy in the place of one file is another file.
    const std::string path =
        sample.manifest()->kind() == Manifest::Kind::kFile ? folder.Path(".tmp") : folder.Path(".tmp/z");
    std::filesystem::copy_file(path, folder.Path("copy"));
    std::filesystem::rename(folder.Path("copy"), path);
    EXPECT_NE(Open(sample, folder)->fingerprint(), fingerprint);
    EXPECT_TRUE(Open(sample, folder)->found().full());
  }
}

TEST(DataFiles, FindNothingInFilesOfAnotherLength) {
  const TemporaryFolder folder;
  const SampleContent sample = Folder();
  Open(sample, folder);
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
    EXPECT_FALSE(DataFiles::Open(sample.manifest(), folder.path(), ".tmp").ok()) << at;
    EXPECT_TRUE(DataFiles::Discard(folder.path(), ".tmp").ok());
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  }
  EXPECT_EQ(outside.Read(victim), "precious");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(outside.path()), {}), 1);
}

TEST(DataFiles, SayHowMuchRoomIsMissing) {
  // As long as a manifest can make it: more than the disks that tests run on.
  std::vector<FileEntry> entries = {{"f", uint64_t{kMaxChunks} * kMaxChunkSizeBytes, false}};
  const auto manifest =
      std::make_shared<const Manifest>(Manifest::Create(Manifest::Kind::kFile, "f", kMaxChunkSizeBytes,
                                                        entries, std::vector<ChunkChecksums>(kMaxChunks))
                                           .value());
  const TemporaryFolder folder;
  if (std::filesystem::space(folder.path()).available > manifest->length_bytes())
    GTEST_SKIP() << "a very large disk";
  const absl::Status status = DataFiles::Open(manifest, folder.path(), ".tmp").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("make room for another"), absl::string_view::npos) << status;
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(DataFiles, AreSealedAndMoved) {
  const TemporaryFolder folder;
  const SampleContent sample = Folder();
  const auto files = Open(sample, folder);
  WriteAll(sample, files.get());
  const absl::StatusOr<std::vector<FileStamp>> stamps = files->Seal();
  ASSERT_TRUE(stamps.ok()) << stamps.status();
  ASSERT_TRUE(files->MoveTo("c").ok());
  EXPECT_FALSE(std::filesystem::exists(folder.Path(".tmp")));
  struct stat info;
  ASSERT_EQ(stat(folder.Path("c/a/b/run").c_str(), &info), 0);
  EXPECT_NE(info.st_mode & S_IXUSR, 0u);
  ASSERT_EQ(stat(folder.Path("c/z").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0111, 0u);
  EXPECT_EQ((*stamps)[2], *FileStamp::Of(folder.Path("c/z")));
}

TEST(DataFiles, TakeNobodysPlace) {
  for (const SampleContent& sample : {File(), Folder()}) {
    const TemporaryFolder folder;
    const auto files = Open(sample, folder);
    folder.Write("taken", "precious");
    EXPECT_EQ(files->MoveTo("taken").code(), absl::StatusCode::kAlreadyExists);
    std::filesystem::create_directory(folder.Path("empty"));
    EXPECT_EQ(files->MoveTo("empty").code(), absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(folder.Read(folder.Path("taken")), "precious");
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
