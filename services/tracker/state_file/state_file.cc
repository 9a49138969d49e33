#include "services/tracker/state_file/state_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/tracker/state_file/state_format.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/file_io.h"
#include "shoal/base/output_path.h"
#include "shoal/base/status_macros.h"

namespace shoal::tracker {
namespace {

// The peers of an older file are mostly gone.
constexpr absl::Duration kMaxAge = absl::Hours(1);

// Counts records on their way to another sink.
class CountingSink : public StateSink {
 public:
  explicit CountingSink(StateSink* next) : next_(next) {}
  void Content(const tracking::ContentSummary& summary, absl::Time first_seen,
               absl::Time published) override {
    ++counts.contents;
    next_->Content(summary, first_seen, published);
  }
  void Signature(const PublisherSignature& signature) override { next_->Signature(signature); }
  void Peer(const ExportedPeer& peer) override {
    ++counts.peers;
    next_->Peer(peer);
  }
  void Swarm(const InfoHash& info_hash, uint32_t completed) override {
    ++counts.swarms;
    next_->Swarm(info_hash, completed);
  }
  void SwarmPeer(const Endpoint& endpoint, bool seeder, absl::Duration silent) override {
    ++counts.swarm_peers;
    next_->SwarmPeer(endpoint, seeder, silent);
  }

  StateCounts counts;

 private:
  StateSink* const next_;
};

// A memory-mapped file.
class MappedFile {
 public:
  static absl::StatusOr<MappedFile> Open(const std::string& path) {
    SHOAL_ASSIGN_OR_RETURN(const FileDescriptor file, FileDescriptor::Open(path, O_RDONLY));
    struct stat status;
    if (fstat(file.get(), &status) != 0) return ErrnoStatus(errno, path);
    if (!S_ISREG(status.st_mode)) return absl::DataLossError(absl::StrCat(path, ": is no file"));
    if (!IsOwnFile(file))
      return absl::FailedPreconditionError(
          absl::StrCat(path, ": belongs to another user, who may have made it up"));
    const auto size = static_cast<size_t>(status.st_size);
    if (size == 0) return MappedFile(nullptr, 0);
    void* const bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (bytes == MAP_FAILED) return ErrnoStatus(errno, path);
    return MappedFile(bytes, size);
  }
  MappedFile(MappedFile&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)), size_(other.size_) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile() {
    if (bytes_ != nullptr) munmap(bytes_, size_);
  }

  ByteView bytes() const { return {static_cast<const uint8_t*>(bytes_), size_}; }

 private:
  MappedFile(void* bytes, size_t size) : bytes_(bytes), size_(size) {}

  void* bytes_;
  size_t size_;
};

absl::Status Named(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, " ", status.message()));
}

absl::Status SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  SHOAL_ASSIGN_OR_RETURN(const FileDescriptor opened, FileDescriptor::Open(folder, O_RDONLY | O_DIRECTORY));
  return fsync(opened.get()) == 0 ? absl::OkStatus() : ErrnoStatus(errno, folder);
}

}  // namespace

absl::Status CheckStateFile(const std::string& path) {
  SHOAL_RETURN_IF_ERROR(CheckOutputFile(path));
  const absl::StatusOr<FileDescriptor> file = FileDescriptor::Open(path, O_RDONLY | O_NONBLOCK);
  if (absl::IsNotFound(file.status())) return absl::OkStatus();
  if (!file.ok()) return file.status();
  char bytes[sizeof(kStateFileMagic) - 1];
  const ssize_t count = ::pread(file->get(), bytes, sizeof(bytes), 0);
  if (count < 0) return ErrnoStatus(errno, absl::StrCat("cannot read ", path));
  if (std::memcmp(bytes, kStateFileMagic, static_cast<size_t>(count)) == 0) return absl::OkStatus();
  return WithCause(
      absl::AlreadyExistsError(absl::StrCat(path, " is there already and is not a tracker's state file")),
      ErrorCause::kTargetExists);
}

absl::StatusOr<StateCounts> SaveState(const std::string& path, const TrackerState& state,
                                      const Clock& clock) {
  const std::string temporary = path + ".new";
  StateCounts counts;
  {
    SHOAL_ASSIGN_OR_RETURN(const FileDescriptor file, CreateFreshFile(temporary, 0600));
    uint64_t offset = 0;
    StateWriter writer(clock.Now(), [&](ByteView bytes) {
      offset += bytes.size();
      return WriteAt(file.get(), bytes, offset - bytes.size());
    });
    CountingSink counting(&writer);
    state.Export(&counting);
    counts = counting.counts;
    if (const absl::Status finished = writer.Finish(); !finished.ok()) return Named(temporary, finished);
    if (fsync(file.get()) != 0) return ErrnoStatus(errno, temporary);
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, path);
  SHOAL_RETURN_IF_ERROR(SyncFolderOf(path));
  return counts;
}

absl::StatusOr<StateCounts> LoadState(const std::string& path, TrackerState* state, const Clock& clock) {
  SHOAL_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  const auto saved = ReadState(file.bytes(), nullptr);
  if (!saved.ok()) return Named(path, saved.status());
  if (clock.Now() - *saved > kMaxAge) {
    return absl::OutOfRangeError(absl::StrCat(path, " was written at ",
                                              absl::FormatTime(*saved, absl::UTCTimeZone()),
                                              ", too long ago to be of use"));
  }
  const std::unique_ptr<StateSink> restoring = state->Restoring();
  CountingSink counting(restoring.get());
  SHOAL_RETURN_IF_ERROR(ReadState(file.bytes(), &counting).status());
  // Peers that registered after the file was written, with a process that did not write another, are missing.
  if (clock.Now() - *saved < state->registry()->options().lease) state->registry()->EndWarmUp();
  return counting.counts;
}

}  // namespace shoal::tracker
