#include "services/seeder/folder/entry_scan.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/publish/folder_listing.h"

namespace shoal::seeder {

namespace {

// Hashes the description of one file after another.
class Fingerprint {
 public:
  explicit Fingerprint(Manifest::Kind kind) : record_(1, static_cast<char>(kind)) {}

  void Add(const FileEntry& file, const FileStamp& stamp) {
    AppendBig(static_cast<uint32_t>(file.path.size()), &record_);
    record_.append(file.path);
    record_.push_back(file.executable ? 1 : 0);
    AppendBig(stamp.length_bytes, &record_);
    AppendBig(static_cast<uint64_t>(stamp.modified_ns), &record_);
    AppendBig(stamp.inode, &record_);
    AppendBig(static_cast<uint64_t>(stamp.changed_ns), &record_);
    sha256_.Update(AsBytes(record_));
    record_.clear();
  }
  void Add(const std::vector<std::string>& empty_folders, const std::vector<LinkEntry>& links) {
    const auto append = [this](const std::string& text) {
      AppendBig(static_cast<uint32_t>(text.size()), &record_);
      record_.append(text);
    };
    record_.push_back(kEnd);
    for (const std::string& folder : empty_folders) append(folder);
    record_.push_back(kEnd);
    for (const LinkEntry& link : links) {
      append(link.path);
      append(link.target);
    }
  }
  Sha256Digest Finish() {
    sha256_.Update(AsBytes(record_));
    return sha256_.Finish();
  }

 private:
  // No length of a path begins like this.
  static constexpr char kEnd = '\xff';

  Sha256 sha256_;
  std::string record_;
};

// Computes the sums over the scan's files.
void Sum(EntryScan* scan) {
  Fingerprint fingerprint(scan->kind);
  scan->length_bytes = 0;
  for (const ListedFile& file : scan->files) {
    fingerprint.Add(file.entry, file.stamp);
    scan->length_bytes += file.stamp.length_bytes;
  }
  fingerprint.Add(scan->empty_folders, scan->links);
  scan->fingerprint = fingerprint.Finish();
}

}  // namespace

absl::StatusOr<EntryScan> ScanEntry(const std::string& path, LinkPolicy links) {
  struct stat info{};
  const bool follow = links == LinkPolicy::kFollow;
  if ((follow ? ::stat(path.c_str(), &info) : ::lstat(path.c_str(), &info)) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot look at ", path));
  EntryScan scan;
  if (S_ISDIR(info.st_mode)) {
    scan.kind = Manifest::Kind::kFolder;
    SHOAL_ASSIGN_OR_RETURN(FolderListing listing, ListFolder(path, links));
    scan.files = std::move(listing.files);
    scan.empty_folders = std::move(listing.empty_folders);
    scan.links = std::move(listing.links);
    scan.left_out = std::move(listing.left_out);
  } else if (S_ISREG(info.st_mode)) {
    const FileStamp stamp = FileStamp::From(info);
    scan.files.push_back(
        {{path.substr(path.rfind('/') + 1), stamp.length_bytes, (info.st_mode & S_IXUSR) != 0}, stamp});
  } else {
    return absl::FailedPreconditionError(
        absl::StrCat(path, S_ISLNK(info.st_mode) ? " is a link, which is not offered without --links=follow"
                                                 : " is neither a file nor a folder, which is not offered"));
  }
  Sum(&scan);
  return scan;
}

EntryScan EntryScan::Without(const std::set<std::string>& paths) const {
  EntryScan rest;
  rest.kind = kind;
  rest.empty_folders = empty_folders;
  rest.links = links;
  rest.left_out = left_out;
  for (const ListedFile& file : files) {
    if (paths.contains(file.entry.path)) {
      rest.left_out.push_back({file.entry.path, kChangesReason});
    } else {
      rest.files.push_back(file);
    }
  }
  std::sort(rest.left_out.begin(), rest.left_out.end(),
            [](const LeftOut& a, const LeftOut& b) { return a.path < b.path; });
  Sum(&rest);
  return rest;
}

Sha256Digest FingerprintOf(const Manifest& manifest, const std::vector<FileStamp>& stamps) {
  Fingerprint fingerprint(manifest.kind());
  for (size_t i = 0; i < manifest.files().size(); ++i) fingerprint.Add(manifest.files()[i], stamps[i]);
  fingerprint.Add(manifest.empty_folders(), manifest.links());
  return fingerprint.Finish();
}

VersionComparison CompareWith(const HashedVersion& version, const EntryScan& scan) {
  VersionComparison comparison;
  const auto note_outdated = [&comparison](const FileEntry& file) {
    if (!comparison.outdated) comparison.outdated_path = file.path;
    comparison.outdated = true;
  };
  const std::vector<FileEntry>& hashed = version.manifest->files();
  const bool same_kind = version.manifest->kind() == scan.kind;
  size_t at = 0;
  for (size_t i = 0; i < scan.files.size(); ++i) {
    const ListedFile& file = scan.files[i];
    while (at < hashed.size() && hashed[at].path < file.entry.path) note_outdated(hashed[at++]);
    if (!same_kind || at == hashed.size() || hashed[at].path != file.entry.path) {
      comparison.news.push_back(i);
      continue;
    }
    const FileStamp::Comparison stamps = version.stamps[at].Compare(file.stamp);
    if (stamps == FileStamp::Comparison::kOther) note_outdated(hashed[at]);
    if (stamps != FileStamp::Comparison::kSame) comparison.news.push_back(i);
    ++at;
  }
  while (at < hashed.size()) note_outdated(hashed[at++]);
  return comparison;
}

bool IsOfferedName(absl::string_view name) {
  return !name.empty() && name.front() != '.' && !absl::EndsWith(name, ".shoal") &&
         !absl::EndsWith(name, ".shoal-tmp") && !absl::EndsWith(name, ".shoal-progress");
}

}  // namespace shoal::seeder
