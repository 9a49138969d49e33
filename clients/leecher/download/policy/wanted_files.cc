#include "clients/leecher/download/policy/wanted_files.h"

#include <fnmatch.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "shoal/content/manifest/content_path.h"

namespace shoal::leecher {
namespace {

// The path inside the content that the link names, without following any other link.
std::string LeadsTo(const LinkEntry& link) {
  std::vector<std::string> components = absl::StrSplit(FolderOf(link.path), '/', absl::SkipEmpty());
  for (const absl::string_view component : absl::StrSplit(link.target, '/', absl::SkipEmpty())) {
    if (component == ".") continue;
    if (component != "..") {
      components.emplace_back(component);
    } else if (!components.empty()) {
      components.pop_back();
    }
  }
  return absl::StrJoin(components, "/");
}

bool AnyMatches(const std::vector<std::string>& globs, const std::string& path) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return GlobMatches(glob, path); });
}

// Returns the ']' that ends the set whose '[' is at `begin`; npos: there is none.
size_t EndOfSet(const std::string& glob, size_t begin) {
  size_t i = begin + 1;
  if (i < glob.size() && (glob[i] == '!' || glob[i] == '^')) ++i;
  // One at the beginning is a member.
  for (bool first = true; i < glob.size(); ++i, first = false) {
    if (glob[i] == ']' && !first) return i;
    if (glob[i] == '\\') {
      ++i;
      continue;
    }
    if (glob[i] != '[' || i + 1 >= glob.size()) continue;
    const char kind = glob[i + 1];  // of a class as in "[[:digit:]]"
    if (kind != ':' && kind != '.' && kind != '=') continue;
    const size_t end = glob.find(std::string{kind, ']'}, i + 2);
    if (end != std::string::npos) i = end + 1;
  }
  return std::string::npos;
}

}  // namespace

bool GlobMatches(const std::string& glob, const std::string& path) {
  if (glob.ends_with('/')) return fnmatch((glob + "*").c_str(), path.c_str(), 0) == 0;
  if (glob.find('/') != std::string::npos) return fnmatch(glob.c_str(), path.c_str(), 0) == 0;
  const size_t slash = path.rfind('/');
  const char* name = path.c_str() + (slash == std::string::npos ? 0 : slash + 1);
  return fnmatch(glob.c_str(), name, 0) == 0;
}

absl::Status CheckGlob(const std::string& glob) {
  if (glob.empty()) return absl::InvalidArgumentError("glob: it is empty");
  for (size_t i = 0; i < glob.size(); ++i) {
    if (glob[i] == '\\') {
      if (++i < glob.size()) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("glob: the \\ at the end of ", glob, " escapes nothing"));
    }
    if (glob[i] != '[') continue;
    const size_t end = EndOfSet(glob, i);
    if (end == std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("glob: a [ of ", glob, " has no ]; write \\[ for the character itself"));
    }
    i = end;
  }
  return absl::OkStatus();
}

FilePriority SelectionRules::PriorityOf(const std::string& path) const {
  if (!include.empty() && !AnyMatches(include, path)) return FilePriority::kSkip;
  if (AnyMatches(exclude, path)) return FilePriority::kSkip;
  const auto last = std::find_if(priorities.rbegin(), priorities.rend(),
                                 [&](const Priority& rule) { return GlobMatches(rule.glob, path); });
  return last == priorities.rend() ? FilePriority::kNormal : last->priority;
}

bool SelectionRules::WantsEntry(const std::string& path) const {
  const std::string as_folder = path + "/";
  if (!include.empty() && !AnyMatches(include, path) && !AnyMatches(include, as_folder)) return false;
  if (AnyMatches(exclude, path) || AnyMatches(exclude, as_folder)) return false;
  const auto last = std::find_if(priorities.rbegin(), priorities.rend(), [&](const Priority& rule) {
    return GlobMatches(rule.glob, path) || GlobMatches(rule.glob, as_folder);
  });
  return last == priorities.rend() || last->priority != FilePriority::kSkip;
}

bool MatchesAny(const std::string& glob, const Manifest& manifest) {
  const auto matches = [&](const std::string& path) { return GlobMatches(glob, path); };
  const auto matches_entry = [&](const std::string& path) { return matches(path) || matches(path + "/"); };
  return std::any_of(manifest.files().begin(), manifest.files().end(),
                     [&](const FileEntry& file) { return matches(file.path); }) ||
         std::any_of(manifest.links().begin(), manifest.links().end(),
                     [&](const LinkEntry& link) { return matches_entry(link.path); }) ||
         std::any_of(manifest.empty_folders().begin(), manifest.empty_folders().end(), matches_entry);
}

WantedFiles::WantedFiles(std::shared_ptr<const Manifest> manifest, const SelectionRules& rules)
    : manifest_(std::move(manifest)) {
  priorities_.reserve(manifest_->files().size());
  for (const FileEntry& file : manifest_->files()) {
    const FileIndex index(static_cast<uint32_t>(priorities_.size()));
    priorities_.push_back(rules.everything() ? FilePriority::kNormal : rules.PriorityOf(file.path));
    if (wanted(index)) Count(index, true);
  }
  if (!rules.include.empty()) IncludeTargetsOfLinks(rules);
}

