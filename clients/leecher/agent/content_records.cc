#include "clients/leecher/agent/content_records.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/publish/folder_source.h"
#include "shoal/content/publish/hashed_content.h"
#include "shoal/content/publish/open_below.h"

namespace shoal::leecher {
namespace {

// What a record of a content that is not complete is called.
constexpr char kUnfinished[] = "unfinished";
constexpr char kComplete[] = "complete";

std::string PathInRoot(const Manifest& manifest, size_t file) {
  return manifest.kind() == Manifest::Kind::kFolder ? manifest.files()[file].path : manifest.name();
}

// The folder above the last component of a path; empty: none.
std::string Above(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

// Removes what `path` names below `root`, without following links. OK when it is not there.
absl::Status RemoveBelow(const std::string& root, const std::string& path, int flags) {
  absl::StatusOr<FileDescriptor> folder = FileDescriptor::Open(root, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  const std::string above = Above(path);
  if (folder.ok() && !above.empty()) {
    folder = OpenBelow(folder->get(), root, above, O_PATH | O_DIRECTORY, MissingFolders::kFail);
  }
  if (!folder.ok()) return absl::OkStatus();  // something else took its place
  const std::string name = above.empty() ? path : path.substr(above.size() + 1);
  if (unlinkat(folder->get(), name.c_str(), flags) == 0 || errno == ENOENT) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("cannot remove ", root, "/", path));
}

absl::Status RemoveRecord(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("cannot remove ", path));
}

}  // namespace

absl::StatusOr<ContentRecords> ContentRecords::Open(const std::string& folder) {
  SHOAL_RETURN_IF_ERROR(MakeFolders(folder));
  return ContentRecords(folder);
}

std::string ContentRecords::PathOf(const ContentId& id) const {
  return absl::StrCat(folder_, "/", id.ToHex());
}

std::string ContentRecords::PathOf(const ContentId& id, const std::string& root) const {
  constexpr size_t kPlaceBytes = 8;
  const Sha256Digest place = Sha256::Of(AsBytes(root));
  return absl::StrCat(
      PathOf(id), ".",
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(place.data()), kPlaceBytes)));
}

absl::Status ContentRecords::KeepManifest(const Manifest& manifest) const {
  if (ManifestOf(manifest.id()).ok()) return absl::OkStatus();
  HashedContent record{kUnfinished, manifest, std::vector<FileStamp>(manifest.files().size())};
  return ReplaceFile(PathOf(manifest.id()), AsBytes(record.Encode()));
}

absl::Status ContentRecords::KeepComplete(const Manifest& manifest, const std::string& root) const {
  HashedContent record{kComplete, manifest, {}};
  record.stamps.reserve(manifest.files().size());
  for (size_t i = 0; i < manifest.files().size(); ++i) {
    SHOAL_ASSIGN_OR_RETURN(const FileStamp stamp,
                           FileStamp::Of(absl::StrCat(root, "/", PathInRoot(manifest, i))));
    record.stamps.push_back(stamp);
  }
  SHOAL_RETURN_IF_ERROR(KeepManifest(manifest));
  return ReplaceFile(PathOf(manifest.id(), root), AsBytes(record.Encode()));
}

absl::StatusOr<std::shared_ptr<const Manifest>> ContentRecords::ManifestOf(const ContentId& id) const {
  SHOAL_ASSIGN_OR_RETURN(const std::string bytes, ReadOwnFile(PathOf(id), kMaxHashedContentBytes));
  SHOAL_ASSIGN_OR_RETURN(HashedContent record, HashedContent::Decode(AsBytes(bytes)));
  return std::make_shared<const Manifest>(std::move(record.manifest));
}

absl::StatusOr<std::shared_ptr<const ChunkSource>> ContentRecords::SourceOf(const ContentId& id,
                                                                            const std::string& root) const {
  absl::StatusOr<std::string> bytes = ReadOwnFile(PathOf(id, root), kMaxHashedContentBytes);
  // The older form: one record per content, whatever the place.
  if (absl::IsNotFound(bytes.status())) bytes = ReadOwnFile(PathOf(id), kMaxHashedContentBytes);
  if (!bytes.ok()) return bytes.status();
  SHOAL_ASSIGN_OR_RETURN(HashedContent record, HashedContent::Decode(AsBytes(*bytes)));
  if (record.entry != kComplete) return absl::NotFoundError("the content is not complete");
  for (size_t i = 0; i < record.stamps.size(); ++i) {
    const std::string path = absl::StrCat(root, "/", PathInRoot(record.manifest, i));
    const absl::StatusOr<FileStamp> now = FileStamp::Of(path);
    if (!now.ok()) return absl::FailedPreconditionError(now.status().message());
    if (record.stamps[i].Compare(*now) == FileStamp::Comparison::kOther) {
      return absl::FailedPreconditionError(absl::StrCat(path, " was changed by another program"));
    }
  }
  return std::make_shared<const FolderSource>(std::make_shared<const Manifest>(std::move(record.manifest)),
                                              root, std::move(record.stamps));
}

absl::Status ContentRecords::Forget(const ContentId& id) const {
  return RemoveRecord(PathOf(id));
}

absl::Status ContentRecords::ForgetPlace(const ContentId& id, const std::string& root) const {
  return RemoveRecord(PathOf(id, root));
}

absl::Status RemoveContent(const Manifest& manifest, const std::string& root) {
  std::vector<std::string> paths;
  for (size_t i = 0; i < manifest.files().size(); ++i) paths.push_back(PathInRoot(manifest, i));
  for (const auto& link : manifest.links()) paths.push_back(link.path);
  std::set<std::string> folders(manifest.empty_folders().begin(), manifest.empty_folders().end());
  for (const std::string& path : paths) {
    SHOAL_RETURN_IF_ERROR(RemoveBelow(root, path, 0));
    for (std::string above = Above(path); !above.empty(); above = Above(above)) folders.insert(above);
  }
  // A folder sorts before what is in it. One that is not empty stays.
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    RemoveBelow(root, *folder, AT_REMOVEDIR).IgnoreError();
  }
  if (manifest.kind() == Manifest::Kind::kFolder) rmdir(root.c_str());
  return absl::OkStatus();
}

}  // namespace shoal::leecher
