#include "services/seeder/folder/hash_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/seeder/folder/entry_scan.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/publish/hashed_content.h"

namespace shoal::seeder {

namespace {

constexpr char kSuffix[] = ".hashes";

// Returns: a file name of fixed length for any text.
std::string NameFor(const std::string& text) {
  const Sha256Digest digest = Sha256::Of(AsBytes(text));
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest.data()), 16));
}

absl::Status WriteWhole(const std::string& path, const std::string& bytes) {
  SHOAL_ASSIGN_OR_RETURN(const FileDescriptor file, CreateFreshFile(path, 0600));
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, absl::StrCat("cannot write ", path));
    done += static_cast<size_t>(count);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<const HashCache>> HashCache::Open(const std::string& state_folder,
                                                                 const std::string& shared_folder) {
  std::error_code error;
  std::string absolute = std::filesystem::canonical(shared_folder, error).string();
  if (error) absolute = shared_folder;
  std::string folder = absl::StrCat(state_folder, "/", NameFor(absolute));
  std::filesystem::create_directories(folder, error);
  if (error) return ErrnoStatus(error.value(), absl::StrCat("cannot make ", folder));
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot write to ", folder));
  return std::unique_ptr<const HashCache>(new HashCache(std::move(folder), shared_folder));
}

std::string HashCache::PathOf(const std::string& entry) const {
  return absl::StrCat(folder_, "/", NameFor(entry), kSuffix);
}

std::optional<BuiltManifest> HashCache::Find(const std::string& entry,
                                             const Sha256Digest& fingerprint) const {
  const absl::StatusOr<std::string> bytes = ReadOwnFile(PathOf(entry), kMaxHashedContentBytes);
  if (!bytes.ok()) return std::nullopt;
  absl::StatusOr<HashedContent> stored = HashedContent::Decode(AsBytes(*bytes));
  if (!stored.ok() || stored->entry != entry ||
      FingerprintOf(stored->manifest, stored->stamps) != fingerprint) {
    return std::nullopt;
  }
  const bool is_folder = stored->manifest.kind() == Manifest::Kind::kFolder;
  return BuiltManifest{std::move(stored->manifest),
                       is_folder ? absl::StrCat(shared_folder_, "/", entry) : shared_folder_,
                       std::move(stored->stamps),
                       LinkPolicy::kKeepInside,
                       {}};
}

absl::Status HashCache::Store(const std::string& entry, const BuiltManifest& built) const {
  const std::string path = PathOf(entry);
  const std::string temporary = absl::StrCat(path, ".tmp");
  const absl::Status written =
      WriteWhole(temporary, HashedContent{entry, built.manifest, built.stamps}.Encode());
  if (!written.ok()) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot rename ", temporary));
  return absl::OkStatus();
}

void HashCache::Remove(const std::string& entry) const {
  ::unlink(PathOf(entry).c_str());
}

void HashCache::KeepOnly(const std::vector<std::string>& entries) const {
  absl::flat_hash_set<std::string> kept;
  for (const std::string& entry : entries) kept.insert(absl::StrCat(NameFor(entry), kSuffix));
  std::error_code error;
  std::vector<std::filesystem::path> removed;
  for (std::filesystem::directory_iterator item(folder_, error), end; !error && item != end;
       item.increment(error)) {
    const std::string name = item->path().filename().string();
    // Files that are not from this cache stay.
    if (!absl::EndsWith(name, kSuffix) && !absl::EndsWith(name, absl::StrCat(kSuffix, ".tmp"))) continue;
    if (!kept.contains(name)) removed.push_back(item->path());
  }
  for (const std::filesystem::path& path : removed) std::filesystem::remove(path, error);
}

}  // namespace shoal::seeder
