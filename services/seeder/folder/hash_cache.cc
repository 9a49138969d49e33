#include "services/seeder/folder/hash_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
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
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/checksum.h"

namespace shoal::seeder {

namespace {

constexpr uint32_t kMagic = 0x53484843;  // "SHHC"
constexpr uint32_t kVersion = 1;
constexpr size_t kStampBytes = 24;

void AppendBytes(ByteView bytes, std::string* to) {
  to->append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

absl::Status NoEntry() {
  return absl::InvalidArgumentError("not an entry of the hash cache");
}

}  // namespace

std::string HashCacheEntry::Encode() const {
  std::string bytes;
  AppendBig(kMagic, &bytes);
  AppendBig(kVersion, &bytes);
  AppendBig(static_cast<uint32_t>(entry.size()), &bytes);
  bytes.append(entry);
  AppendBig(static_cast<uint32_t>(stamps.size()), &bytes);
  for (const FileStamp& stamp : stamps) {
    AppendBig(stamp.length_bytes, &bytes);
    AppendBig(static_cast<uint64_t>(stamp.modified_ns), &bytes);
    AppendBig(stamp.inode, &bytes);
  }
  const std::string canonical = manifest.Encode();
  AppendBig(static_cast<uint32_t>(canonical.size()), &bytes);
  bytes.append(canonical);
  AppendBytes(Sha256::Of(AsBytes(bytes)), &bytes);
  return bytes;
}

absl::StatusOr<HashCacheEntry> HashCacheEntry::Decode(ByteView bytes) {
  constexpr size_t kDigestBytes = sizeof(Sha256Digest);
  if (bytes.size() < kDigestBytes || bytes.size() > kMaxHashCacheEntryBytes) return NoEntry();
  const ByteView body = bytes.first(bytes.size() - kDigestBytes);
  const ByteView digest = bytes.last(kDigestBytes);

  ByteReader reader(body);
  if (reader.ReadBig<uint32_t>() != kMagic || reader.ReadBig<uint32_t>() != kVersion) return NoEntry();
  if (!std::ranges::equal(Sha256::Of(body), digest)) {
    return absl::DataLossError("an entry of the hash cache is damaged");
  }

  std::string entry = reader.ReadString(reader.ReadBig<uint32_t>());
  const uint32_t stamp_count = reader.ReadBig<uint32_t>();
  if (!reader.ok() || stamp_count > reader.remaining() / kStampBytes) return NoEntry();
  std::vector<FileStamp> stamps(stamp_count);
  for (FileStamp& stamp : stamps) {
    stamp.length_bytes = reader.ReadBig<uint64_t>();
    stamp.modified_ns = static_cast<int64_t>(reader.ReadBig<uint64_t>());
    stamp.inode = reader.ReadBig<uint64_t>();
  }
  const ByteView canonical = reader.ReadBytes(reader.ReadBig<uint32_t>());
  if (!reader.ok() || reader.remaining() != 0) return NoEntry();
  SHOAL_ASSIGN_OR_RETURN(Manifest manifest, Manifest::Decode(canonical));
  if (manifest.files().size() != stamps.size()) return NoEntry();

  return HashCacheEntry{std::move(entry), std::move(manifest), std::move(stamps)};
}
namespace {

constexpr char kSuffix[] = ".hashes";

// A file name for any text, however long it is and whatever bytes are in it.
std::string NameFor(const std::string& text) {
  const Sha256Digest digest = Sha256::Of(AsBytes(text));
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest.data()), 16));
}

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(const FileDescriptor file, FileDescriptor::Open(path, O_RDONLY));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("cannot look at ", path));
  if (!S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) > kMaxHashCacheEntryBytes) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no entry of the hash cache"));
  }
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, absl::StrCat("cannot read ", path));
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

absl::Status WriteWhole(const std::string& path, const std::string& bytes) {
  SHOAL_ASSIGN_OR_RETURN(const FileDescriptor file,
                         FileDescriptor::Open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
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
  const absl::StatusOr<std::string> bytes = ReadWhole(PathOf(entry));
  if (!bytes.ok()) return std::nullopt;
  absl::StatusOr<HashCacheEntry> stored = HashCacheEntry::Decode(AsBytes(*bytes));
  if (!stored.ok() || stored->entry != entry ||
      FingerprintOf(stored->manifest.kind(), stored->manifest.files(), stored->stamps) != fingerprint) {
    return std::nullopt;
  }
  const bool is_folder = stored->manifest.kind() == Manifest::Kind::kFolder;
  return BuiltManifest{std::move(stored->manifest),
                       is_folder ? absl::StrCat(shared_folder_, "/", entry) : shared_folder_,
                       std::move(stored->stamps)};
}

absl::Status HashCache::Store(const std::string& entry, const BuiltManifest& built) const {
  const std::string path = PathOf(entry);
  const std::string temporary = absl::StrCat(path, ".tmp");
  const absl::Status written =
      WriteWhole(temporary, HashCacheEntry{entry, built.manifest, built.stamps}.Encode());
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
    // Others' files are none of our business.
    if (!absl::EndsWith(name, kSuffix) && !absl::EndsWith(name, absl::StrCat(kSuffix, ".tmp"))) continue;
    if (!kept.contains(name)) removed.push_back(item->path());
  }
  for (const std::filesystem::path& path : removed) std::filesystem::remove(path, error);
}

}  // namespace shoal::seeder
