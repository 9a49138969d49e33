#include "services/seeder/catalog.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace shoal::seeder {

OfferedSource::OfferedSource(std::shared_ptr<const HashedVersion> version, StaleCallback on_stale)
    : manifest_(version->manifest),
      left_out_(version->left_out),
      on_stale_(std::move(on_stale)),
      files_(std::make_shared<const FolderSource>(manifest_, version->root, version->stamps, Clock::Real(),
                                                  /*file_name=*/"", version->links)) {}

std::shared_ptr<const FolderSource> OfferedSource::files() const {
  MutexLock lock(&mutex_);
  return files_;
}

void OfferedSource::Renew(std::shared_ptr<const HashedVersion> version) {
  auto renewed = std::make_shared<const FolderSource>(manifest_, version->root, version->stamps,
                                                      Clock::Real(), /*file_name=*/"", version->links);
  MutexLock lock(&mutex_);
  files_ = std::move(renewed);
}

absl::StatusOr<FileRegion> OfferedSource::Open(ChunkIndex index) const {
  absl::StatusOr<FileRegion> region = files()->Open(index);
  if (region.ok()) {
    opened_bytes_.fetch_add(region->length_bytes, std::memory_order_relaxed);
  } else {
    NoteFailure(region.status());
  }
  return region;
}

void OfferedSource::NoteFailure(const absl::Status& why) const {
  // Descriptors that ran out say nothing about the files.
  if (!absl::IsResourceExhausted(why) && !stale_.exchange(true)) on_stale_(why);
}

std::shared_ptr<const ChunkSource> Catalog::Find(const ContentId& id) const {
  MutexLock lock(&mutex_);
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

void Catalog::NoteFailure(const ContentId& id, const absl::Status& why) const {
  std::shared_ptr<const OfferedSource> source;
  {
    MutexLock lock(&mutex_);
    const auto found = by_id_.find(id);
    if (found != by_id_.end()) source = found->second;
  }
  if (source != nullptr) source->NoteFailure(why);
}

void Catalog::Publish(const std::string& entry, BuiltManifest built, bool from_cache,
                      OfferedSource::StaleCallback on_stale) {
  const Sha256Digest fingerprint = FingerprintOf(built.manifest, built.stamps);
  auto version = std::make_shared<const HashedVersion>(
      HashedVersion{std::make_shared<const Manifest>(std::move(built.manifest)), std::move(built.root),
                    std::move(built.stamps), fingerprint, built.links, built.left_out.size()});
  const ContentId id = version->manifest->id();
  const auto old = published_.find(entry);
  if (old != published_.end()) {
    if (old->second.version->manifest->id() == id) {
      if (old->second.version->fingerprint == fingerprint) return;
      old->second.source->Renew(version);
      old->second.version = std::move(version);
      return;
    }
    Withdraw(entry, "replaced by a new version");
  }
  const auto source = std::make_shared<OfferedSource>(version, std::move(on_stale));
  {
    MutexLock lock(&mutex_);
    by_id_[id] = source;
  }
  published_.insert_or_assign(entry, Published{source, std::move(version)});
  listener_->OnPublished(source, from_cache);
}

bool Catalog::Withdraw(const std::string& entry, const std::string& why) {
  const auto found = published_.find(entry);
  if (found == published_.end()) return false;
  const std::shared_ptr<const Manifest> manifest = found->second.version->manifest;
  published_.erase(found);
  {
    MutexLock lock(&mutex_);
    by_id_.erase(manifest->id());
  }
  listener_->OnWithdrawn(manifest, why);
  return true;
}

std::shared_ptr<const HashedVersion> Catalog::VersionOf(const std::string& entry) const {
  const auto found = published_.find(entry);
  return found == published_.end() ? nullptr : found->second.version;
}

FileStamp::Comparison Catalog::Compare(const std::string& entry, const std::string& path) const {
  const std::shared_ptr<const HashedVersion> version = VersionOf(entry);
  if (version == nullptr) return FileStamp::Comparison::kSame;
  const std::vector<FileEntry>& files = version->manifest->files();

  const bool is_file = version->manifest->kind() == Manifest::Kind::kFile;
  const std::string& wanted = is_file ? entry : path;
  auto file = std::lower_bound(files.begin(), files.end(), wanted,
                               [](const FileEntry& a, const std::string& b) { return a.path < b; });
  // `wanted` is not a file of the version. If it is a folder that was removed, all files below it are gone:
  // comparing the first one is enough.
  if (!is_file && (file == files.end() || file->path != wanted)) {
    const std::string below = wanted.empty() ? "" : absl::StrCat(wanted, "/");
    file = std::lower_bound(files.begin(), files.end(), below,
                            [](const FileEntry& a, const std::string& b) { return a.path < b; });
    if (file == files.end() || !absl::StartsWith(file->path, below)) return FileStamp::Comparison::kSame;
  }
  if (file == files.end()) return FileStamp::Comparison::kSame;
  const absl::StatusOr<FileStamp> now = FileStamp::Of(absl::StrCat(version->root, "/", file->path));
  return now.ok() ? version->stamps[static_cast<size_t>(file - files.begin())].Compare(*now)
                  : FileStamp::Comparison::kOther;
}

std::vector<std::string> Catalog::entries() const {
  std::vector<std::string> entries;
  for (const auto& [entry, published] : published_) entries.push_back(entry);
  std::sort(entries.begin(), entries.end());
  return entries;
}

}  // namespace shoal::seeder
