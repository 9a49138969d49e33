#include "shoal/content/publish/folder_listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/content_path.h"

namespace shoal {
namespace {

bool IsLeftOut(absl::string_view name) {
  return absl::StartsWith(name, ".") || absl::EndsWith(name, ".shoal") ||
         absl::EndsWith(name, ".shoal-tmp") || absl::EndsWith(name, ".shoal-progress");
}

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

// Empty when there is none.
std::string RealPath(const std::string& path) {
  const std::unique_ptr<char, decltype(&free)> real(realpath(path.c_str(), nullptr), &free);
  return real == nullptr ? std::string() : std::string(real.get());
}

class Lister {
 public:
  explicit Lister(const std::string& folder) : real_root_(RealPath(folder)) {}

  // Adds what lies below `folder`, whose paths begin with `prefix` (empty or ending in '/').
  absl::Status List(const std::string& folder, const std::string& prefix) {
    SHOAL_ASSIGN_OR_RETURN(FileDescriptor opened, FileDescriptor::Open(folder, O_RDONLY | O_DIRECTORY));
    struct stat here;
    if (fstat(opened.get(), &here) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", folder));
    const std::pair<dev_t, ino_t> identity(here.st_dev, here.st_ino);
    // A link to a folder above would go round for ever.
    if (std::find(above_.begin(), above_.end(), identity) != above_.end()) return absl::OkStatus();

    SHOAL_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(std::move(opened), folder));
    above_.push_back(identity);
    for (const std::string& name : names) {
      SHOAL_RETURN_IF_ERROR(Add(absl::StrCat(folder, "/", name), absl::StrCat(prefix, name)));
    }
    above_.pop_back();
    return absl::OkStatus();
  }

  std::vector<ListedFile> TakeFiles() { return std::move(files_); }

 private:
  // All at once, so that a deep tree does not hold a descriptor for each level.
  static absl::StatusOr<std::vector<std::string>> NamesIn(FileDescriptor opened, const std::string& folder) {
    const std::unique_ptr<DIR, CloseFolder> entries(fdopendir(opened.get()));
    if (entries == nullptr) return ErrnoStatus(errno, absl::StrCat("cannot read ", folder));
    (void)opened.Release();  // closedir closes it
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(entries.get())) {
      if (!IsLeftOut(entry->d_name)) names.emplace_back(entry->d_name);
      errno = 0;
    }
    if (errno != 0) return ErrnoStatus(errno, absl::StrCat("cannot read ", folder));
    return names;
  }

  absl::Status Add(const std::string& full, std::string path) {
    struct stat info;
    if (lstat(full.c_str(), &info) != 0) return Vanished(full);
    if (S_ISLNK(info.st_mode)) {
      const std::string target = RealPath(full);
      if (target != real_root_ && !absl::StartsWith(target, absl::StrCat(real_root_, "/")))
        return absl::OkStatus();
      if (stat(full.c_str(), &info) != 0) return Vanished(full);
    }
    if (S_ISDIR(info.st_mode)) {
      if (path.size() > kMaxPathBytes) return CheckContentPath(path);
      return List(full, absl::StrCat(path, "/"));
    }
    if (!S_ISREG(info.st_mode)) return absl::OkStatus();
    SHOAL_RETURN_IF_ERROR(CheckContentPath(path));
    if (files_.size() == kMaxFiles) {
      return absl::InvalidArgumentError(
          absl::StrCat("more than ", kMaxFiles, " files; publish an archive of them"));
    }
    FileStamp stamp = FileStamp::From(info);
    files_.push_back({{std::move(path), stamp.length_bytes, (info.st_mode & S_IXUSR) != 0}, stamp});
    return absl::OkStatus();
  }

  static absl::Status Vanished(const std::string& path) {
    if (errno == ENOENT)
      return absl::AbortedError(absl::StrCat(path, " went away while the folder was read"));
    return ErrnoStatus(errno, absl::StrCat("cannot look at ", path));
  }

  const std::string real_root_;
  std::vector<std::pair<dev_t, ino_t>> above_;  // the folders from the root down to where we are
  std::vector<ListedFile> files_;
};

}  // namespace

absl::StatusOr<std::vector<ListedFile>> ListFolder(const std::string& folder) {
  Lister lister(folder);
  SHOAL_RETURN_IF_ERROR(lister.List(folder, ""));
  std::vector<ListedFile> files = lister.TakeFiles();
  std::sort(files.begin(), files.end(),
            [](const ListedFile& a, const ListedFile& b) { return a.entry.path < b.entry.path; });
  return files;
}

}  // namespace shoal
