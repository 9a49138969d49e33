#include "clients/leecher/cli/commands/commands.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "shoal/content/manifest/manifest_file.h"
#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal::leecher {
namespace {

TEST(HashingTest, BuildsTheManifestOfAFile) {
  const TemporaryFolder folder;
  const std::string bytes = SampleBytes(100'000, 1);
  Console console(Console::Voice::kQuiet);
  ManifestBuilderOptions options;
  options.chunk_size_bytes = kMinChunkSizeBytes;
  const absl::StatusOr<BuiltManifest> built = HashWithProgress(folder.Write("carp", bytes), options, console);
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->manifest.length_bytes(), bytes.size());
  EXPECT_EQ(built->manifest.chunk_size_bytes(), kMinChunkSizeBytes);
}

TEST(HashingTest, AMissingPathIsNotFound) {
  const TemporaryFolder folder;
  Console console(Console::Voice::kQuiet);
  EXPECT_EQ(HashWithProgress(folder.Path("gone"), {}, console).status().code(), absl::StatusCode::kNotFound);
}

class MakeTest : public testing::Test {
 protected:
  ExitCode Make(const std::string& path, const std::string& output) {
    MakeOptions options;
    options.path = path;
    options.output_path = output;
    options.quiet = true;
    testing::internal::CaptureStderr();
    const ExitCode code = RunMake(options);
    errors_ = testing::internal::GetCapturedStderr();
    return code;
  }

  TemporaryFolder folder_;
  std::string errors_;
};

TEST_F(MakeTest, WritesAndReplacesAShoalFile) {
  const std::string input = folder_.Write("carp", "bytes");
  const std::string output = folder_.Path("carp.shoal");
  EXPECT_EQ(Make(input, output), ExitCode::kOk) << errors_;
  EXPECT_TRUE(ManifestFile::Read(output).ok());
  EXPECT_EQ(Make(input, output), ExitCode::kOk) << errors_;
}

TEST_F(MakeTest, AnOutputInItsInputIsRefused) {
  const std::string file = folder_.Write("carp", "bytes");
  EXPECT_EQ(Make(file, file), ExitCode::kUsage);
  EXPECT_THAT(errors_, testing::HasSubstr("is the same as"));
  EXPECT_EQ(Make(folder_.path(), folder_.Path("x.shoal")), ExitCode::kUsage);
  EXPECT_THAT(errors_, testing::HasSubstr("lies in"));
  EXPECT_EQ(TemporaryFolder::Read(file), "bytes");
  EXPECT_FALSE(ManifestFile::Read(folder_.Path("x.shoal")).ok());
}

TEST_F(MakeTest, AnotherFileIsNotReplaced) {
  const std::string input = folder_.Write("carp", "bytes");
  const std::string other = folder_.Write("notes.txt", "mine");
  EXPECT_EQ(Make(input, other), ExitCode::kTargetExists);
  EXPECT_EQ(TemporaryFolder::Read(other), "mine");
  EXPECT_EQ(Make(input, folder_.path()), ExitCode::kUsage);
  EXPECT_EQ(Make(input, folder_.Path("gone/x.shoal")), ExitCode::kNotFound);
}

}  // namespace
}  // namespace shoal::leecher
