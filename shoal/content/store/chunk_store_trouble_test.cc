#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "shoal/base/file_io.h"
#include "shoal/content/store/chunk_store.h"
#include "tests/support/sample_content.h"
#include "tests/support/temporary_folder.h"

namespace shoal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint32_t kChunk = kMinChunkSizeBytes;
using PutResult = ChunkStore::PutResult;

// A file system whose calls fail with the errno values that a test sets; 0: they are the system's.
class FailingCalls : public FileSystemCalls {
 public:
  int lock = 0, allocate = 0, punch_hole = 0, rename = 0, set_mode = 0, sync = 0, write = 0;

  int Lock(int fd) const override { return lock != 0 ? lock : FileSystemCalls::Lock(fd); }
  int Allocate(int fd, uint64_t offset_bytes, uint64_t length_bytes) const override {
    return allocate != 0 ? allocate : FileSystemCalls::Allocate(fd, offset_bytes, length_bytes);
  }
  int PunchHole(int fd, uint64_t offset_bytes, uint64_t length_bytes) const override {
    return punch_hole != 0 ? punch_hole : FileSystemCalls::PunchHole(fd, offset_bytes, length_bytes);
  }
  int RenameToFree(int from_folder, const std::string& from, int to_folder,
                   const std::string& to) const override {
    return rename != 0 ? rename : FileSystemCalls::RenameToFree(from_folder, from, to_folder, to);
  }
  int SetMode(int fd, mode_t mode) const override {
    return set_mode != 0 ? set_mode : FileSystemCalls::SetMode(fd, mode);
  }
  int SyncAll(int fd) const override { return sync != 0 ? sync : FileSystemCalls::SyncAll(fd); }
  absl::Status Write(int fd, ByteView bytes, uint64_t offset_bytes, bool uncached) const override {
    if (write != 0 && bytes.size() > 100) return ErrnoStatus(write, "cannot write");
    return FileSystemCalls::Write(fd, bytes, offset_bytes, uncached);
  }
};

class ChunkStoreTroubleTest : public testing::Test {
 protected:
  absl::StatusOr<std::shared_ptr<ChunkStore>> TryOpen(const SampleContent& sample) {
    ChunkStore::Options options;
    options.output_folder = out_;
    options.file_system = calls_;
    options.on_warning = [this](const std::string& warning) { warnings_.push_back(warning); };
    return ChunkStore::Open(sample.manifest(), options);
  }
  std::shared_ptr<ChunkStore> Open(const SampleContent& sample) {
    auto store = TryOpen(sample);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *store : nullptr;
  }
  static std::vector<uint32_t> PutMissing(const SampleContent& sample, ChunkStore* store) {
    std::vector<uint32_t> put;
    for (uint32_t i = 0; i < sample.chunk_count(); ++i) {
      if (store->Holds(ChunkIndex(i))) continue;
      const absl::StatusOr<PutResult> result = store->Put(ChunkIndex(i), sample.Chunk(i));
      EXPECT_TRUE(result.ok()) << result.status();
      put.push_back(i);
    }
    return put;
  }
  void ExpectThere(const SampleContent& sample) const {
    const bool file = sample.manifest()->kind() == Manifest::Kind::kFile;
    for (const SampleContent::File& each : sample.files())
      EXPECT_EQ(folder_.Read(out_ + (file ? "/" : "/pond/") + each.path), each.bytes) << each.path;
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(out_), {}), 1);
  }
  std::string Data(const SampleContent& sample, const std::string& path = "") const {
    const std::string data =
        out_ + "/." + sample.manifest()->name() + "." + sample.manifest()->id().ShortHex() + ".shoal-tmp";
    return path.empty() ? data : data + "/" + path;
  }
  // Overwrites bytes as another program; does it until ctime shows it.
  static void Damage(const std::string& path, uint64_t at) {
    struct stat before = {};
    ASSERT_EQ(stat(path.c_str(), &before), 0) << path;
    struct stat now = before;
    while (now.st_ctim.tv_sec == before.st_ctim.tv_sec && now.st_ctim.tv_nsec == before.st_ctim.tv_nsec) {
      const FileDescriptor file = *FileDescriptor::Open(path, O_WRONLY);
      ASSERT_TRUE(WriteAt(file.get(), AsBytes("damage"), at).ok());
      ASSERT_EQ(stat(path.c_str(), &now), 0);
    }
  }
  static int64_t AllocatedBytes(const std::string& path) {
    struct stat info = {};
    EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
    return info.st_blocks * 512;
  }

  const TemporaryFolder folder_;
  const std::string out_ = folder_.Path("out");
  const std::shared_ptr<FailingCalls> calls_ = std::make_shared<FailingCalls>();
  std::vector<std::string> warnings_;
  const SampleContent file_ = SampleContent::OfFile("fish.bin", SampleBytes(9 * kChunk + 7, 1));
  const SampleContent tree_ =
      SampleContent::OfFolder("pond", {{"bin/run", SampleBytes(kChunk + 1, 1), true},
                                       {"deep/er/carp", SampleBytes(2 * kChunk, 2), false},
                                       {"empty", "", false},
                                       {"z", SampleBytes(500, 3), false}});
};

