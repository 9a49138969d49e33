#include "services/seeder/folder/entry_scan.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
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

TEST(EntryScan, AgreesWithTheManifestBuilder) {
  const TemporaryFolder folder;
  folder.Write("single", "0123456789");
  folder.Write("many/a", "1");
  folder.Write("many/b/c", "22", /*executable=*/true);
  folder.Write("many/.hidden", "seen");
  std::filesystem::create_directories(folder.Path("many/void"));
  std::filesystem::create_symlink("b/c", folder.Path("many/link"));
  std::filesystem::create_symlink("/etc", folder.Path("many/out"));
  folder.Write("many/empty", "");
  for (const char* entry : {"single", "many"}) {
    SCOPED_TRACE(entry);
    const auto scan = ScanEntry(folder.Path(entry));
    const auto built = BuildManifest(folder.Path(entry), {});
    ASSERT_TRUE(scan.ok()) << scan.status();
    ASSERT_TRUE(built.ok()) << built.status();
    EXPECT_EQ(scan->files.size(), built->manifest.files().size());
    EXPECT_EQ(scan->length_bytes, built->manifest.length_bytes());
    EXPECT_EQ(scan->empty_folders, built->manifest.empty_folders());
    EXPECT_EQ(scan->links, built->manifest.links());
    EXPECT_EQ(scan->left_out, built->left_out);
    EXPECT_EQ(scan->fingerprint, FingerprintOf(built->manifest, built->stamps));
  }
}

TEST(EntryScan, EachRelevantChangeChangesTheFingerprint) {
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
  const FileStamp stamp = *FileStamp::Of(folder.Path("e/c"));
  // Repeated until the step of the file system's time stamps is over.
  while (FileStamp::Of(folder.Path("e/c"))->changed_ns == stamp.changed_ns) {
    folder.Write("e/c", "LONGER than before");
    ::utimensat(AT_FDCWD, folder.Path("e/c").c_str(), times, 0);
  }
  expect_changed("overwritten in place with the time restored");
  std::filesystem::remove(folder.Path("e/c"));
  expect_changed("a file less");
  folder.Write("e/.hidden", "x");
  expect_changed("a hidden file");
  std::filesystem::create_directory(folder.Path("e/void"));
  expect_changed("an empty folder");
  std::filesystem::create_symlink("a", folder.Path("e/link"));
  expect_changed("a link");
  std::filesystem::remove(folder.Path("e/link"));
  std::filesystem::create_symlink("b", folder.Path("e/link"));
  expect_changed("another target");
  std::filesystem::create_symlink("/etc", folder.Path("e/out"));
  EXPECT_EQ(FingerprintAt(entry), before) << "it is left out";
}

HashedVersion VersionOf(const std::string& path) {
  BuiltManifest built = *BuildManifest(path, {});
  const Sha256Digest fingerprint = FingerprintOf(built.manifest, built.stamps);
  return {std::make_shared<const Manifest>(std::move(built.manifest)), built.root, built.stamps, fingerprint};
}

TEST(EntryScan, WithoutSomeFilesItHasTheFingerprintOfTheOthers) {
  const TemporaryFolder folder;
  folder.Write("e/a", "1");
  folder.Write("e/c", "2");
  const Sha256Digest before = FingerprintAt(folder.Path("e"));
  folder.Write("e/b", "3");
  const EntryScan rest = ScanEntry(folder.Path("e"))->Without({"b"});
  EXPECT_EQ(rest.fingerprint, before);
  EXPECT_EQ(rest.files.size(), 2u);
  EXPECT_EQ(rest.length_bytes, 2u);
}

TEST(VersionComparison, TellsNewFilesFromThoseThatMakeAVersionOutdated) {
  const TemporaryFolder folder;
  folder.Write("e/b", "1");
  folder.Write("e/d", "2");
  const HashedVersion version = VersionOf(folder.Path("e"));
  VersionComparison comparison = CompareWith(version, *ScanEntry(folder.Path("e")));
  EXPECT_FALSE(comparison.outdated);
  EXPECT_THAT(comparison.news, ::testing::IsEmpty());

  folder.Write("e/a", "3");
  folder.Write("e/c", "4");
  comparison = CompareWith(version, *ScanEntry(folder.Path("e")));
  EXPECT_FALSE(comparison.outdated);
  EXPECT_THAT(comparison.news, ::testing::ElementsAre(0u, 2u));

  folder.Write("e/d", "longer");
  comparison = CompareWith(version, *ScanEntry(folder.Path("e")));
  EXPECT_TRUE(comparison.outdated);
  EXPECT_EQ(comparison.outdated_path, "d");
  EXPECT_THAT(comparison.news, ::testing::ElementsAre(0u, 2u, 3u));

  std::filesystem::remove(folder.Path("e/b"));
  comparison = CompareWith(version, *ScanEntry(folder.Path("e")));
  EXPECT_EQ(comparison.outdated_path, "b");

  std::filesystem::remove_all(folder.Path("e"));
  folder.Write("e", "a file now");
  comparison = CompareWith(version, *ScanEntry(folder.Path("e")));
  EXPECT_TRUE(comparison.outdated);
}

TEST(EntryScan, RefusesLinksAndPipes) {
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
  EXPECT_THAT(scan->files, ::testing::IsEmpty());
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

TEST(EntryName, HiddenMetadataAndTemporaryNamesAreNotOffered) {
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
