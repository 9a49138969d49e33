#include "shoal/content/store/content_entries.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "absl/strings/str_cat.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/content_path.h"
#include "shoal/content/publish/open_below.h"

namespace shoal {
namespace {

constexpr int kFolderFlags = O_PATH | O_DIRECTORY;

std::string NameOf(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// The text of the link `name`; nullopt when that is no link.
std::optional<std::string> TextOf(int folder, const std::string& name) {
  std::string text(kMaxLinkTargetBytes + 1, '\0');
  const ssize_t length = readlinkat(folder, name.c_str(), text.data(), text.size());
  if (length < 0) return std::nullopt;
  text.resize(static_cast<size_t>(length));
  return text;
}

}  // namespace

absl::Status ContentEntries::Conflict(const std::string& path, const char* kind) const {
  return absl::AlreadyExistsError(
      absl::StrCat(shown_root_, "/", path, " is in the place of ", kind, " of the content; move it away"));
}

absl::Status ContentEntries::Check(const Wants& wants, OtherLinks other_links) const {
  const auto look = [&](const std::string& path, const char* kind, const std::string* target) {
    if (wants != nullptr && !wants(path)) return absl::OkStatus();
    FileDescriptor parent;
    const std::string folder(FolderOf(path));
    if (!folder.empty()) {
      absl::StatusOr<FileDescriptor> opened =
          OpenBelow(root_, shown_root_, folder, kFolderFlags, MissingFolders::kFail);
      if (absl::IsNotFound(opened.status())) return absl::OkStatus();
      if (!opened.ok()) return Conflict(folder, "a folder");
      parent = *std::move(opened);
    }
    const int at = parent.valid() ? parent.get() : root_;
    struct stat info;
    if (fstatat(at, NameOf(path).c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      return errno == ENOENT ? absl::OkStatus()
                             : ErrnoStatus(errno, absl::StrCat("cannot look at ", shown_root_, "/", path));
    }
    const bool fits = target == nullptr ? S_ISDIR(info.st_mode)
                                        : S_ISLNK(info.st_mode) && (other_links == OtherLinks::kReplace ||
                                                                    TextOf(at, NameOf(path)) == *target);
    return fits ? absl::OkStatus() : Conflict(path, kind);
  };
  for (const std::string& folder : manifest_.empty_folders())
    SHOAL_RETURN_IF_ERROR(look(folder, "a folder", nullptr));
  for (const LinkEntry& link : manifest_.links())
    SHOAL_RETURN_IF_ERROR(look(link.path, "a link", &link.target));
  return absl::OkStatus();
}

absl::Status ContentEntries::Make(const Wants& wants, OtherLinks other_links) const {
  for (const std::string& folder : manifest_.empty_folders()) {
    if (wants == nullptr || wants(folder)) SHOAL_RETURN_IF_ERROR(MakeFolder(folder));
  }
  for (const LinkEntry& link : manifest_.links()) {
    if (wants == nullptr || wants(link.path)) SHOAL_RETURN_IF_ERROR(MakeLink(link, other_links));
  }
  return absl::OkStatus();
}

absl::Status ContentEntries::MakeFolder(const std::string& path) const {
  const absl::StatusOr<FileDescriptor> made = MakeFolderBelow(root_, shown_root_, path);
  if (made.ok()) return absl::OkStatus();
  // ENOTDIR or ELOOP: a file or a link in its place, or in that of a parent.
  if (absl::IsFailedPrecondition(made.status()) || absl::IsAlreadyExists(made.status()))
    return Conflict(path, "a folder");
  return file_system_.DiskStatus(made.status(), absl::StrCat("cannot make the folder ", path));
}

absl::Status ContentEntries::MakeLink(const LinkEntry& link, OtherLinks other_links) const {
  FileDescriptor parent;
  const std::string folder(FolderOf(link.path));
  if (!folder.empty()) {
    SHOAL_RETURN_IF_ERROR(MakeFolder(folder));
    SHOAL_ASSIGN_OR_RETURN(parent,
                           OpenBelow(root_, shown_root_, folder, kFolderFlags, MissingFolders::kFail));
  }
  const int at = parent.valid() ? parent.get() : root_;
  const std::string name = NameOf(link.path);
  const std::string shown = absl::StrCat(shown_root_, "/", link.path);
  int error = file_system_.MakeLink(link.target, at, name, shown);
  if (error == EEXIST) {
    const std::optional<std::string> text = TextOf(at, name);
    if (text == link.target) return absl::OkStatus();
    if (!text.has_value() || other_links == OtherLinks::kRefuse) return Conflict(link.path, "a link");
    if (unlinkat(at, name.c_str(), 0) != 0) return ErrnoStatus(errno, absl::StrCat("cannot remove ", shown));
    error = file_system_.MakeLink(link.target, at, name, shown);
  }
  if (error == 0) return absl::OkStatus();
  return file_system_.DiskStatus(error, absl::StrCat("cannot make the link ", shown));
}

}  // namespace shoal
