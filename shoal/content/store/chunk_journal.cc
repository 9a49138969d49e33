#include "shoal/content/store/chunk_journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal {
namespace {

// docs/wire_format.md, "Progress journal"; the last byte is the version.
constexpr std::array<uint8_t, 8> kMagic = {'S', 'H', 'O', 'A', 'L', 'P', 'J', 1};
constexpr size_t kHeaderBytes = kMagic.size() + ContentId::kSizeBytes + 4 + 8 + 16 + 4;
constexpr size_t kRecordBytes = 4 + 4;

using Record = std::array<uint8_t, kRecordBytes>;

// The CRC of the header seeds the CRC of each record, so that records of another journal are not valid here.
Record EncodeRecord(uint32_t header_crc, ChunkIndex index) {
  Record record;
  StoreBig(index.value(), record.data());
  StoreBig(Crc32(ByteView(record).first(4), header_crc), record.data() + 4);
  return record;
}

uint32_t HeaderCrc(ByteView encoded) {
  return LoadBig<uint32_t>(encoded.data() + kHeaderBytes - 4);
}

std::string EncodeHeader(const JournalHeader& header) {
  std::string bytes(kMagic.begin(), kMagic.end());
  bytes.append(header.content.ToString());
  AppendBig(header.chunk_count, &bytes);
  AppendBig(header.data_fingerprint, &bytes);
  bytes.append(header.boot_id.begin(), header.boot_id.end());
  AppendBig(Crc32(AsBytes(bytes)), &bytes);
  return bytes;
}

// Of a new file, before it replaces the one at `path`.
std::string FreshPath(const std::string& path) {
  return absl::StrCat(path, ".new");
}

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

absl::Status TryLock(const TargetFileSystem& file_system, int fd, const std::string& path) {
  const int error = file_system.Lock(fd);
  if (error == 0) return absl::OkStatus();
  if (error == EWOULDBLOCK) {
    return WithCause(
        absl::FailedPreconditionError(absl::StrCat(
            "another process, or another download of this one, fetches this content into this folder:"
            " it has locked ",
            path)),
        ErrorCause::kTargetInUse);
  }
  return ErrnoStatus(error, absl::StrCat("cannot lock ", path));
}

// A file system without steady inode numbers shows another one each time.
constexpr int kMaxOpens = 16;

}  // namespace

absl::StatusOr<JournalContents> DecodeJournal(ByteView bytes) {
  const auto wrong = [] { return absl::InvalidArgumentError("no intact progress journal"); };
  if (bytes.size() < kHeaderBytes || !std::equal(kMagic.begin(), kMagic.end(), bytes.begin())) return wrong();
  const ByteView encoded_header = bytes.first(kHeaderBytes);
  if (Crc32(encoded_header.first(kHeaderBytes - 4)) != HeaderCrc(encoded_header)) return wrong();

  ByteReader reader(bytes.subspan(kMagic.size()));
  JournalContents contents;
  SHOAL_ASSIGN_OR_RETURN(contents.header.content,
                         ContentId::FromBytes(reader.ReadBytes(ContentId::kSizeBytes)));
  contents.header.chunk_count = reader.ReadBig<uint32_t>();
  contents.header.data_fingerprint = reader.ReadBig<uint64_t>();
  const ByteView boot_id = reader.ReadBytes(contents.header.boot_id.size());
  std::copy(boot_id.begin(), boot_id.end(), contents.header.boot_id.begin());
  if (contents.header.chunk_count > kMaxChunks) return wrong();

  contents.noted = ChunkSet(contents.header.chunk_count);
  for (ByteView rest = bytes.subspan(kHeaderBytes); rest.size() >= kRecordBytes;
       rest = rest.subspan(kRecordBytes)) {
    const ChunkIndex index(LoadBig<uint32_t>(rest.data()));
    const Record expected = EncodeRecord(HeaderCrc(encoded_header), index);
    if (index.value() < contents.header.chunk_count &&
        std::equal(expected.begin(), expected.end(), rest.begin())) {
      contents.noted.Insert(index);
    }
  }
  contents.gapless = kHeaderBytes + contents.noted.count() * kRecordBytes == bytes.size();
  return contents;
}

std::string EncodeJournal(const JournalHeader& header, const ChunkSet& noted) {
  std::string bytes = EncodeHeader(header);
  const uint32_t header_crc = HeaderCrc(AsBytes(bytes));
  bytes.reserve(bytes.size() + noted.count() * kRecordBytes);
  noted.ForEach([&](ChunkIndex index) {
    const Record record = EncodeRecord(header_crc, index);
    bytes.append(record.begin(), record.end());
  });
  return bytes;
}

std::array<uint8_t, 16> CurrentBootId() {
  std::array<uint8_t, 16> id{};
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string text;
  if (!std::getline(file, text)) return id;
  const std::string bytes = absl::HexStringToBytes(absl::StrReplaceAll(text, {{"-", ""}}).substr(0, 32));
  if (bytes.size() == id.size()) std::copy(bytes.begin(), bytes.end(), id.begin());
  return id;
}

