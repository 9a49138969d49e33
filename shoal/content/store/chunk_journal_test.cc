#include "shoal/content/store/chunk_journal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

constexpr size_t kHeaderBytes = 72;
constexpr size_t kRecordBytes = 8;

JournalHeader Header() {
  JournalHeader header;
  header.content = *ContentId::FromHex(std::string(64, 'a'));
  header.chunk_count = 100;
  header.data_fingerprint = 0x0123456789abcdef;
  header.boot_id[3] = 7;
  return header;
}

ChunkSet Some() {
  ChunkSet set(100);
  for (const uint32_t i : {0u, 17u, 18u, 99u}) set.Insert(ChunkIndex(i));
  return set;
}

TEST(JournalFormat, ComesBackFromItsBytes) {
  const std::string bytes = EncodeJournal(Header(), Some());
  EXPECT_EQ(bytes.size(), kHeaderBytes + 4 * kRecordBytes);
  const absl::StatusOr<JournalContents> contents = DecodeJournal(AsBytes(bytes));
  ASSERT_TRUE(contents.ok());
  EXPECT_EQ(contents->header, Header());
  EXPECT_EQ(contents->noted, Some());
}

TEST(JournalFormat, NeedsAnIntactHeader) {
  const std::string bytes = EncodeJournal(Header(), Some());
  for (size_t i = 0; i < kHeaderBytes; ++i) {
    std::string damaged = bytes;
    damaged[i] ^= 1;
    EXPECT_EQ(DecodeJournal(AsBytes(damaged)).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(DecodeJournal(AsBytes(bytes).first(i)).ok());
  }
}

TEST(JournalFormat, PassesOverWhatIsTornOrDamaged) {
  const std::string bytes = EncodeJournal(Header(), Some());
  for (size_t i = kHeaderBytes; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] ^= 1;
    EXPECT_EQ(DecodeJournal(AsBytes(damaged))->noted.count(), 3u);
    EXPECT_EQ(DecodeJournal(AsBytes(bytes).first(i))->noted.count(), (i - kHeaderBytes) / kRecordBytes);
  }
  // Zeros, as a power cut leaves them.
  EXPECT_EQ(DecodeJournal(AsBytes(bytes + std::string(80, '\0')))->noted, Some());
}

TEST(JournalFormat, TakesNoRecordsOfAnotherJournal) {
  JournalHeader other = Header();
  ++other.data_fingerprint;
  const std::string mixed =
      EncodeJournal(Header(), ChunkSet(100)) + EncodeJournal(other, Some()).substr(kHeaderBytes);
  EXPECT_TRUE(DecodeJournal(AsBytes(mixed))->noted.empty());
}

TEST(JournalFormat, BoundsTheChunkCount) {
  JournalHeader header = Header();
  header.chunk_count = UINT32_MAX;
  EXPECT_FALSE(DecodeJournal(AsBytes(EncodeJournal(header, ChunkSet(0)))).ok());
}

