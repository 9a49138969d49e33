#include "services/seeder/folder/entry_scan.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "shoal/content/publish/manifest_builder.h"
#include "tests/support/temporary_folder.h"

namespace shoal::seeder {
namespace {

Sha256Digest FingerprintAt(const std::string& path) {
  const auto scan = ScanEntry(path);
  EXPECT_TRUE(scan.ok()) << scan.status();
  return scan.ok() ? scan->fingerprint : Sha256Digest{};
}

TEST(EntryScan, SeesWhatTheBuilderSees) {
  const TemporaryFolder folder;
  folder.Write("single", "0123456789");
  folder.Write("many/a", "1");
  folder.Write("many/b/c", "22", /*executable=*/true);
  folder.Write("many/.hidden", "not seen");
  folder.Write("many/empty", "");
  for (const char* entry : {"single", "many"}) {
    SCOPED_TRACE(entry);
    const auto scan = ScanEntry(folder.Path(entry));
    const auto built = BuildManifest(folder.Path(entry), {});
    ASSERT_TRUE(scan.ok()) << scan.status();
    ASSERT_TRUE(built.ok()) << built.status();
    EXPECT_EQ(scan->file_count, built->manifest.files().size());
    EXPECT_EQ(scan->length_bytes, built->manifest.length_bytes());
    EXPECT_EQ(scan->fingerprint,
              FingerprintOf(built->manifest.kind(), built->manifest.files(), built->stamps));
    EXPECT_GT(scan->written, absl::UnixEpoch());
  }
}

TEST(EntryScan, AnyChangeThatCountsChangesTheFingerprint) {
  const TemporaryFolder folder;
  folder.Write("e/a", "one");
  const std::string entry = folder.Path("e");
  Sha256Digest before = FingerprintAt(entry);
  EXPECT_EQ(FingerprintAt(entry), before);
  const auto expect_changed = [&](const char* what) {
    const Sha256Digest now = FingerprintAt(entry);
    EXPECT_NE(now, before) << what;
    before = now;
  };
  folder.Write("e/b", "two");
  expect_changed("a new file");
  std::filesystem::rename(folder.Path("e/b"), folder.Path("e/c"));
  expect_changed("another name");
  ::chmod(folder.Path("e/c").c_str(), 0755);
  expect_changed("executable");
  folder.Write("e/c", "longer than before");
  expect_changed("another length");
  const timespec times[2] = {{0, UTIME_OMIT}, {12345, 6789}};
  ::utimensat(AT_FDCWD, folder.Path("e/c").c_str(), times, 0);
  expect_changed("another time");
  std::filesystem::remove(folder.Path("e/c"));
  expect_changed("a file less");
  folder.Write("e/.hidden", "x");
  EXPECT_EQ(FingerprintAt(entry), before);
}

TEST(EntryScan, SaysWhatIsNotOffered) {
  const TemporaryFolder folder;
  folder.Write("file", "x");
  std::filesystem::create_symlink("file", folder.Path("link"));
  ::mkfifo(folder.Path("pipe").c_str(), 0644);
  EXPECT_TRUE(absl::IsNotFound(ScanEntry(folder.Path("gone")).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(ScanEntry(folder.Path("link")).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(ScanEntry(folder.Path("pipe")).status()));
}

TEST(EntryScan, AnEmptyFolderHasNoFiles) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.Path("e/f"));
  const auto scan = ScanEntry(folder.Path("e"));
  ASSERT_TRUE(scan.ok());
  EXPECT_EQ(scan->file_count, 0u);
  EXPECT_EQ(scan->written, absl::InfinitePast());
}

}  // namespace
namespace {

TEST(EntryName, PlainNamesAreOffered) {
  EXPECT_TRUE(IsOfferedName("model.bin"));
  EXPECT_TRUE(IsOfferedName("a"));
  EXPECT_TRUE(IsOfferedName("shoal"));
  EXPECT_TRUE(IsOfferedName("notes.shoal.txt"));
  EXPECT_TRUE(IsOfferedName("Übersicht 漢字 🐟"));
  EXPECT_TRUE(IsOfferedName(std::string(255, 'n')));
}

TEST(EntryName, HiddenMetadataAndTemporaryNamesAreLeftOut) {
  EXPECT_FALSE(IsOfferedName(""));
  EXPECT_FALSE(IsOfferedName("."));
  EXPECT_FALSE(IsOfferedName(".."));
  EXPECT_FALSE(IsOfferedName(".hidden"));
  EXPECT_FALSE(IsOfferedName("model.bin.shoal"));
  EXPECT_FALSE(IsOfferedName("model.bin.0123456789ab.shoal-tmp"));
  EXPECT_FALSE(IsOfferedName("model.bin.0123456789ab.shoal-progress"));
}

}  // namespace

}  // namespace shoal::seeder
