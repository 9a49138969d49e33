#include "clients/leecher/agent/followed_folder.h"

#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/file_descriptor.h"

namespace shoal::leecher {
namespace {

constexpr char kVersions[] = ".shoal-versions";
constexpr size_t kShownDigits = 12;

std::string LinkTarget(const std::string& name, const ContentId& id) {
  return absl::StrCat(kVersions, "/", id.ToHex().substr(0, kShownDigits), "/", name);
}

// Empty when it is no link.
std::string TargetOf(const std::string& path) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::read_symlink(path, error);
  return error ? "" : target.string();
}

}  // namespace

std::string VersionFolder(const std::string& folder, const ContentId& id) {
  return absl::StrCat(folder, "/", kVersions, "/", id.ToHex().substr(0, kShownDigits));
}

std::string FolderOfVersion(const std::string& version_folder) {
  return std::filesystem::path(version_folder).parent_path().parent_path().string();
}

absl::Status MakeCurrent(const std::string& folder, const std::string& name, const ContentId& id) {
  const std::string path = absl::StrCat(folder, "/", name);
  const std::string wanted = LinkTarget(name, id);
  const std::string target = TargetOf(path);
  if (target == wanted) return absl::OkStatus();
  std::error_code error;
  const bool taken = std::filesystem::exists(std::filesystem::symlink_status(path, error));
  if (taken && !absl::StartsWith(target, absl::StrCat(kVersions, "/"))) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, " is not a link of this agent, and is not replaced; move it away"));
  }
  const std::string temporary = absl::StrCat(folder, "/.", id.ToHex().substr(0, kShownDigits), ".shoal-tmp");
  unlink(temporary.c_str());
  if (symlink(wanted.c_str(), temporary.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot make the link ", temporary));
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    const absl::Status failed = ErrnoStatus(errno, absl::StrCat("cannot make the link ", path));
    unlink(temporary.c_str());
    return failed;
  }
  return absl::OkStatus();
}

void ForgetVersion(const std::string& folder, const std::string& name, const ContentId& id) {
  const std::string path = absl::StrCat(folder, "/", name);
  if (TargetOf(path) == LinkTarget(name, id)) unlink(path.c_str());
  rmdir(VersionFolder(folder, id).c_str());
}

}  // namespace shoal::leecher