TEST(ChunkJournal, KeepsWhatWasAppended) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("journal");
  {
    absl::StatusOr<ChunkJournal> journal = ChunkJournal::Open(path);
    ASSERT_TRUE(journal.ok()) << journal.status();
    EXPECT_FALSE((*journal->Load(Header().content, 100)).has_value());
    ChunkSet first(100);
    first.Insert(ChunkIndex(0));
    ASSERT_TRUE(journal->Begin(Header(), first).ok());
    const std::vector<ChunkIndex> together = {ChunkIndex(99), ChunkIndex(17)};
    ASSERT_TRUE(journal->Append(together).ok());
    const ChunkIndex alone(18);
    ASSERT_TRUE(journal->Append({&alone, 1}).ok());
  }
  absl::StatusOr<ChunkJournal> journal = ChunkJournal::Open(path);
  ASSERT_TRUE(journal.ok());
  const auto contents = *journal->Load(Header().content, 100);
  ASSERT_TRUE(contents.has_value());
  EXPECT_EQ(contents->noted, Some());
  EXPECT_FALSE((*journal->Load(Header().content, 99)).has_value());
  EXPECT_FALSE((*journal->Load(ContentId(), 100)).has_value());
  // Nothing of the making is left.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  EXPECT_TRUE(journal->Remove().ok());
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(ChunkJournal, LeavesNothingOfAReplacementThatACrashCutOff) {
  const TemporaryFolder folder;
  folder.Write("journal.new", "half of it");
  absl::StatusOr<ChunkJournal> journal = ChunkJournal::Open(folder.Path("journal"));
  ASSERT_TRUE(journal.ok());
  EXPECT_TRUE(journal->Remove().ok());
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(ChunkJournal, TrustsNoJournalOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const TemporaryFolder folder;
  const std::string path = folder.Path("journal");
  ASSERT_TRUE(ChunkJournal::Open(path)->Begin(Header(), Some()).ok());
  EXPECT_TRUE((*ChunkJournal::Open(path)->Load(Header().content, 100)).has_value());
  ASSERT_EQ(chown(path.c_str(), 12345, 12345), 0);
  EXPECT_FALSE((*ChunkJournal::Open(path)->Load(Header().content, 100)).has_value());
}

// Some chunks noted, and then the file as `edit` leaves it; whether the next run that notes the same goes on
// with that very file.
bool GoesOnWithTheFile(const std::function<void(const std::string& path)>& edit, const ChunkSet& noted) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("journal");
  EXPECT_TRUE(ChunkJournal::Open(path)->Begin(Header(), Some()).ok());
  edit(path);
  const auto inode = [&] {
    struct stat info{};
    EXPECT_EQ(stat(path.c_str(), &info), 0);
    return info.st_ino;
  };
  const auto before = inode();
  {
    absl::StatusOr<ChunkJournal> journal = ChunkJournal::Open(path);
    EXPECT_TRUE((*journal->Load(Header().content, 100)).has_value());
    EXPECT_TRUE(journal->Begin(Header(), noted).ok());
    const ChunkIndex more(50);
    EXPECT_TRUE(journal->Append({&more, 1}).ok());
  }
  ChunkSet expected = noted;
  expected.Insert(ChunkIndex(50));
  EXPECT_EQ((*ChunkJournal::Open(path)->Load(Header().content, 100))->noted, expected);
  return inode() == before;
}

TEST(ChunkJournal, GoesOnBehindWhatIsRight) {
  const auto nothing = [](const std::string&) {};
  EXPECT_TRUE(GoesOnWithTheFile(nothing, Some()));
  ChunkSet fewer = Some();
  fewer.Erase(ChunkIndex(0));
  EXPECT_FALSE(GoesOnWithTheFile(nothing, fewer));
  const auto torn = [](const std::string& path) { std::ofstream(path, std::ios::app) << "torn"; };
  EXPECT_FALSE(GoesOnWithTheFile(torn, Some()));
  const auto longer = [](const std::string& path) {
    std::ofstream(path, std::ios::app) << std::string(100 * 8, 'x');
  };
  EXPECT_FALSE(GoesOnWithTheFile(longer, Some()));
}

TEST(ChunkJournal, IsWrittenAnewInTimeWhenItGoesOn) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("journal");
  ASSERT_TRUE(ChunkJournal::Open(path)->Begin(Header(), Some()).ok());
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::min());
  absl::StatusOr<ChunkJournal> journal = ChunkJournal::Open(path);
  const absl::Time before = *journal->LastWritten();
  ASSERT_TRUE((*journal->Load(Header().content, 100)).has_value());
  ASSERT_TRUE(journal->Begin(Header(), Some()).ok());
  EXPECT_GT(*journal->LastWritten(), before + absl::Hours(24));
}

TEST(ChunkJournal, IsForOneAtATime) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("journal");
  {
    absl::StatusOr<ChunkJournal> journal = ChunkJournal::Open(path);
    ASSERT_TRUE(journal.ok());
    EXPECT_EQ(ChunkJournal::Open(path).status().code(), absl::StatusCode::kFailedPrecondition);
    ASSERT_TRUE(journal->Begin(Header(), Some()).ok());
    EXPECT_EQ(ChunkJournal::Open(path).status().code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_TRUE(ChunkJournal::Open(path).ok());
}

TEST(ChunkJournal, FollowsNoLink) {
  const TemporaryFolder folder;
  const std::string victim = folder.Write("victim", "precious");
  std::filesystem::create_symlink(victim, folder.Path("journal"));
  EXPECT_FALSE(ChunkJournal::Open(folder.Path("journal")).ok());
  // Nor one that waits where the new journal is written.
  std::filesystem::create_symlink(victim, folder.Path("other.new"));
  absl::StatusOr<ChunkJournal> journal = ChunkJournal::Open(folder.Path("other"));
  ASSERT_TRUE(journal.ok());
  ASSERT_TRUE(journal->Begin(Header(), Some()).ok());
  EXPECT_EQ(folder.Read(victim), "precious");
}

TEST(CurrentBootId, IsTheSameInOneRun) {
  EXPECT_EQ(CurrentBootId(), CurrentBootId());
}

}  // namespace
}  // namespace shoal
