#include "clients/leecher/cli/commands/hashing.h"

#include "gtest/gtest.h"
#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal::leecher {
namespace {

TEST(HashingTest, FindsWhatAManifestSays) {
  const TemporaryFolder folder;
  const std::string bytes = SampleBytes(100'000, 1);
  Console console(Console::Voice::kQuiet);
  const absl::StatusOr<BuiltManifest> built =
      HashWithProgress(folder.Write("carp", bytes), kMinChunkSizeBytes, console);
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->manifest.length_bytes(), bytes.size());
  EXPECT_EQ(built->manifest.chunk_size_bytes(), kMinChunkSizeBytes);
}

TEST(HashingTest, SaysWhatIsNotThere) {
  const TemporaryFolder folder;
  Console console(Console::Voice::kQuiet);
  EXPECT_EQ(HashWithProgress(folder.Path("gone"), std::nullopt, console).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace shoal::leecher
