// A library for LD_PRELOAD that makes file operations of a program fail, kills it at one of them, records them, and moves its
// wall clock. tests/e2e/fault_layer.py builds it and speaks its formats. Only programs that link the C library dynamically can
// be tested so. Linux, x86-64 and other machines with 64 bits.
//
// Environment, read once at the start:
//   SHOAL_FAULT_FOLDERS  absolute paths, separated by ':'; only what is on these or below is disturbed and recorded.
//   SHOAL_FAULT_CONTROL  a file of rules, one per line; read again whenever another file takes its name:
//                          seed N                   of the choices
//                          fail KIND ERRNO CHANCE MOST  an operation of KIND fails with this number, in CHANCE of 1000 cases,
//                                                   at most MOST times; KIND: read, write, sync, rename, open, room
//                          short CHANCE             a read or write transfers a part only
//                          clock SECONDS            is added to the wall clock
//                          kill N                   SIGKILL instead of the change with number N, counted from 1
//   SHOAL_FAULT_TRACE    a file to which each change is appended after it succeeded. A record is a line of words separated by
//                        tabs, and then as many bytes as its last word says:
//                          SEQUENCE KIND INODE OFFSET LENGTH PATH OTHER BYTES
//                        KIND: file, folder, link (made), write, length, mode, rename, remove, sync, sync_all.
//   SHOAL_FAULT_BOOT_ID  what the program reads as the kernel's boot id.
//
// Changes are made one at a time while they are recorded, so that the order of the records is the order of the changes. What a
// program writes through a shared mapping is not seen; those that are tested here don't.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum Kind { kRead, kWrite, kSync, kRename, kOpen, kRoom, kKinds };
static const char* const kKindNames[kKinds] = {"read", "write", "sync", "rename", "open", "room"};

#define MAX_FOLDERS 16

static char* folders[MAX_FOLDERS];
static int folder_count;
static const char* control;
static const char* boot_id;
static int trace = -1;

// Held while a change is made and recorded.
static pthread_mutex_t order = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static long sequence;