// --- Files that another program touches during the download

TEST_F(ChunkStoreTroubleTest, FetchesDamagedChunksAgainBeforeTheFileTakesItsName) {
  const auto store = Open(file_);
  PutMissing(file_, store.get());
  Damage(Data(file_), 4 * kChunk + 1);
  EXPECT_EQ(store->Finish().code(), absl::StatusCode::kAborted);
  EXPECT_FALSE(std::filesystem::exists(out_ + "/fish.bin"));
  EXPECT_FALSE(store->whole());
  EXPECT_EQ(store->Open(ChunkIndex(4)).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("1 chunk is fetched again")));
  EXPECT_THAT(PutMissing(file_, store.get()), ElementsAre(4));
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  ExpectThere(file_);
}

TEST_F(ChunkStoreTroubleTest, NoticesADamageThatOwnWritesFollow) {
  const auto store = Open(file_);
  ASSERT_EQ(store->Put(ChunkIndex(0), file_.Chunk(0)).value(), PutResult::kStored);
  Damage(Data(file_), 3);
  PutMissing(file_, store.get());
  EXPECT_EQ(store->Finish().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(PutMissing(file_, store.get()), ElementsAre(0));
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  ExpectThere(file_);
}

TEST_F(ChunkStoreTroubleTest, ChecksFilesOfOneChunkToo) {
  const auto store = Open(tree_);
  PutMissing(tree_, store.get());
  Damage(Data(tree_, "z"), 0);
  EXPECT_EQ(store->Finish().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(PutMissing(tree_, store.get()), ElementsAre(4));
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  ExpectThere(tree_);
}

TEST_F(ChunkStoreTroubleTest, AcceptsFilesThatWereTouchedWithoutDamage) {
  const auto store = Open(tree_);
  PutMissing(tree_, store.get());
  std::filesystem::last_write_time(Data(tree_, "z"), std::filesystem::file_time_type::min());
  std::filesystem::last_write_time(Data(tree_, "bin/run"), std::filesystem::file_time_type::min());
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  EXPECT_THAT(warnings_, IsEmpty());
  ExpectThere(tree_);
}

TEST_F(ChunkStoreTroubleTest, GivesTouchedFilesTheirLengthAgain) {
  const auto store = Open(tree_);
  PutMissing(tree_, store.get());
  std::filesystem::resize_file(Data(tree_, "bin/run"), kChunk + 100);
  std::filesystem::resize_file(Data(tree_, "deep/er/carp"), kChunk);
  std::filesystem::resize_file(Data(tree_, "z"), 1000);
  std::filesystem::resize_file(Data(tree_, "empty"), 10);
  EXPECT_EQ(store->Finish().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(PutMissing(tree_, store.get()), ElementsAre(3));
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  ExpectThere(tree_);
}

TEST_F(ChunkStoreTroubleTest, FetchesRemovedAndReplacedFilesAgain) {
  const std::string precious = folder_.Write("precious", SampleBytes(2 * kChunk, 9));
  const auto store = Open(tree_);
  PutMissing(tree_, store.get());
  std::filesystem::remove(Data(tree_, "bin/run"));
  std::filesystem::remove(Data(tree_, "z"));
  std::filesystem::remove(Data(tree_, "deep/er/carp"));
  std::filesystem::create_hard_link(precious, Data(tree_, "deep/er/carp"));
  EXPECT_EQ(store->Finish().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(PutMissing(tree_, store.get()), ElementsAre(0, 1, 2, 3, 4));
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  ExpectThere(tree_);
  EXPECT_EQ(folder_.Read(precious), SampleBytes(2 * kChunk, 9)) << "not written through its second name";
}

TEST_F(ChunkStoreTroubleTest, AFileInThePlaceOfTheOnlyOneIsChecked) {
  const auto store = Open(file_);
  PutMissing(file_, store.get());
  std::string other = file_.files()[0].bytes;
  other[2 * kChunk] ^= 1;
  std::filesystem::rename(folder_.Write("other", other), Data(file_));
  EXPECT_EQ(store->Finish().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(PutMissing(file_, store.get()), ElementsAre(2));
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  ExpectThere(file_);
}

TEST_F(ChunkStoreTroubleTest, GivesUpWhenDamageGoesOn) {
  const auto store = Open(file_);
  absl::Status finished = absl::AbortedError("");
  for (int i = 0; i < 20 && absl::IsAborted(finished); ++i) {
    PutMissing(file_, store.get());
    Damage(Data(file_), 0);
    finished = store->Finish();
  }
  EXPECT_EQ(finished.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(finished.message()), HasSubstr("keeps changing"));
  EXPECT_FALSE(std::filesystem::exists(out_ + "/fish.bin"));
}

TEST_F(ChunkStoreTroubleTest, ALaterRunKnowsWhatWasDamaged) {
  {
    const auto store = Open(file_);
    PutMissing(file_, store.get());
    Damage(Data(file_), 4 * kChunk);
    EXPECT_EQ(store->Finish().code(), absl::StatusCode::kAborted);
  }
  const auto store = Open(file_);
  EXPECT_THAT(PutMissing(file_, store.get()), ElementsAre(4));
  ASSERT_EQ(store->Finish(), absl::OkStatus());
}

// --- The place of the download

TEST_F(ChunkStoreTroubleTest, SaysThatTheOutputFolderIsGone) {
  for (const SampleContent& sample : {file_, tree_}) {
    for (const bool at_end : {false, true}) {
      const auto store = Open(sample);
      if (at_end) PutMissing(sample, store.get());
      std::filesystem::remove_all(out_);
      const absl::Status status =
          at_end ? store->Finish() : store->Put(ChunkIndex(0), sample.Chunk(0)).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
      EXPECT_EQ(status.message(), "the output folder " + out_ +
                                      " was removed during the download; run the same command again to "
                                      "start from the beginning");
      EXPECT_FALSE(std::filesystem::exists(out_));
    }
  }
}

TEST_F(ChunkStoreTroubleTest, SaysWhereTheOutputFolderWent) {
  for (const bool at_end : {false, true}) {
    const auto store = Open(file_);
    if (at_end) PutMissing(file_, store.get());
    std::filesystem::rename(out_, folder_.Path("elsewhere"));
    const absl::Status status = at_end ? store->Finish() : store->Put(ChunkIndex(0), file_.Chunk(0)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), HasSubstr("was renamed to " + folder_.Path("elsewhere")));
    // Back in its place, the download continues.
    std::filesystem::rename(folder_.Path("elsewhere"), out_);
    PutMissing(file_, store.get());
    ASSERT_EQ(store->Finish(), absl::OkStatus());
    ExpectThere(file_);
    std::filesystem::remove(out_ + "/fish.bin");
  }
}

TEST_F(ChunkStoreTroubleTest, SaysThatThePathLeadsToAnotherFolder) {
  const std::string real = folder_.Path("real");
  const std::string other = folder_.Path("other");
  const auto lead_to = [&](const std::string& target) {
    std::filesystem::remove_all(out_);
    std::filesystem::create_directory_symlink(target, out_);
  };
  std::filesystem::create_directory(other);
  for (const SampleContent& sample : {file_, tree_}) {
    std::filesystem::create_directory(real);
    lead_to(real);
    const auto store = Open(sample);
    PutMissing(sample, store.get());
    lead_to(other);
    const absl::Status status = store->Finish();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("the output folder " + out_ + " is another folder now"));
    EXPECT_TRUE(std::filesystem::is_empty(other));
    // Put back, it is continued.
    lead_to(real);
    ASSERT_EQ(store->Finish(), absl::OkStatus());
    ExpectThere(sample);
    std::filesystem::remove_all(real);
  }
}

TEST_F(ChunkStoreTroubleTest, SaysThatTheUnfinishedDownloadIsGone) {
  for (const SampleContent& sample : {file_, tree_}) {
    const auto store = Open(sample);
    std::filesystem::remove_all(Data(sample));
    const absl::Status status = store->Put(ChunkIndex(0), sample.Chunk(0)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), HasSubstr("the unfinished download " + Data(sample)));
    EXPECT_THAT(std::string(status.message()), HasSubstr("was removed"));
  }
}

TEST_F(ChunkStoreTroubleTest, HasWordsForAFullAndForAReadOnlyDisk) {
  const std::map<int, std::pair<absl::StatusCode, std::string>> expected = {
      {ENOSPC, {absl::StatusCode::kResourceExhausted, "the disk of " + out_ + " is full"}},
      {EDQUOT, {absl::StatusCode::kResourceExhausted, "the disk quota in " + out_ + " is used up"}},
      {EROFS, {absl::StatusCode::kPermissionDenied, "the file system of " + out_ + " is read-only"}},
      {EFBIG, {absl::StatusCode::kOutOfRange, "takes no file of this length"}}};
  for (const auto& [error, status] : expected) {
    for (const SampleContent& sample : {file_, tree_}) {
      calls_->write = 0;
      const auto store = Open(sample);
      ASSERT_EQ(store->Put(ChunkIndex(0), sample.Chunk(0)).value(), PutResult::kStored);
      calls_->write = error;
      const absl::Status put = store->Put(ChunkIndex(2), sample.Chunk(2)).status();
      EXPECT_EQ(put.code(), status.first);
      EXPECT_THAT(std::string(put.message()), HasSubstr(status.second));
      EXPECT_FALSE(store->Holds(ChunkIndex(2)));
      EXPECT_TRUE(store->Holds(ChunkIndex(0)));
      std::filesystem::remove_all(out_);
    }
  }
}

// --- What file systems lack

TEST_F(ChunkStoreTroubleTest, WorksWithoutLocksReservedSpaceModesAndAtomicRenames) {
  for (const int error : {ENOSYS, EOPNOTSUPP, EINVAL}) {
    for (const SampleContent& sample : {file_, tree_}) {
      calls_->lock = calls_->allocate = calls_->punch_hole = calls_->rename = calls_->set_mode =
          calls_->sync = error;
      warnings_.clear();
      const mode_t before = umask(0177);  // so that an executable file needs its mode set
      const auto store = Open(sample);
      PutMissing(sample, store.get());
      ASSERT_EQ(store->Finish(), absl::OkStatus());
      umask(before);
      ExpectThere(sample);
      std::vector<testing::Matcher<std::string>> expected = {
          HasSubstr("has no file locks"), HasSubstr("can't reserve space"), HasSubstr("can't rename a file")};
      if (sample.manifest()->kind() == Manifest::Kind::kFolder)
        expected.emplace_back(HasSubstr("has no mode bits"));
      EXPECT_THAT(warnings_, testing::UnorderedElementsAreArray(expected)) << "one line per kind";
      std::filesystem::remove_all(out_);
    }
  }
}

TEST_F(ChunkStoreTroubleTest, WorksWithoutALockServer) {
  calls_->lock = ENOLCK;
  const auto store = Open(file_);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("has no file locks")));
  PutMissing(file_, store.get());
  ASSERT_EQ(store->Finish(), absl::OkStatus());
}

