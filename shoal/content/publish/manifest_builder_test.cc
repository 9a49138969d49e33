#include "shoal/content/publish/manifest_builder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "shoal/content/publish/folder_source.h"
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

TEST(BuildManifest, OfAFileDependsOnItsBytesOnly) {
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

TEST(BuildManifest, AcceptsUnicodeAndLongNames) {
  const TemporaryFolder folder;
  for (const std::string& name : {std::string("Größe 鯛🐟.bin"), std::string(255, 'n')}) {
    const absl::StatusOr<BuiltManifest> built = BuildManifest(folder.Write(name, "x"), {});
    ASSERT_TRUE(built.ok()) << built.status();
    EXPECT_EQ(built->manifest.name(), name);
  }
}

TEST(BuildManifest, ReportsWhatItCannotPublish) {
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

TEST(BuildManifest, HasLinksAndEmptyFolders) {
  const TemporaryFolder folder;
  folder.Write("c/f", "x");
  std::filesystem::create_directories(folder.Path("c/d/e"));
  std::filesystem::create_symlink("../f", folder.Path("c/d/l"));
  std::filesystem::create_symlink("/etc", folder.Path("c/out"));
  const absl::StatusOr<BuiltManifest> built = BuildManifest(folder.Path("c"), SmallChunks());
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->manifest.version(), 2);
  EXPECT_EQ(built->manifest.empty_folders(), std::vector<std::string>{"d/e"});
  EXPECT_EQ(built->manifest.links(), (std::vector<LinkEntry>{{"d/l", "../f"}}));
  EXPECT_EQ(built->left_out, (std::vector<LeftOut>{{"out", "it is a link to '/etc', which is absolute"}}));
  EXPECT_EQ(built->links, LinkPolicy::kKeepInside);
}

TEST(BuildManifest, OfAPlainFolderHasVersion1) {
  const TemporaryFolder folder;
  folder.Write("c/f", "x");
  folder.Write("c/run", "x", /*executable=*/true);
  const absl::StatusOr<BuiltManifest> built = BuildManifest(folder.Path("c"), SmallChunks());
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->manifest.version(), 1);
  EXPECT_EQ(built->manifest.id(),
            SampleContent::OfFolder("c", {{"f", "x", false}, {"run", "x", true}}).manifest()->id());
}

TEST(BuildManifest, OfAModelCacheHasEachBlobOnce) {
  const TemporaryFolder folder;
  const std::string cache = "models--org--name/";
  const std::string weights = SampleBytes(5 * kChunk + 1, 1);
  folder.Write(cache + "blobs/0a1b", weights);
  folder.Write(cache + "blobs/2c3d", "{}");
  folder.Write(cache + "refs/main", "c0ffee");
  std::filesystem::create_directories(folder.Path(cache + ".no_exist/c0ffee"));
  for (const std::string revision : {"c0ffee", "decade"}) {
    std::filesystem::create_directories(folder.Path(cache + "snapshots/" + revision + "/onnx"));
    std::filesystem::create_symlink("../../blobs/2c3d",
                                    folder.Path(cache + "snapshots/" + revision + "/config.json"));
    std::filesystem::create_symlink("../../../blobs/0a1b",
                                    folder.Path(cache + "snapshots/" + revision + "/onnx/model.onnx"));
  }
  const absl::StatusOr<BuiltManifest> built = BuildManifest(folder.Path("models--org--name"), SmallChunks());
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->left_out, std::vector<LeftOut>());
  EXPECT_EQ(built->manifest.length_bytes(), weights.size() + 2 + 6);
  EXPECT_EQ(built->manifest.files().size(), 3u);
  EXPECT_EQ(built->manifest.empty_folders(), std::vector<std::string>{".no_exist/c0ffee"});
  EXPECT_EQ(built->manifest.links(),
            (std::vector<LinkEntry>{{"snapshots/c0ffee/config.json", "../../blobs/2c3d"},
                                    {"snapshots/c0ffee/onnx/model.onnx", "../../../blobs/0a1b"},
                                    {"snapshots/decade/config.json", "../../blobs/2c3d"},
                                    {"snapshots/decade/onnx/model.onnx", "../../../blobs/0a1b"}}));
}