// The rules. Read and written without a lock: a torn set of rules lasts for one operation.
static atomic_long rule_errno[kKinds], rule_chance[kKinds], rule_most[kKinds], short_chance, seed, clock_offset, kill_at;
static atomic_ulong choices;
static atomic_ullong control_version;
static pthread_mutex_t reading_rules = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) __typeof__(name)* const real = (__typeof__(name)*)dlsym(RTLD_NEXT, #name)

static long Raw(long number, long a, long b, long c, long d) {
  static long (*real)(long, ...);
  if (real == NULL) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  return real(number, a, b, c, d, 0L, 0L);
}

static void ReadRules(void) {
  if (control == NULL) return;
  struct stat info;
  if (stat(control, &info) != 0) return;
  const unsigned long long version =
      (unsigned long long)info.st_ino * 1000003u + (unsigned long long)info.st_mtim.tv_nsec + (unsigned long long)info.st_mtime;
  if (atomic_load(&control_version) == version || pthread_mutex_trylock(&reading_rules) != 0) return;
  char text[4096];
  const long fd = Raw(SYS_openat, AT_FDCWD, (long)control, O_RDONLY | O_CLOEXEC, 0);
  const long got = fd < 0 ? -1 : Raw(SYS_read, fd, (long)text, sizeof(text) - 1, 0);
  if (fd >= 0) Raw(SYS_close, fd, 0, 0, 0);
  if (got >= 0) {
    text[got] = '\0';
    for (int kind = 0; kind < kKinds; ++kind) atomic_store(&rule_chance[kind], 0);
    atomic_store(&short_chance, 0);
    atomic_store(&clock_offset, 0);
    atomic_store(&kill_at, 0);
    char* rest = NULL;
    for (char* line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
      char name[16];
      long number, chance, most;
      if (sscanf(line, "fail %15s %ld %ld %ld", name, &number, &chance, &most) == 4) {
        for (int kind = 0; kind < kKinds; ++kind) {
          if (strcmp(name, kKindNames[kind]) != 0) continue;
          atomic_store(&rule_errno[kind], number);
          atomic_store(&rule_most[kind], most);
          atomic_store(&rule_chance[kind], chance);
        }
      } else if (sscanf(line, "seed %ld", &number) == 1) {
        atomic_store(&seed, number);
        atomic_store(&choices, 0);
      } else if (sscanf(line, "short %ld", &number) == 1) {
        atomic_store(&short_chance, number);
      } else if (sscanf(line, "clock %ld", &number) == 1) {
        atomic_store(&clock_offset, number);
      } else if (sscanf(line, "kill %ld", &number) == 1) {
        atomic_store(&kill_at, number);
      }
    }
    atomic_store(&control_version, version);
  }
  pthread_mutex_unlock(&reading_rules);
}

__attribute__((constructor)) static void Start(void) {
  static int started;
  if (started++) return;
  const char* const list = getenv("SHOAL_FAULT_FOLDERS");
  if (list != NULL) {
    char* rest = NULL;
    for (char* path = strtok_r(strdup(list), ":", &rest); path != NULL && folder_count < MAX_FOLDERS;
         path = strtok_r(NULL, ":", &rest)) {
      folders[folder_count++] = path;
    }
  }
  control = getenv("SHOAL_FAULT_CONTROL");
  boot_id = getenv("SHOAL_FAULT_BOOT_ID");
  const char* const path = getenv("SHOAL_FAULT_TRACE");
  if (path != NULL) trace = (int)Raw(SYS_openat, AT_FDCWD, (long)path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  ReadRules();
}

static int IsBelow(const char* path) {
  for (int i = 0; i < folder_count; ++i) {
    const size_t length = strlen(folders[i]);
    if (strncmp(path, folders[i], length) == 0 && (path[length] == '\0' || path[length] == '/')) return 1;
  }
  return 0;
}

// The path of what is open; whether it is below the folders.
static int PathOfDescriptor(int fd, char* path) {
  char link[40];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const long length = Raw(SYS_readlink, (long)link, (long)path, PATH_MAX - 1, 0);
  if (length <= 0) return 0;
  path[length] = '\0';
  return IsBelow(path);
}

static int PathAt(int folder, const char* name, char* path) {
  if (name[0] == '/') {
    snprintf(path, PATH_MAX, "%s", name);
    return IsBelow(path);
  }
  char base[PATH_MAX];
  if (folder == AT_FDCWD) {
    if (getcwd(base, sizeof(base)) == NULL) return 0;
  } else {
    PathOfDescriptor(folder, base);
  }
  if (strlen(base) + strlen(name) + 2 > PATH_MAX) return 0;
  strcpy(path, base);
  strcat(path, "/");
  strcat(path, name);
  return IsBelow(path);
}

static uint64_t Choice(void) {
  uint64_t value = (uint64_t)atomic_load(&seed) * 0x9E3779B97F4A7C15u + atomic_fetch_add(&choices, 1) + 1;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

// Whether an operation below the folders fails; errno is set then.
static int Fails(enum Kind kind) {
  ReadRules();
  const long chance = atomic_load(&rule_chance[kind]);
  if (chance == 0 || (long)(Choice() % 1000) >= chance) return 0;
  if (atomic_fetch_sub(&rule_most[kind], 1) <= 0) return 0;
  errno = (int)atomic_load(&rule_errno[kind]);
  return 1;
}

static size_t Shortened(size_t length) {
  const long chance = atomic_load(&short_chance);
  if (chance == 0 || length < 2 || (long)(Choice() % 1000) >= chance) return length;
  return 1 + Choice() % (length - 1);
}

static void BeginChange(void) {
  pthread_mutex_lock(&order);
  ++sequence;
  if (sequence == atomic_load(&kill_at)) kill(getpid(), SIGKILL);
}

static void EndChange(void) {
  const int error = errno;
  pthread_mutex_unlock(&order);
  errno = error;
}

static void Record(const char* kind, unsigned long long inode, long long offset, long long length, const char* path,
                   const char* other, const struct iovec* parts, int part_count, size_t byte_count) {
  if (trace < 0) return;
  const int error = errno;
  const size_t room = 2 * PATH_MAX + 200 + byte_count;
  char* const record = malloc(room);
  if (record == NULL) abort();
  size_t at = (size_t)snprintf(record, room - byte_count, "%ld\t%s\t%llu\t%lld\t%lld\t%s\t%s\t%zu\n", sequence, kind, inode, offset,
                               length, path, other, byte_count);
  size_t left = byte_count;
  for (int i = 0; i < part_count && left > 0; ++i) {
    const size_t take = parts[i].iov_len < left ? parts[i].iov_len : left;
    memcpy(record + at, parts[i].iov_base, take);
    at += take;
    left -= take;
  }
  for (size_t done = 0; done < at;) {
    const long put = Raw(SYS_write, trace, (long)(record + done), (long)(at - done), 0);
    if (put <= 0) abort();
    done += (size_t)put;
  }
  free(record);
  errno = error;
}

static unsigned long long InodeOf(int fd) {
  struct stat info;
  return fstat(fd, &info) == 0 ? info.st_ino : 0;
}

static unsigned long long InodeAt(const char* path) {
  struct stat info;
  return lstat(path, &info) == 0 ? info.st_ino : 0;
}

// --- Reading

#define READ_BODY(fd, result, call, length_name)                        \
  char path[PATH_MAX];                                                  \
  if (!PathOfDescriptor(fd, path)) return call;                         \
  if (Fails(kRead)) return -1;                                          \
  length_name = Shortened(length_name);                                 \
  return call

ssize_t read(int fd, void* to, size_t length) {
  REAL(read);
  READ_BODY(fd, ssize_t, real(fd, to, length), length);
}

ssize_t pread(int fd, void* to, size_t length, off_t offset) {
  REAL(pread);
  READ_BODY(fd, ssize_t, real(fd, to, length, offset), length);
}

ssize_t pread64(int fd, void* to, size_t length, off64_t offset) { return pread(fd, to, length, offset); }

ssize_t sendfile(int socket, int fd, off_t* offset, size_t length) {
  REAL(sendfile);
  READ_BODY(fd, ssize_t, real(socket, fd, offset, length), length);
}

ssize_t sendfile64(int socket, int fd, off64_t* offset, size_t length) { return sendfile(socket, fd, offset, length); }

// --- Writing

static ssize_t WriteParts(int fd, const struct iovec* parts, int count, off_t offset, int flags, const char* path) {
  if (Fails(kWrite)) return -1;
  // A part only: of the first one, so that the caller's array stays as it is.
  struct iovec first = parts[0];
  if (count > 0 && (first.iov_len = Shortened(first.iov_len)) != parts[0].iov_len) {
    parts = &first;
    count = 1;
  }
  __typeof__(pwritev2)* const real = (__typeof__(pwritev2)*)dlsym(RTLD_NEXT, "pwritev2");
  BeginChange();
  long long at = offset;
  if (offset == -1) {
    struct stat info;
    at = (fcntl(fd, F_GETFL) & O_APPEND) != 0 && fstat(fd, &info) == 0 ? info.st_size : lseek(fd, 0, SEEK_CUR);
  }
  const ssize_t put = real(fd, parts, count, offset, flags);
  if (put > 0) Record("write", InodeOf(fd), at, put, path, "", parts, count, (size_t)put);
  EndChange();
  return put;
}

ssize_t write(int fd, const void* from, size_t length) {
  REAL(write);
  char path[PATH_MAX];
  if (!PathOfDescriptor(fd, path)) return real(fd, from, length);
  const struct iovec part = {(void*)from, length};
  return WriteParts(fd, &part, 1, -1, 0, path);
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
  REAL(writev);
  char path[PATH_MAX];
  if (count == 0 || !PathOfDescriptor(fd, path)) return real(fd, parts, count);
  return WriteParts(fd, parts, count, -1, 0, path);
}

ssize_t pwrite(int fd, const void* from, size_t length, off_t offset) {
  REAL(pwrite);
  char path[PATH_MAX];
  if (!PathOfDescriptor(fd, path)) return real(fd, from, length, offset);
  const struct iovec part = {(void*)from, length};
  return WriteParts(fd, &part, 1, offset, 0, path);
}

ssize_t pwrite64(int fd, const void* from, size_t length, off64_t offset) { return pwrite(fd, from, length, offset); }

ssize_t pwritev2(int fd, const struct iovec* parts, int count, off_t offset, int flags) {
  REAL(pwritev2);
  char path[PATH_MAX];
  if (count == 0 || !PathOfDescriptor(fd, path)) return real(fd, parts, count, offset, flags);
  return WriteParts(fd, parts, count, offset, flags, path);
}

ssize_t pwritev64v2(int fd, const struct iovec* parts, int count, off64_t offset, int flags) {
  return pwritev2(fd, parts, count, offset, flags);
}

int ftruncate(int fd, off_t length) {
  REAL(ftruncate);
  char path[PATH_MAX];
  if (!PathOfDescriptor(fd, path)) return real(fd, length);
  if (Fails(kRoom)) return -1;
  BeginChange();
  const int result = real(fd, length);
  if (result == 0) Record("length", InodeOf(fd), 0, length, path, "", NULL, 0, 0);
  EndChange();
  return result;
}

int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

// Only what it does to the bytes that are read is recorded: a longer file, or zeros.
int fallocate(int fd, int mode, off_t offset, off_t length) {
  REAL(fallocate);
  char path[PATH_MAX];
  if (!PathOfDescriptor(fd, path)) return real(fd, mode, offset, length);
  if (Fails(kRoom)) return -1;
  BeginChange();
  const int result = real(fd, mode, offset, length);
  struct stat info;
  if (result == 0 && fstat(fd, &info) == 0) {
    if (mode == 0) Record("length", info.st_ino, 0, info.st_size, path, "", NULL, 0, 0);
    if ((mode & FALLOC_FL_PUNCH_HOLE) != 0) {
      void* const zeros = calloc(1, (size_t)length);
      const struct iovec part = {zeros, (size_t)length};
      Record("write", info.st_ino, offset, length, path, "", &part, 1, (size_t)length);
      free(zeros);
    }
  }
  EndChange();
  return result;
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) { return fallocate(fd, mode, offset, length); }

int fchmod(int fd, mode_t mode) {
  REAL(fchmod);
  char path[PATH_MAX];
  if (!PathOfDescriptor(fd, path)) return real(fd, mode);
  BeginChange();
  const int result = real(fd, mode);
  if (result == 0) Record("mode", InodeOf(fd), 0, mode, path, "", NULL, 0, 0);
  EndChange();
  return result;
}

// --- Syncing

#define SYNC_BODY(call, kind)                                            \
  char path[PATH_MAX];                                                   \
  if (!PathOfDescriptor(fd, path)) return call;                          \
  if (Fails(kSync)) return -1;                                           \
  BeginChange();                                                         \
  const int result = call;                                               \
  if (result == 0) Record(kind, InodeOf(fd), 0, 0, path, "", NULL, 0, 0); \
  EndChange();                                                           \
  return result

int fsync(int fd) {
  REAL(fsync);
  SYNC_BODY(real(fd), "sync");
}

int fdatasync(int fd) {
  REAL(fdatasync);
  SYNC_BODY(real(fd), "sync");
}

int syncfs(int fd) {
  REAL(syncfs);
  SYNC_BODY(real(fd), "sync_all");
}

// --- Names

static long OpenBelow(int folder, const char* name, int flags, unsigned mode, const struct open_how* how) {
  char path[PATH_MAX];
  const int below = PathAt(folder, name, path);
  const int changes = below && (flags & (O_CREAT | O_TRUNC)) != 0;
  if (below && (flags & O_PATH) == 0 && Fails(kOpen)) return -1;
  struct stat info;
  if (changes) BeginChange();
  const int was_there = changes && lstat(path, &info) == 0;
  const long fd = how != NULL ? Raw(SYS_openat2, folder, (long)name, (long)how, sizeof(*how))
                              : Raw(SYS_openat, folder, (long)name, flags, (long)mode);
  if (changes) {
    if (fd >= 0 && !was_there) {
      fstat((int)fd, &info);
      Record("file", info.st_ino, 0, info.st_mode & 07777, path, "", NULL, 0, 0);
    } else if (fd >= 0 && (flags & O_TRUNC) != 0) {
      Record("length", InodeOf((int)fd), 0, 0, path, "", NULL, 0, 0);
    }
    EndChange();
  }
  return fd;
}

static unsigned ModeOf(int flags, va_list rest) { return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, unsigned) : 0; }

#define OPEN_BODY(folder)                      \
  va_list rest;                                \
  va_start(rest, flags);                       \
  const unsigned mode = ModeOf(flags, rest);   \
  va_end(rest);                                \
  return (int)OpenBelow(folder, name, flags, mode, NULL)

int open(const char* name, int flags, ...) { OPEN_BODY(AT_FDCWD); }
int open64(const char* name, int flags, ...) { OPEN_BODY(AT_FDCWD); }
int openat(int folder, const char* name, int flags, ...) { OPEN_BODY(folder); }
int openat64(int folder, const char* name, int flags, ...) { OPEN_BODY(folder); }

FILE* fopen(const char* name, const char* mode) {
  REAL(fopen);
  const int asks_boot_id = boot_id != NULL && strcmp(name, "/proc/sys/kernel/random/boot_id") == 0;
  return asks_boot_id ? fmemopen((void*)boot_id, strlen(boot_id), "r") : real(name, mode);
}

FILE* fopen64(const char* name, const char* mode) { return fopen(name, mode); }

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  char from_path[PATH_MAX];
  char to_path[PATH_MAX];
  const int below = PathAt(to_folder, to, to_path) | PathAt(from_folder, from, from_path);
  if (!below) {
    REAL(renameat2);
    return real(from_folder, from, to_folder, to, flags);
  }
  if (Fails(kRename)) return -1;
  REAL(renameat2);
  BeginChange();
  const int result = real(from_folder, from, to_folder, to, flags);
  if (result == 0) Record("rename", InodeAt(to_path), 0, 0, from_path, to_path, NULL, 0, 0);
  EndChange();
  return result;
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) {
  return renameat2(from_folder, from, to_folder, to, 0);
}

int rename(const char* from, const char* to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int folder, const char* name, int flags) {
  REAL(unlinkat);
  char path[PATH_MAX];
  if (!PathAt(folder, name, path)) return real(folder, name, flags);
  BeginChange();
  const unsigned long long inode = InodeAt(path);
  const int result = real(folder, name, flags);
  if (result == 0) Record("remove", inode, 0, 0, path, "", NULL, 0, 0);
  EndChange();
  return result;
}

int unlink(const char* name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char* name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int remove(const char* name) {
  if (unlinkat(AT_FDCWD, name, 0) == 0) return 0;
  return errno == EISDIR ? unlinkat(AT_FDCWD, name, AT_REMOVEDIR) : -1;
}

int mkdirat(int folder, const char* name, mode_t mode) {
  REAL(mkdirat);
  char path[PATH_MAX];
  if (!PathAt(folder, name, path)) return real(folder, name, mode);
  BeginChange();
  const int result = real(folder, name, mode);
  struct stat info;
  if (result == 0 && lstat(path, &info) == 0)
    Record("folder", info.st_ino, 0, info.st_mode & 07777, path, "", NULL, 0, 0);
  EndChange();
  return result;
}

int mkdir(const char* name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int symlinkat(const char* target, int folder, const char* name) {
  REAL(symlinkat);
  char path[PATH_MAX];
  if (!PathAt(folder, name, path)) return real(target, folder, name);
  BeginChange();
  const int result = real(target, folder, name);
  if (result == 0) Record("link", InodeAt(path), 0, 0, path, target, NULL, 0, 0);
  EndChange();
  return result;
}

int symlink(const char* target, const char* name) { return symlinkat(target, AT_FDCWD, name); }

// --- The wall clock, and waits until one of its times

static int IsWallClock(clockid_t id) { return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE; }

static struct timespec Unmoved(const struct timespec* time) {
  struct timespec real_time = *time;
  real_time.tv_sec -= atomic_load(&clock_offset);
  if (real_time.tv_sec < 0) real_time.tv_sec = 0;
  return real_time;
}

int clock_gettime(clockid_t id, struct timespec* time) {
  REAL(clock_gettime);
  const int result = real(id, time);
  if (result == 0 && IsWallClock(id)) {
    static __thread unsigned calls;
    if (calls++ % 64 == 0) ReadRules();
    time->tv_sec += atomic_load(&clock_offset);
  }
  return result;
}

int gettimeofday(struct timeval* time, void* zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* to) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (to != NULL) *to = now.tv_sec;
  return now.tv_sec;
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const struct timespec* until) {
  REAL(pthread_cond_timedwait);
  const struct timespec unmoved = Unmoved(until);
  // A condition of the monotonic clock has small times, which Unmoved would break; those stay as they are.
  return real(condition, mutex, until->tv_sec > 1000000000 ? &unmoved : until);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t id, const struct timespec* until) {
  REAL(pthread_cond_clockwait);
  const struct timespec unmoved = Unmoved(until);
  return real(condition, mutex, id, IsWallClock(id) ? &unmoved : until);
}

int sem_timedwait(sem_t* semaphore, const struct timespec* until) {
  REAL(sem_timedwait);
  const struct timespec unmoved = Unmoved(until);
  return real(semaphore, &unmoved);
}

// --- Calls that the C library has no function for

long syscall(long number, ...) {
  long a[6];
  va_list rest;
  va_start(rest, number);
  for (int i = 0; i < 6; ++i) a[i] = va_arg(rest, long);
  va_end(rest);
  if (number == SYS_openat2) {
    const struct open_how* const how = (const struct open_how*)a[2];
    return OpenBelow((int)a[0], (const char*)a[1], (int)how->flags, (unsigned)how->mode, how);
  }
  REAL(syscall);
  if (number == SYS_futex && (a[1] & FUTEX_CLOCK_REALTIME) != 0 && a[3] != 0) {
    const struct timespec unmoved = Unmoved((const struct timespec*)a[3]);
    return real(number, a[0], a[1], a[2], (long)&unmoved, a[4], a[5]);
  }
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
