#include "shoal/content/publish/folder_listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/content_path.h"

namespace shoal {
namespace {

bool IsUnfinishedDownload(absl::string_view name) {
  return absl::EndsWith(name, ".shoal-tmp") || absl::EndsWith(name, ".shoal-progress");
}

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

using Identity = std::pair<dev_t, ino_t>;

Identity IdentityOf(const struct stat& info) {
  return {info.st_dev, info.st_ino};
}

// Whether an error concerns one entry alone, so that the others can still be listed.
bool ConcernsOneEntry(int error) {
  return error == EACCES || error == EPERM || error == EIO || error == ENAMETOOLONG || error == ELOOP ||
         error == ENOTDIR || error == ESTALE;
}

std::string CannotRead(int error) {
  return absl::StrCat("it can't be read: ", std::strerror(error));
}

// Why a path that CheckContentPath refuses can't be sent. The other rules can't be broken by a name on a
// disk.
std::string CannotSend(absl::string_view path) {
  return path.size() > kMaxPathBytes ? absl::StrCat("its path has more than ", kMaxPathBytes, " bytes")
                                     : "its name has a backslash";
}

template <typename Entry>
bool PathLess(const Entry& a, const Entry& b) {
  return a.path < b.path;
}

class Lister {
 public:
  explicit Lister(LinkPolicy policy) : policy_(policy), is_root_(geteuid() == 0) {}

  absl::StatusOr<FolderListing> List(const std::string& folder) {
    SHOAL_ASSIGN_OR_RETURN(FileDescriptor opened, FileDescriptor::Open(folder, O_RDONLY | O_DIRECTORY));
    area_folder_ = folder;
    SHOAL_RETURN_IF_ERROR(ListOpened(std::move(opened), "").status());
    SHOAL_RETURN_IF_ERROR(SortLinks());
    while (!followed_.empty()) {
      Area area = std::move(followed_.front());
      followed_.pop_front();
      SHOAL_RETURN_IF_ERROR(ListArea(std::move(area)));
    }
    std::sort(listing_.files.begin(), listing_.files.end(),
              [](const ListedFile& a, const ListedFile& b) { return a.entry.path < b.entry.path; });
    std::sort(listing_.empty_folders.begin(), listing_.empty_folders.end());
    std::sort(listing_.links.begin(), listing_.links.end(), PathLess<LinkEntry>);
    std::sort(listing_.left_out.begin(), listing_.left_out.end(), PathLess<LeftOut>);
    AddFoldersOfLeftOutLinks();
    return std::move(listing_);
  }

 private:
  // A folder within which links are kept: the published folder, or one that a followed link leads to. The
  // links of an area are checked against that area alone, since the text of their targets means the same in
  // the content only there.
  struct Area {
    std::string folder;           // on the disk
    std::string prefix;           // of its paths in the content: empty, or ending in '/'
    std::vector<Identity> above;  // the folders that contain it, down to the one of the link
  };
  // A link of the current area, and the folders that contain it.
  struct FoundLink {
    LinkEntry entry;  // with a path relative to the area
    std::vector<Identity> above;
  };

  absl::Status ListArea(Area area) {
    area_folder_ = area.folder;
    area_prefix_ = area.prefix;
    above_ = std::move(area.above);
    found_links_.clear();
    std::string content_path = area.prefix.substr(0, area.prefix.size() - 1);
    FileDescriptor opened(open(area.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened.valid()) return Failed(std::move(content_path), area.folder, errno).status();
    SHOAL_ASSIGN_OR_RETURN(const bool is_empty, ListOpened(std::move(opened), ""));
    if (is_empty) SHOAL_RETURN_IF_ERROR(AddEmptyFolder(std::move(content_path)));
    return SortLinks();
  }

  // Lists an open folder whose paths in the area begin with `prefix` (empty, or ending in '/').
  // Returns: whether the content has nothing below it.
  absl::StatusOr<bool> ListOpened(FileDescriptor opened, const std::string& prefix) {
    struct stat here;
    if (fstat(opened.get(), &here) != 0)
      return ErrnoStatus(errno, absl::StrCat("cannot look at ", OnDisk(prefix)));
    SHOAL_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(std::move(opened), OnDisk(prefix)));
    above_.push_back(IdentityOf(here));
    bool is_empty = true;
    for (const std::string& name : names) {
      SHOAL_ASSIGN_OR_RETURN(const bool added, Add(absl::StrCat(prefix, name), name));
      if (added) is_empty = false;
    }
    above_.pop_back();
    return is_empty;
  }

