#include "shoal/content/publish/manifest_builder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

constexpr uint32_t kChunk = kMinChunkSizeBytes;

ManifestBuilderOptions SmallChunks(unsigned threads = 3) {
  ManifestBuilderOptions options;
  options.chunk_size_bytes = kChunk;
  options.threads = threads;
  return options;
}

TEST(BuildManifest, OfAFileIsThatOfItsBytes) {
  const TemporaryFolder folder;
  for (const size_t size : {0u, 1u, kChunk - 1, kChunk, kChunk + 1, 100 * kChunk}) {
    const std::string bytes = SampleBytes(size, size);
    const std::string path = folder.Write("file.bin", bytes);
    const absl::StatusOr<BuiltManifest> built = BuildManifest(path, SmallChunks());
    ASSERT_TRUE(built.ok()) << built.status();
    EXPECT_EQ(built->manifest.id(), SampleContent::OfFile("file.bin", bytes).manifest()->id());
    EXPECT_EQ(built->root, folder.path());
    EXPECT_EQ(built->stamps, std::vector<FileStamp>{*FileStamp::Of(path)});
  }
}

TEST(BuildManifest, OfAFolderIsTheSameForAnyNumberOfThreads) {
  const TemporaryFolder folder;
  std::vector<SampleContent::File> files;
  for (int i = 0; i < 300; ++i) {
    files.push_back(
        {"d" + std::to_string(i % 7) + "/f" + std::to_string(i), SampleBytes(i * 131, i), i % 3 == 0});
    folder.Write("content/" + files.back().path, files.back().bytes, files.back().executable);
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  const ContentId expected = SampleContent::OfFolder("content", files).manifest()->id();
  for (const unsigned threads : {1u, 2u, 5u}) {
    // With and without slashes at the end.
    const absl::StatusOr<BuiltManifest> built =
        BuildManifest(folder.Path(threads == 2 ? "content//" : "content"), SmallChunks(threads));
    ASSERT_TRUE(built.ok()) << built.status();
    EXPECT_EQ(built->manifest.id(), expected);
    EXPECT_EQ(built->root, folder.Path("content"));
    EXPECT_EQ(built->stamps.size(), 300u);
  }
}

TEST(BuildManifest, ChoosesAChunkSize) {
  const TemporaryFolder folder;
  EXPECT_EQ(BuildManifest(folder.Write("f", "x"), {})->manifest.chunk_size_bytes(), ChunkSizeFor(1));
  ManifestBuilderOptions options;
  options.chunk_size_bytes = 0;
  EXPECT_EQ(BuildManifest(folder.Path("f"), options).status().code(), absl::StatusCode::kInvalidArgument);
  options.chunk_size_bytes = kMinChunkSizeBytes + 1;
  EXPECT_EQ(BuildManifest(folder.Path("f"), options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(BuildManifest, TakesUnicodeAndVeryLongNames) {
  const TemporaryFolder folder;
  for (const std::string& name : {std::string("Größe 鯛🐟.bin"), std::string(255, 'n')}) {
    const absl::StatusOr<BuiltManifest> built = BuildManifest(folder.Write(name, "x"), {});
    ASSERT_TRUE(built.ok()) << built.status();
    EXPECT_EQ(built->manifest.name(), name);
  }
}

TEST(BuildManifest, SaysWhatItCannotPublish) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.Path("empty"));
  folder.Write("bad\nname", "x");
  ASSERT_EQ(mkfifo(folder.Path("pipe").c_str(), 0600), 0);
  const auto code = [&](const std::string& path) { return BuildManifest(path, {}).status().code(); };
  EXPECT_EQ(code(folder.Path("none")), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(folder.Path("empty")), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(folder.Path("bad\nname")), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(folder.Path("pipe")), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(""), absl::StatusCode::kNotFound);
  EXPECT_EQ(code("/"), absl::StatusCode::kInvalidArgument);
}

TEST(BuildManifest, GivesUpWhenAFileChangesMeanwhile) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("f", SampleBytes(50 * kChunk, 1));
  for (const bool shorter : {false, true}) {
    ManifestBuilderOptions options = SmallChunks(2);
    // The first report comes in the midst of the hashing.
    options.on_progress = [&](uint64_t done, uint64_t total) {
      if (done == total) return;
      if (shorter) {
        ASSERT_EQ(truncate(path.c_str(), 10), 0);
      } else {
        std::ofstream(path, std::ios::app) << "more";
      }
    };
    EXPECT_EQ(BuildManifest(path, options).status().code(), absl::StatusCode::kAborted);
    folder.Write("f", SampleBytes(50 * kChunk, 1));
  }
}

TEST(BuildManifest, TellsHowFarItIs) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("f", SampleBytes(10 * kChunk, 1));
  std::atomic<int> inside{0};
  uint64_t last_done = 0;
  ManifestBuilderOptions options = SmallChunks();
  options.on_progress = [&](uint64_t done, uint64_t total) {
    EXPECT_EQ(++inside, 1);
    EXPECT_EQ(total, 10u * kChunk);
    EXPECT_GE(done, last_done);
    last_done = done;
    --inside;
  };
  ASSERT_TRUE(BuildManifest(path, options).ok());
  EXPECT_EQ(last_done, 10u * kChunk);
}

TEST(BuildManifest, IsGivenUpWhenToldSo) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("f", SampleBytes(10 * kChunk, 1));
  std::atomic<bool> cancelled{true};
  ManifestBuilderOptions options = SmallChunks();
  options.cancelled = &cancelled;
  EXPECT_EQ(BuildManifest(path, options).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace shoal
