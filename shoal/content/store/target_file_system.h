#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/mutex.h"

namespace shoal {

// The system calls that not every file system supports (FAT, NFS, FUSE, overlay). The base class makes the
// calls; tests override single ones. Each returns 0 or an errno value.
//
// Thread safety: all methods are thread-safe.
class FileSystemCalls {
 public:
  virtual ~FileSystemCalls() = default;

  // flock(LOCK_EX | LOCK_NB).
  virtual int Lock(int fd) const;
  // fallocate without flags: the bytes have room on the disk, and the file is at least that long.
  virtual int Allocate(int fd, uint64_t offset_bytes, uint64_t length_bytes) const;
  // fallocate(PUNCH_HOLE | KEEP_SIZE): the bytes read as zeros and take no room.
  virtual int PunchHole(int fd, uint64_t offset_bytes, uint64_t length_bytes) const;
  // ftruncate.
  virtual int SetLength(int fd, uint64_t length_bytes) const;
  // All of `bytes`; `uncached`: as WriteUncachedAt.
  virtual absl::Status Write(int fd, ByteView bytes, uint64_t offset_bytes, bool uncached) const;
  // renameat2(RENAME_NOREPLACE).
  virtual int RenameToFree(int from_folder, const std::string& from, int to_folder,
                           const std::string& to) const;
  // fchmod.
  virtual int SetMode(int fd, mode_t mode) const;
  // symlinkat.
  virtual int MakeLink(const std::string& target, int folder, const std::string& name) const;
  // syncfs.
  virtual int SyncAll(int fd) const;
};

// The file system that receives a download: the calls above, with a substitute for each that it lacks. The
// first use of a substitute is reported, once per kind. It also words the errors of a disk for people.
//
// Thread safety: all methods are thread-safe.
class TargetFileSystem {
 public:
  // One line for people, without a newline. Called from any thread; must not block.
  using Warn = std::function<void(const std::string& warning)>;

  // `shown_folder`: what messages call the place. Null `calls`: the system's. `warn` may be empty.
  explicit TargetFileSystem(std::string shown_folder, std::shared_ptr<const FileSystemCalls> calls = nullptr,
                            Warn warn = nullptr);

  // Locks an open file for this process. Without support for locks: OK and a warning.
  // Errors: an errno value; EWOULDBLOCK when another process has the lock.
  int Lock(int fd) const;
  // Gives the file this length and, where that is supported, room on the disk for all of it. Returns an errno
  // value.
  int Allocate(int fd, uint64_t length_bytes) const;
  // Gives a range of a file of full length room on the disk, if that is supported. Returns an errno value.
  int AllocateRange(int fd, uint64_t offset_bytes, uint64_t length_bytes) const;
  // Makes the file this long, with zeros at its end. Returns an errno value.
  int SetLength(int fd, uint64_t length_bytes) const;
  // Makes these bytes zeros: a hole, where that is supported.
  absl::Status WriteZeros(int fd, ByteView zeros, uint64_t offset_bytes) const;
  absl::Status Write(int fd, ByteView bytes, uint64_t offset_bytes, bool uncached) const;
  // Renames, but never replaces an existing entry: EEXIST then. Where the file system can't do both in one
  // step, it checks first. Returns an errno value.
  int RenameToFree(int from_folder, const std::string& from, int to_folder, const std::string& to) const;
  // Sets the mode bits; without support for them: OK and a warning. Returns an errno value.
  int SetMode(int fd, mode_t mode) const;
  // Creates the symbolic link `name` in `folder`. Without support for links: OK and a warning that names
  // `shown`. Returns an errno value.
  int MakeLink(const std::string& target, int folder, const std::string& name,
               const std::string& shown) const;
  // Syncs everything. Returns an errno value.
  int SyncAll(int fd) const;

  void Warning(const std::string& text) const;
  const std::string& shown_folder() const { return shown_folder_; }

  // The status for a failed call, in words that say what to do: full disk and quota (RESOURCE_EXHAUSTED),
  // read-only file system (PERMISSION_DENIED), file too long (OUT_OF_RANGE); others as ErrnoStatus of `what`.
  absl::Status DiskStatus(int error, absl::string_view what) const;
  // The same for the status of Write.
  absl::Status DiskStatus(const absl::Status& status, absl::string_view what) const;

 private:
  enum Kind : uint8_t { kLocks, kAllocation, kRename, kModes, kLinks, kKinds };
  void WarnOnce(Kind kind, const std::string& text) const;

  const std::string shown_folder_;
  const std::shared_ptr<const FileSystemCalls> calls_;
  const Warn warn_;
  mutable Mutex mutex_;
  mutable bool warned_[kKinds] ABSL_GUARDED_BY(mutex_) = {};
};

// Returns whether the errno value says that the file system does not support the call.
bool IsUnsupported(int error);

// Returns whether every byte is zero; true for an empty range. Compares only a few bytes if the first bytes
// are not zero.
bool IsAllZeros(ByteView bytes);

}  // namespace shoal