void WantedFiles::IncludeTargetsOfLinks(const SelectionRules& rules) {
  std::unordered_map<std::string, const LinkEntry*> links;
  for (const LinkEntry& link : manifest_->links()) links.emplace(link.path, &link);
  const std::vector<FileEntry>& files = manifest_->files();
  for (const LinkEntry& link : manifest_->links()) {
    const FilePriority priority = rules.PriorityOf(link.path);
    if (priority == FilePriority::kSkip) continue;
    std::string path = link.path;
    int followed = 0;
    for (auto next = links.find(path); next != links.end() && followed < kMaxLinksFollowed;
         next = links.find(path), ++followed) {
      path = LeadsTo(*next->second);
    }
    const auto file = std::lower_bound(
        files.begin(), files.end(), path,
        [](const FileEntry& entry, const std::string& wanted_path) { return entry.path < wanted_path; });
    if (file == files.end() || file->path != path || AnyMatches(rules.exclude, path)) continue;
    const FileIndex index(static_cast<uint32_t>(file - files.begin()));
    if (!wanted(index)) Set(index, priority);
  }
}

bool WantedFiles::Set(FileIndex file, FilePriority priority) {
  FilePriority& now = priorities_[file.value()];
  if (now == priority) return false;
  const bool was_wanted = now != FilePriority::kSkip;
  now = priority;
  if (wanted(file) != was_wanted) Count(file, !was_wanted);
  return true;
}

std::vector<FileIndex> WantedFiles::Matching(const std::string& glob) const {
  std::vector<FileIndex> files;
  for (uint32_t i = 0; i < priorities_.size(); ++i) {
    if (GlobMatches(glob, manifest_->files()[i].path)) files.push_back(FileIndex(i));
  }
  return files;
}

FileSelection WantedFiles::selection() const {
  FileSelection selection = FileSelection::None(*manifest_);
  for (uint32_t i = 0; i < priorities_.size(); ++i) selection.Set(FileIndex(i), wanted(FileIndex(i)));
  return selection;
}

std::vector<ChunkRange> WantedFiles::ChunksAt(FilePriority priority) const {
  std::vector<ChunkRange> ranges;
  for (uint32_t i = 0; i < priorities_.size(); ++i) {
    if (priorities_[i] != priority) continue;
    const auto [first, end] = manifest_->ChunksOf(FileIndex(i));
    const uint32_t count = end.value() - first.value();
    if (count == 0) continue;
    if (!ranges.empty() && ranges.back().first.value() + ranges.back().count == first.value()) {
      ranges.back().count += count;
    } else {
      ranges.push_back({first, count});
    }
  }
  return ranges;
}

void WantedFiles::Count(FileIndex file, bool in) {
  const auto [first, end] = manifest_->ChunksOf(file);
  const uint32_t chunks = end.value() - first.value();
  const uint64_t bytes = manifest_->files()[file.value()].length_bytes;
  wanted_files_ = in ? wanted_files_ + 1 : wanted_files_ - 1;
  wanted_chunks_ = in ? wanted_chunks_ + chunks : wanted_chunks_ - chunks;
  wanted_bytes_ = in ? wanted_bytes_ + bytes : wanted_bytes_ - bytes;
}

WantedProgress::WantedProgress(std::shared_ptr<const Manifest> manifest, ChunkSet held)
    : manifest_(std::move(manifest)), resumed_(held), held_(std::move(held)) {
  Want(ChunkSet::All(manifest_->chunk_count()));
}

void WantedProgress::Want(ChunkSet wanted) {
  wanted_ = std::move(wanted);
  chunks_held_ = 0;
  held_bytes_ = 0;
  resumed_bytes_ = 0;
  in_order_bytes_ = 0;
  first_missing_ = ChunkIndex(0);
  held_.ForEach([&](ChunkIndex chunk) {
    if (!wanted_.Contains(chunk)) return;
    const uint32_t bytes = LengthOf(chunk);
    ++chunks_held_;
    held_bytes_ += bytes;
    if (resumed_.Contains(chunk)) resumed_bytes_ += bytes;
  });
  AdvanceInOrder();
}

void WantedProgress::Gained(ChunkIndex chunk) {
  if (!held_.Insert(chunk) || !wanted_.Contains(chunk)) return;
  ++chunks_held_;
  held_bytes_ += LengthOf(chunk);
  AdvanceInOrder();
}

void WantedProgress::SetHeld(ChunkSet held) {
  held_ = std::move(held);
  Want(ChunkSet(wanted_));
}

void WantedProgress::AdvanceInOrder() {
  for (; first_missing_.value() < manifest_->chunk_count(); ++first_missing_) {
    if (!wanted_.Contains(first_missing_)) continue;
    if (!held_.Contains(first_missing_)) return;
    in_order_bytes_ += LengthOf(first_missing_);
  }
}

}  // namespace shoal::leecher
