#include "services/seeder/catalog.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/seeder/folder/entry_scan.h"

namespace shoal::seeder {

OfferedSource::OfferedSource(BuiltManifest built, std::function<void()> on_stale)
    : files_(std::make_shared<const Manifest>(std::move(built.manifest)), std::move(built.root),
             std::move(built.stamps)),
      on_stale_(std::move(on_stale)) {}

absl::StatusOr<FileRegion> OfferedSource::Open(ChunkIndex index) const {
  absl::StatusOr<FileRegion> region = files_.Open(index);
  if (region.ok()) {
    opened_bytes_.fetch_add(region->length_bytes, std::memory_order_relaxed);
  } else if (absl::IsFailedPrecondition(region.status()) && !stale_.exchange(true)) {
    on_stale_();
  }
  return region;
}

std::shared_ptr<const ChunkSource> Catalog::Find(const ContentId& id) const {
  MutexLock lock(&mutex_);
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

void Catalog::Publish(const std::string& entry, BuiltManifest built, bool from_cache,
                      std::function<void()> on_stale) {
  const ContentId id = built.manifest.id();
  const auto old = published_.find(entry);
  if (old != published_.end()) {
    if (old->second.source->manifest()->id() == id && old->second.stamps == built.stamps) return;
    Withdraw(entry, "replaced by a new version");
  }
  Published fresh{nullptr, FingerprintOf(built.manifest.kind(), built.manifest.files(), built.stamps),
                  built.root, built.stamps};
  const auto source = std::make_shared<const OfferedSource>(std::move(built), std::move(on_stale));
  fresh.source = source;
  {
    MutexLock lock(&mutex_);
    by_id_[id] = source;
  }
  published_.insert_or_assign(entry, std::move(fresh));
  listener_->OnPublished(source, from_cache);
}

bool Catalog::Withdraw(const std::string& entry, const std::string& why) {
  const auto found = published_.find(entry);
  if (found == published_.end()) return false;
  const std::shared_ptr<const Manifest> manifest = found->second.source->manifest();
  published_.erase(found);
  {
    MutexLock lock(&mutex_);
    by_id_.erase(manifest->id());
  }
  listener_->OnWithdrawn(manifest, why);
  return true;
}

const Sha256Digest* Catalog::FingerprintFor(const std::string& entry) const {
  const auto found = published_.find(entry);
  return found == published_.end() ? nullptr : &found->second.fingerprint;
}

bool Catalog::FileChanged(const std::string& entry, const std::string& path) const {
  const auto found = published_.find(entry);
  if (found == published_.end()) return false;
  const Published& published = found->second;
  const std::vector<FileEntry>& files = published.source->manifest()->files();

  const bool is_file = published.source->manifest()->kind() == Manifest::Kind::kFile;
  const std::string& wanted = is_file ? entry : path;
  auto file = std::lower_bound(files.begin(), files.end(), wanted,
                               [](const FileEntry& a, const std::string& b) { return a.path < b; });
  // Not a file of it. A folder that went takes all its files along, so it is enough to look at the first one
  // below.
  if (!is_file && (file == files.end() || file->path != wanted)) {
    const std::string below = wanted.empty() ? "" : absl::StrCat(wanted, "/");
    file = std::lower_bound(files.begin(), files.end(), below,
                            [](const FileEntry& a, const std::string& b) { return a.path < b; });
    if (file == files.end() || !absl::StartsWith(file->path, below)) return false;
  }
  if (file == files.end()) return false;
  const absl::StatusOr<FileStamp> now = FileStamp::Of(absl::StrCat(published.root, "/", file->path));
  return !now.ok() || *now != published.stamps[static_cast<size_t>(file - files.begin())];
}

std::vector<std::string> Catalog::entries() const {
  std::vector<std::string> entries;
  for (const auto& [entry, published] : published_) entries.push_back(entry);
  std::sort(entries.begin(), entries.end());
  return entries;
}

}  // namespace shoal::seeder
