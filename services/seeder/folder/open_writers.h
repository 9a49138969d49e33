#pragma once

#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string>

#include "shoal/base/file_descriptor.h"

namespace shoal::seeder {

enum class OpenWriters {
  kNone,
  kSome,     // a process, this one included, has the file open for writing or mapped for writing
  kUnknown,  // the file system gives no leases, or not to this user
};

// Finds out whether a process on this machine has the file at `path` open for writing, however long ago it
// wrote last. It takes a read lease (fcntl(2), F_SETLEASE), which the kernel grants only without writers, and
// returns it at once. A process that opens the file for writing in between waits for that moment.
//
// Thread safety: thread-safe. Costs three system calls.
inline OpenWriters FindOpenWriters(const std::string& path) {
  // A file system whose server decides about leases also refuses them for reasons of its own.
  constexpr auto has_remote_leases = [](int fd) {
    constexpr uint32_t kNfs = 0x6969, kSmb = 0x517B, kCifs = 0xFF534D42, kSmb2 = 0xFE534D42;
    struct statfs info{};
    if (::fstatfs(fd, &info) != 0) return true;
    const auto type = static_cast<uint32_t>(info.f_type);
    return type == kNfs || type == kSmb || type == kCifs || type == kSmb2;
  };
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  // EWOULDBLOCK: another program holds a lease for writing.
  if (!file.valid()) return errno == EWOULDBLOCK ? OpenWriters::kSome : OpenWriters::kUnknown;
  // The kernel announces a writer by SIGIO, which ends a process that does not expect it; SIGURG is ignored.
  if (::fcntl(file.get(), F_SETSIG, SIGURG) != 0) return OpenWriters::kUnknown;
  if (::fcntl(file.get(), F_SETLEASE, F_RDLCK) == 0) {
    ::fcntl(file.get(), F_SETLEASE, F_UNLCK);
    return OpenWriters::kNone;
  }
  if (errno != EAGAIN || has_remote_leases(file.get())) return OpenWriters::kUnknown;
  return OpenWriters::kSome;
}

}  // namespace shoal::seeder