  // Reads all names at once, so that a deep tree does not keep a descriptor open per level.
  static absl::StatusOr<std::vector<std::string>> NamesIn(FileDescriptor opened, const std::string& folder) {
    const std::unique_ptr<DIR, CloseFolder> entries(fdopendir(opened.get()));
    if (entries == nullptr) return ErrnoStatus(errno, absl::StrCat("cannot read ", folder));
    (void)opened.Release();  // closedir closes it
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(entries.get())) {
      if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
        names.emplace_back(entry->d_name);
      errno = 0;
    }
    if (errno != 0) return ErrnoStatus(errno, absl::StrCat("cannot read ", folder));
    return names;
  }

  // Adds the entry at `path` of the area. Returns: whether the content has it or something below it. A link
  // counts, although it may turn out to be left out: see AddFoldersOfLeftOutLinks.
  absl::StatusOr<bool> Add(const std::string& path, const std::string& name) {
    const std::string content_path = absl::StrCat(area_prefix_, path);
    if (!CheckContentPath(content_path).ok()) return LeaveOut(content_path, CannotSend(content_path));
    if (IsUnfinishedDownload(name)) return LeaveOut(content_path, "it belongs to an unfinished download");
    struct stat info;
    if (lstat(OnDisk(path).c_str(), &info) != 0) return Failed(path, errno);
    if (S_ISLNK(info.st_mode)) return AddLink(path);
    if (S_ISDIR(info.st_mode)) return AddFolder(path);
    return AddFile(path, info);
  }

