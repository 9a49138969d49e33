#include "shoal/base/output_path.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/file_io.h"

namespace shoal {
namespace {

struct Identity {
  dev_t device = 0;
  ino_t inode = 0;
  bool is_folder = false;

  bool Is(const Identity& other) const { return device == other.device && inode == other.inode; }
};

// Links are followed. Nothing when there is nothing.
std::optional<Identity> IdentityOf(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return Identity{info.st_dev, info.st_ino, S_ISDIR(info.st_mode)};
}

std::string WithoutSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// The folder that holds `path`, by its text.
std::string ParentOf(const std::string& path) {
  const std::string trimmed = WithoutSlashes(path);
  const size_t slash = trimmed.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : trimmed.substr(0, slash);
}

// The part of `path` that exists; "." or "/" when none does.
std::string ExistingPart(std::string path) {
  for (;;) {
    struct stat info;
    if (::lstat(path.c_str(), &info) == 0) return path;
    const std::string parent = ParentOf(path);
    if (parent == path || parent == ".") return parent;
    path = parent;
  }
}

// True when the folder `path`, or one above it on the way to the root, is `wanted`.
bool LiesIn(const std::string& path, const Identity& wanted) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (real == nullptr) return false;
  for (std::string folder = real.get();; folder = ParentOf(folder)) {
    const std::optional<Identity> identity = IdentityOf(folder);
    if (identity.has_value() && identity->Is(wanted)) return true;
    if (folder == "/") return false;
  }
}

absl::Status Usage(const std::string& path, absl::string_view why) {
  return WithCause(absl::InvalidArgumentError(absl::StrCat(path, " ", why)), ErrorCause::kUsage);
}

// Makes a file in `folder` and removes it again.
absl::Status TryToWriteIn(const std::string& folder) {
  std::string name = absl::StrCat(folder, "/.shoal-check-XXXXXX");
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot write in ", folder));
  ::close(fd);
  ::unlink(name.c_str());
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckOutputFile(const std::string& path) {
  if (path.empty()) return Usage("''", "is no name of a file");
  struct stat info;
  const bool exists = ::stat(path.c_str(), &info) == 0;
  if (exists && S_ISDIR(info.st_mode)) return Usage(path, "is a folder, and a file is to be written there");
  if (path.back() == '/') return Usage(path, "names a folder, and a file is to be written there");
  if (exists && !S_ISREG(info.st_mode)) return Usage(path, "is no regular file");
  const std::string folder = ParentOf(path);
  if (::stat(folder.c_str(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot write to ", path));
  if (!S_ISDIR(info.st_mode)) return Usage(folder, "is no folder");
  return TryToWriteIn(folder);
}

absl::Status CheckFolderName(const std::string& path) {
  if (path.empty()) return Usage("''", "is no name of a folder");
  const std::string existing = ExistingPart(WithoutSlashes(path));
  struct stat info;
  if (::stat(existing.c_str(), &info) != 0) {
    const int error = errno;
    if (error == ENOENT && ::lstat(existing.c_str(), &info) == 0)
      return Usage(existing, "is a link that leads nowhere; make the folder that it leads to, or remove it");
    return ErrnoStatus(error, absl::StrCat("cannot look at ", existing));
  }
  if (!S_ISDIR(info.st_mode)) return Usage(existing, "is no folder");
  return absl::OkStatus();
}

absl::Status CheckOutputFolder(const std::string& path) {
  if (const absl::Status name = CheckFolderName(path); !name.ok()) return name;
  if (const absl::Status made = MakeFolders(path); !made.ok()) return made;
  return TryToWriteIn(path);
}

absl::Status CheckOutputOutsideInput(const std::string& output, const std::string& input) {
  const std::optional<Identity> in = IdentityOf(input);
  if (!in.has_value()) return absl::OkStatus();
  const auto refuse = [&](absl::string_view how) {
    return WithCause(absl::InvalidArgumentError(absl::StrCat("the output ", output, " ", how, " ", input,
                                                             ", which is read; name another output")),
                     ErrorCause::kOutputInInput);
  };
  const std::optional<Identity> out = IdentityOf(output);
  if (out.has_value() && out->Is(*in)) return refuse("is the same as");
  if (in->is_folder) {
    // Where the name is, and where it leads when it is a link.
    if (LiesIn(ExistingPart(ParentOf(output)), *in) || LiesIn(output, *in)) return refuse("lies in");
  }
  if (out.has_value() && out->is_folder && LiesIn(ParentOf(input), *out)) return refuse("contains");
  return absl::OkStatus();
}

}  // namespace shoal