TEST_F(ChunkStoreTroubleTest, ReplacesNothingWithoutAtomicRenamesEither) {
  calls_->rename = EINVAL;
  const auto store = Open(file_);
  PutMissing(file_, store.get());
  folder_.Write("out/fish.bin", "precious");
  EXPECT_EQ(store->Finish().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(folder_.Read(out_ + "/fish.bin"), "precious");
}

// --- Holes

TEST_F(ChunkStoreTroubleTest, ChunksOfZerosAreHoles) {
  const std::string data = SampleBytes(2 * kChunk, 4);
  const SampleContent holes =
      SampleContent::OfFolder("pond", {{"all", std::string(8 * kChunk + 5, '\0'), false},
                                       {"between", data + std::string(16 * kChunk, '\0') + data, false},
                                       {"end", data + std::string(8 * kChunk + 100, '\0'), false},
                                       {"one", std::string(kChunk, '\0'), false}});
  {
    const auto store = Open(holes);
    EXPECT_LT(AllocatedBytes(Data(holes, "between")), 5 * kChunk);
    EXPECT_GE(AllocatedBytes(Data(holes, "between")), 4 * kChunk) << "the rest has its room";
    for (uint32_t i = 0; i < holes.chunk_count() / 2; ++i)
      ASSERT_EQ(store->Put(ChunkIndex(i), holes.Chunk(i)).value(), PutResult::kStored);
  }
  const auto store = Open(holes);
  EXPECT_EQ(store->Held().count(), holes.chunk_count() / 2);
  PutMissing(holes, store.get());
  ASSERT_EQ(store->Finish(), absl::OkStatus());
  ExpectThere(holes);
  EXPECT_EQ(AllocatedBytes(out_ + "/pond/all"), 0);
  EXPECT_LT(AllocatedBytes(out_ + "/pond/between"), 5 * kChunk);
  EXPECT_LT(AllocatedBytes(out_ + "/pond/end"), 3 * kChunk);
  EXPECT_EQ(AllocatedBytes(out_ + "/pond/one"), 0);
}

TEST_F(ChunkStoreTroubleTest, ZerosReplaceWhatWasDamaged) {
  const SampleContent holes =
      SampleContent::OfFile("fish.bin", SampleBytes(kChunk, 4) + std::string(4 * kChunk, '\0'));
  for (const int error : {0, EOPNOTSUPP}) {
    calls_->punch_hole = error;
    const auto store = Open(holes);
    PutMissing(holes, store.get());
    Damage(Data(holes), 2 * kChunk);
    EXPECT_EQ(store->Finish().code(), absl::StatusCode::kAborted);
    EXPECT_THAT(PutMissing(holes, store.get()), ElementsAre(2));
    ASSERT_EQ(store->Finish(), absl::OkStatus());
    ExpectThere(holes);
    std::filesystem::remove_all(out_);
  }
}

}  // namespace
}  // namespace shoal
