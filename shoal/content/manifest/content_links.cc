#include "shoal/content/manifest/content_links.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/content/manifest/content_path.h"

namespace shoal {
namespace {

// Beside the bytes of the path that it hashes, a step takes about as much time as the hashing of so many
// bytes.
constexpr uint64_t kStepWork = 512;

absl::Status CheckTarget(absl::string_view target) {
  if (target.empty()) return absl::InvalidArgumentError("which is empty");
  if (target.size() > kMaxLinkTargetBytes) {
    return absl::InvalidArgumentError(absl::StrCat("which has more than ", kMaxLinkTargetBytes, " bytes"));
  }
  if (target.front() == '/') return absl::InvalidArgumentError("which is absolute");
  if (target.find('\0') != absl::string_view::npos) return absl::InvalidArgumentError("which has a NUL");
  if (target.find('\\') != absl::string_view::npos)
    return absl::InvalidArgumentError("which has a backslash");
  return absl::OkStatus();
}

// Removes the first component, and the '/' after it, from the front of `path`.
absl::string_view TakeComponent(absl::string_view* path) {
  const size_t end = std::min(path->find('/'), path->size());
  const absl::string_view component = path->substr(0, end);
  path->remove_prefix(std::min(end + 1, path->size()));
  return component;
}

}  // namespace

ContentLinks::ContentLinks(const std::vector<LinkEntry>& links, uint64_t max_work) : work_left_(max_work) {
  target_of_.reserve(links.size());
  for (const LinkEntry& link : links) target_of_.emplace(link.path, link.target);
}

absl::Status ContentLinks::Check(const LinkEntry& link) {
  // The folder that is reached so far, empty for the content's own, and what remains to be followed from
  // there: the rest of each target on the way, the innermost last.
  std::string folder(FolderOf(link.path));
  std::vector<absl::string_view> rest;
  int followed = 0;
  const auto follow = [&](absl::string_view target) -> absl::Status {
    if (++followed > kMaxLinksFollowed) {
      return absl::InvalidArgumentError(
          absl::StrCat("which leads to itself, or through more than ", kMaxLinksFollowed, " links"));
    }
    rest.push_back(target);
    const absl::Status status = CheckTarget(target);
    if (status.ok() || followed == 1) return status;
    return absl::InvalidArgumentError(
        absl::StrCat("which leads to a link that is refused (", status.message(), ")"));
  };

  absl::Status status = follow(link.target);
  while (status.ok() && !rest.empty()) {
    if (rest.back().empty()) {
      rest.pop_back();
      continue;
    }
    const absl::string_view component = TakeComponent(&rest.back());
    const uint64_t work = kStepWork + folder.size();
    if (work_left_ < work) {
      return absl::ResourceExhaustedError("which, with the other links, takes too much work to follow");
    }
    work_left_ -= work;
    if (component.empty() || component == ".") continue;
    if (component == "..") {
      if (folder.empty()) return absl::InvalidArgumentError("which leads out of the folder");
      folder.resize(FolderOf(folder).size());
      continue;
    }
    const size_t folder_bytes = folder.size();
    if (!folder.empty()) folder.push_back('/');
    folder.append(component.data(), component.size());
    const auto found = target_of_.find(folder);
    if (found == target_of_.end()) continue;
    folder.resize(folder_bytes);
    status = follow(found->second);
  }
  return status;
}

}  // namespace shoal