TEST(BuildManifest, LeavesOutAFileThatCannotBeRead) {
  // Write-only even for root.
  const std::string unreadable = "/sys/bus/platform/drivers_probe";
  struct stat info;
  if (stat(unreadable.c_str(), &info) != 0 || info.st_size == 0) GTEST_SKIP() << "no such file here";
  const TemporaryFolder folder;
  const std::string before = SampleBytes(3 * kChunk + 1, 1);
  const std::string after = SampleBytes(2 * kChunk, 2);
  folder.Write("c/a", before);
  folder.Write("c/z", after);
  std::filesystem::create_symlink(unreadable, folder.Path("c/m"));
  ManifestBuilderOptions options = SmallChunks();
  options.links = LinkPolicy::kFollow;
  absl::StatusOr<BuiltManifest> built = BuildManifest(folder.Path("c"), options);
  ASSERT_TRUE(built.ok()) << built.status();
  ASSERT_EQ(built->left_out.size(), 1u);
  EXPECT_EQ(built->left_out[0].path, "m");
  EXPECT_NE(built->left_out[0].reason.find("can't be read"), std::string::npos) << built->left_out[0].reason;
  EXPECT_EQ(built->manifest.id(),
            SampleContent::OfFolder("c", {{"a", before, false}, {"z", after, false}}).manifest()->id());
  EXPECT_EQ(built->stamps.size(), 2u);
  // A folder that has nothing else says so.
  std::filesystem::remove(folder.Path("c/a"));
  std::filesystem::remove(folder.Path("c/z"));
  built = BuildManifest(folder.Path("c"), options);
  EXPECT_EQ(built.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(built.status().message().find("1 left out, the first: m"), absl::string_view::npos)
      << built.status();
}

TEST(BuildManifest, FollowsALinkThatItIsGiven) {
  const TemporaryFolder folder;
  folder.Write("real", "x");
  std::filesystem::create_symlink("real", folder.Path("name"));
  const absl::StatusOr<BuiltManifest> built = BuildManifest(folder.Path("name"), SmallChunks());
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->manifest.id(), SampleContent::OfFile("name", "x").manifest()->id());
  EXPECT_EQ(built->links, LinkPolicy::kFollow);
  EXPECT_TRUE(FolderSource(std::make_shared<const Manifest>(built->manifest), built->root, built->stamps,
                           Clock::Real(), "", built->links)
                  .Open(ChunkIndex(0))
                  .ok());
}

TEST(BuildManifest, FailsWhenAFileChangesMeanwhile) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("f", SampleBytes(50 * kChunk, 1));
  for (const bool shorter : {false, true}) {
    ManifestBuilderOptions options = SmallChunks(2);
    // The first report comes while hashing is in progress.
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

TEST(BuildManifest, ReportsProgress) {
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

TEST(BuildManifest, IsCancelled) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("f", SampleBytes(10 * kChunk, 1));
  std::atomic<bool> cancelled{true};
  ManifestBuilderOptions options = SmallChunks();
  options.cancelled = &cancelled;
  EXPECT_EQ(BuildManifest(path, options).status().code(), absl::StatusCode::kCancelled);
}

TEST(BuildManifest, LeavesOutNamedFiles) {
  const TemporaryFolder folder;
  folder.Write("many/a", "1");
  folder.Write("many/sub/b", "2");
  const std::set<std::string> leave_out = {"sub/b", "none"};
  ManifestBuilderOptions options;
  options.leave_out = &leave_out;
  const auto built = BuildManifest(folder.Path("many"), options);
  ASSERT_TRUE(built.ok()) << built.status();
  ASSERT_EQ(built->manifest.files().size(), 1u);
  EXPECT_EQ(built->manifest.files()[0].path, "a");
}

}  // namespace
}  // namespace shoal
