#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/file_descriptor.h"

namespace shoal {

// pread(2) and pwrite(2) that continue until all bytes are transferred or an error occurs. Signals do not
// interrupt them. They neither use nor change the file offset of the descriptor, and they block.
//
// Requires: `fd` is open for the operation, and `offset` plus the length fits into off_t.
// Errors: those of ErrnoStatus (shoal/base/file_descriptor.h), such as RESOURCE_EXHAUSTED when the disk is
// full. The messages do not name the file, which the caller knows. After an error some of the bytes may have
// been transferred.
// Thread safety: thread-safe; concurrent calls may use one descriptor.

// Fills `to` from `offset` on. Errors: also OUT_OF_RANGE when the file ends before.
absl::Status ReadAt(int fd, std::span<uint8_t> to, uint64_t offset);

// Writes all of `bytes` at `offset`. The file grows when they reach past its end.
absl::Status WriteAt(int fd, ByteView bytes, uint64_t offset);

// As WriteAt, but the bytes go to the disk soon and need not stay in the page cache (RWF_DONTCACHE), where
// the kernel (Linux 6.14) and the file system support that. Elsewhere the process falls back to WriteAt at
// its first call, and stays with it.
absl::Status WriteUncachedAt(int fd, ByteView bytes, uint64_t offset);

// Removes what exists at `path` and creates an empty file there, open for writing. The file is always a new
// inode, because an existing entry at a predictable name may be a link, or a file that another user has open
// for writing. Errors: as FileDescriptor::Open.
absl::StatusOr<FileDescriptor> CreateFreshFile(const std::string& path, unsigned mode);

// Returns whether the owner of the open file is the user of this process, or root. Programs must not trust
// state from a file with another owner. Returns false if the owner can't be determined.
bool IsOwnFile(const FileDescriptor& file);

// Returns the bytes of the regular file at `path`. Errors: INVALID_ARGUMENT when it is no regular file or has
// more than `max_bytes`; others as FileDescriptor::Open, with the path.
absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t max_bytes);

// As ReadFile, for state that an earlier run of this user wrote. Errors: also FAILED_PRECONDITION if the
// owner of the file is neither this user nor root.
absl::StatusOr<std::string> ReadOwnFile(const std::string& path, uint64_t max_bytes);

// Makes `bytes` the file at `path`: they are written to a temporary file beside it (".shoal-tmp"), synced,
// and renamed. A reader therefore sees either the complete new file or the complete old one, even after a
// power failure. Errors: from errno, with the path; an earlier file then remains.
absl::Status ReplaceFile(const std::string& path, ByteView bytes, unsigned mode = 0600);

// Makes the folder at `path` and those above it that are missing. Each new name is synced in the folder above
// it, so that after a power cut what is synced in the new folders can be found. Errors:
// FAILED_PRECONDITION (ErrorCause::kUsage) when something else than a folder is in the way; others from
// errno, with the path.
absl::Status MakeFolders(const std::string& path);

}  // namespace shoal