  absl::StatusOr<bool> AddFolder(const std::string& path) {
    // O_NOFOLLOW: it may have been replaced by a link since.
    FileDescriptor opened(open(OnDisk(path).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!opened.valid()) return Failed(path, errno);
    SHOAL_ASSIGN_OR_RETURN(const bool is_empty, ListOpened(std::move(opened), absl::StrCat(path, "/")));
    if (is_empty) SHOAL_RETURN_IF_ERROR(AddEmptyFolder(absl::StrCat(area_prefix_, path)));
    return true;
  }

  absl::Status AddEmptyFolder(std::string content_path) {
    SHOAL_RETURN_IF_ERROR(CountEntry());
    listing_.empty_folders.push_back(std::move(content_path));
    return absl::OkStatus();
  }

  // `info`: of the file itself, after all links.
  absl::StatusOr<bool> AddFile(const std::string& path, const struct stat& info) {
    std::string content_path = absl::StrCat(area_prefix_, path);
    if (S_ISSOCK(info.st_mode)) return LeaveOut(std::move(content_path), "it is a socket");
    if (S_ISFIFO(info.st_mode)) return LeaveOut(std::move(content_path), "it is a FIFO");
    if (!S_ISREG(info.st_mode)) return LeaveOut(std::move(content_path), "it is a device");
    if (!is_root_ && faccessat(AT_FDCWD, OnDisk(path).c_str(), R_OK, AT_EACCESS) != 0)
      return Failed(path, errno);
    SHOAL_RETURN_IF_ERROR(CountEntry());
    const FileStamp stamp = FileStamp::From(info);
    listing_.files.push_back(
        {{std::move(content_path), stamp.length_bytes, (info.st_mode & S_IXUSR) != 0}, stamp});
    return true;
  }

  absl::StatusOr<bool> AddLink(const std::string& path) {
    std::string target(kMaxLinkTargetBytes + 1, '\0');
    const ssize_t length = readlink(OnDisk(path).c_str(), target.data(), target.size());
    if (length < 0) return Failed(path, errno);
    target.resize(static_cast<size_t>(length));
    found_links_.push_back({{path, std::move(target)}, above_});
    return true;
  }

  // Decides about the links of the area, now that all of them are known.
  absl::Status SortLinks() {
    std::vector<LinkEntry> entries;
    entries.reserve(found_links_.size());
    for (const FoundLink& link : found_links_) entries.push_back(link.entry);
    ContentLinks content_links(entries);
    for (FoundLink& link : found_links_) {
      const absl::Status inside = content_links.Check(link.entry);
      if (inside.ok()) {
        SHOAL_RETURN_IF_ERROR(CountEntry());
        listing_.links.push_back({absl::StrCat(area_prefix_, link.entry.path), std::move(link.entry.target)});
      } else if (policy_ == LinkPolicy::kFollow) {
        SHOAL_RETURN_IF_ERROR(Follow(std::move(link)));
      } else {
        LeaveOutLink(link.entry, inside.message());
      }
    }
    return absl::OkStatus();
  }

  // Puts what the link leads to in its place.
  absl::Status Follow(FoundLink link) {
    const std::string& path = link.entry.path;
    struct stat info;
    if (stat(OnDisk(path).c_str(), &info) != 0) {
      const int error = errno;
      if (!ConcernsOneEntry(error) && error != ENOENT)
        return ErrnoStatus(error, absl::StrCat("cannot look at ", OnDisk(path)));
      LeaveOutLink(link.entry, error == ENOENT ? "which does not exist" : std::strerror(error));
    } else if (!S_ISDIR(info.st_mode)) {
      SHOAL_ASSIGN_OR_RETURN(const bool added, AddFile(path, info));
      if (!added) folders_of_left_out_links_.emplace_back(FolderOf(absl::StrCat(area_prefix_, path)));
    } else if (std::find(link.above.begin(), link.above.end(), IdentityOf(info)) != link.above.end()) {
      LeaveOutLink(link.entry, "a folder that contains it");
    } else {
      followed_.push_back({OnDisk(path), absl::StrCat(area_prefix_, path, "/"), std::move(link.above)});
    }
    return absl::OkStatus();
  }

  void LeaveOutLink(const LinkEntry& link, absl::string_view why) {
    std::string content_path = absl::StrCat(area_prefix_, link.path);
    folders_of_left_out_links_.emplace_back(FolderOf(content_path));
    listing_.left_out.push_back(
        {std::move(content_path),
         absl::StrCat("it is a link to '", absl::CHexEscape(link.target), "', ", why)});
  }

  // Adds the folders that seemed to have a link, and have nothing after all. Requires: sorted lists.
  void AddFoldersOfLeftOutLinks() {
    std::vector<std::string>& folders = listing_.empty_folders;
    // The deepest come first, since they make the folders above them not empty.
    std::sort(folders_of_left_out_links_.begin(), folders_of_left_out_links_.end(), std::greater<>());
    for (const std::string& folder : folders_of_left_out_links_) {
      const auto is_below = [below = absl::StrCat(folder, "/")](const auto& entries, const auto& path_of) {
        const auto first = std::partition_point(entries.begin(), entries.end(),
                                                [&](const auto& entry) { return path_of(entry) < below; });
        return first != entries.end() && absl::StartsWith(path_of(*first), below);
      };
      const auto at = std::lower_bound(folders.begin(), folders.end(), folder);
      if (folder.empty() || (at != folders.end() && *at == folder) ||
          is_below(folders, [](const std::string& path) -> const std::string& { return path; }) ||
          is_below(listing_.links, [](const LinkEntry& link) -> const std::string& { return link.path; }) ||
          is_below(listing_.files,
                   [](const ListedFile& file) -> const std::string& { return file.entry.path; })) {
        continue;
      }
      folders.insert(at, folder);
    }
  }

  std::string OnDisk(const std::string& path) const { return absl::StrCat(area_folder_, "/", path); }

  // Each of these returns what Add returns for an entry that the content does not have.
  absl::StatusOr<bool> LeaveOut(std::string content_path, std::string reason) {
    listing_.left_out.push_back({std::move(content_path), std::move(reason)});
    return false;
  }
  absl::StatusOr<bool> Failed(const std::string& path, int error) {
    return Failed(absl::StrCat(area_prefix_, path), OnDisk(path), error);
  }
  absl::StatusOr<bool> Failed(std::string content_path, const std::string& on_disk, int error) {
    if (ConcernsOneEntry(error)) return LeaveOut(std::move(content_path), CannotRead(error));
    if (error == ENOENT)
      return absl::AbortedError(absl::StrCat(on_disk, " disappeared while the folder was read"));
    return ErrnoStatus(error, absl::StrCat("cannot look at ", on_disk));
  }

  absl::Status CountEntry() {
    if (++entries_ <= kMaxFiles) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("more than ", kMaxFiles, " files, folders and links; publish an archive of them"));
  }

  const LinkPolicy policy_;
  const bool is_root_;
  std::deque<Area> followed_;  // to be listed
  // Of the area that is being listed.
  std::string area_folder_;
  std::string area_prefix_;
  std::vector<FoundLink> found_links_;
  std::vector<Identity> above_;  // the folders from the root to the current one
  std::vector<std::string> folders_of_left_out_links_;
  size_t entries_ = 0;
  FolderListing listing_;
};

}  // namespace

absl::StatusOr<FolderListing> ListFolder(const std::string& folder, LinkPolicy links) {
  return Lister(links).List(folder);
}

}  // namespace shoal
