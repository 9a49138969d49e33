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

absl::StatusOr<EntryScan> ScanEntry(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", path));
  std::vector<FileEntry> files;
  std::vector<FileStamp> stamps;
  if (S_ISDIR(info.st_mode)) {
    SHOAL_ASSIGN_OR_RETURN(std::vector<ListedFile> listed, ListFolder(path));
    for (ListedFile& file : listed) {
      files.push_back(std::move(file.entry));
      stamps.push_back(file.stamp);
    }
  } else if (S_ISREG(info.st_mode)) {
    stamps.push_back(FileStamp::From(info));
    files.push_back(
        {path.substr(path.rfind('/') + 1), stamps[0].length_bytes, (info.st_mode & S_IXUSR) != 0});
  } else {
    return absl::FailedPreconditionError(
        absl::StrCat(path, S_ISLNK(info.st_mode) ? " is a link" : " is neither a file nor a folder",
                     ", which is not offered"));
  }

  EntryScan scan;
  scan.file_count = files.size();
  for (const FileStamp& stamp : stamps) {
    scan.length_bytes += stamp.length_bytes;
    scan.written = std::max(scan.written, absl::FromUnixNanos(stamp.modified_ns));
  }
  scan.fingerprint =
      FingerprintOf(S_ISDIR(info.st_mode) ? Manifest::Kind::kFolder : Manifest::Kind::kFile, files, stamps);
  return scan;
}

Sha256Digest FingerprintOf(Manifest::Kind kind, const std::vector<FileEntry>& files,
                           const std::vector<FileStamp>& stamps) {
  Sha256 sha256;
  std::string record(1, static_cast<char>(kind));
  for (size_t i = 0; i < files.size(); ++i) {
    AppendBig(static_cast<uint32_t>(files[i].path.size()), &record);
    record.append(files[i].path);
    record.push_back(files[i].executable ? 1 : 0);
    AppendBig(stamps[i].length_bytes, &record);
    AppendBig(static_cast<uint64_t>(stamps[i].modified_ns), &record);
    AppendBig(stamps[i].inode, &record);
    sha256.Update(AsBytes(record));
    record.clear();
  }
  sha256.Update(AsBytes(record));
  return sha256.Finish();
}

bool IsOfferedName(absl::string_view name) {
  return !name.empty() && name.front() != '.' && !absl::EndsWith(name, ".shoal") &&
         !absl::EndsWith(name, ".shoal-tmp") && !absl::EndsWith(name, ".shoal-progress");
}

}  // namespace shoal::seeder