absl::StatusOr<ChunkJournal> ChunkJournal::Open(const std::string& path,
                                                std::shared_ptr<const TargetFileSystem> file_system) {
  if (file_system == nullptr) file_system = std::make_shared<const TargetFileSystem>(path);
  for (int opens = 1;; ++opens) {
    SHOAL_ASSIGN_OR_RETURN(FileDescriptor file,
                           FileDescriptor::Open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0666));
    SHOAL_RETURN_IF_ERROR(TryLock(*file_system, file.get(), path));
    struct stat locked;
    struct stat named;
    if (fstat(file.get(), &locked) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", path));
    if (!S_ISREG(locked.st_mode))
      return absl::FailedPreconditionError(absl::StrCat(path, " is no regular file"));
    // Between the two calls the previous holder of the lock may have removed or replaced the file. The lock
    // is then on a file that has no name any more.
    if ((stat(path.c_str(), &named) == 0 && SameFile(locked, named)) || opens == kMaxOpens)
      return ChunkJournal(path, std::move(file), std::move(file_system));
  }
}

absl::StatusOr<std::optional<JournalContents>> ChunkJournal::Load(const ContentId& content,
                                                                  uint32_t chunk_count) {
  struct stat info;
  if (fstat(file_.get(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", path_));
  // In a folder that several users write to, another one may have left it, to have wrong bytes taken as
  // valid.
  if (!IsOwnFile(file_)) return std::nullopt;
  // Each chunk is recorded once, so a longer file was not written by this class.
  const uint64_t longest = kHeaderBytes + uint64_t{chunk_count} * kRecordBytes;
  std::string bytes(std::min<uint64_t>(static_cast<uint64_t>(info.st_size), longest), '\0');
  SHOAL_RETURN_IF_ERROR(ReadAt(file_.get(), {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}, 0));
  absl::StatusOr<JournalContents> contents = DecodeJournal(AsBytes(bytes));
  if (!contents.ok() || contents->header.content != content || contents->header.chunk_count != chunk_count) {
    return std::nullopt;
  }
  if (static_cast<uint64_t>(info.st_size) > longest) contents->gapless = false;
  loaded_ = *contents;
  return *std::move(contents);
}

absl::StatusOr<absl::Time> ChunkJournal::LastWritten() const {
  struct stat info;
  if (fstat(file_.get(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", path_));
  return absl::TimeFromTimespec(info.st_mtim);
}

absl::Status ChunkJournal::Begin(const JournalHeader& header, const ChunkSet& noted) {
  const std::string bytes = EncodeJournal(header, noted);
  bool as_loaded =
      loaded_.has_value() && loaded_->gapless && loaded_->header == header && loaded_->noted == noted;
  loaded_.reset();
  (void)unlink(FreshPath(path_).c_str());  // left by a crash during Replace
  // Data that is written from now on must not be older than the journal, even if no record follows.
  if (as_loaded) as_loaded = futimens(file_.get(), nullptr) == 0;
  // After a power cut an unsynced file may be empty, and the records of the replaced one would be lost.
  if (!as_loaded) SHOAL_RETURN_IF_ERROR(Replace(bytes, /*sync=*/!noted.empty()));
  record_seed_ = HeaderCrc(AsBytes(bytes));
  end_bytes_ = bytes.size();
  return absl::OkStatus();
}

absl::Status ChunkJournal::Replace(const std::string& bytes, bool sync) {
  const std::string fresh_path = FreshPath(path_);
  SHOAL_ASSIGN_OR_RETURN(FileDescriptor fresh,
                         FileDescriptor::Open(fresh_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0666));
  SHOAL_RETURN_IF_ERROR(TryLock(*file_system_, fresh.get(), fresh_path));
  const absl::Status written = WriteAt(fresh.get(), AsBytes(bytes), 0);
  if (!written.ok()) return file_system_->DiskStatus(written, absl::StrCat("cannot write ", path_));
  if (sync && fdatasync(fresh.get()) != 0) return ErrnoStatus(errno, absl::StrCat("cannot sync ", path_));
  if (rename(fresh_path.c_str(), path_.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot write ", path_));
  }
  file_ = std::move(fresh);
  return absl::OkStatus();
}

absl::Status ChunkJournal::Append(std::span<const ChunkIndex> chunks) {
  records_.clear();
  for (const ChunkIndex chunk : chunks) {
    const Record record = EncodeRecord(record_seed_, chunk);
    records_.insert(records_.end(), record.begin(), record.end());
  }
  // At an explicit offset, so that the next record overwrites a partial one that a full disk left.
  const absl::Status written = file_system_->Write(file_.get(), records_, end_bytes_, /*uncached=*/false);
  if (!written.ok()) return file_system_->DiskStatus(written, absl::StrCat("cannot write ", path_));
  end_bytes_ += records_.size();
  return absl::OkStatus();
}

absl::Status ChunkJournal::RemoveAt(const std::string& path) {
  (void)unlink(FreshPath(path).c_str());  // left by a crash during Replace
  if (unlink(path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR)
    return ErrnoStatus(errno, absl::StrCat("cannot remove ", path));
  return absl::OkStatus();
}

bool ChunkJournal::IsAt(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0 || lstat(FreshPath(path).c_str(), &info) == 0;
}

}  // namespace shoal
