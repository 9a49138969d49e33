#include "services/seeder/catalog_record.h"

#include "absl/status/status.h"

namespace shoal::seeder {

std::vector<std::shared_ptr<const OfferedSource>> CatalogRecord::offered() const {
  MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<const OfferedSource>> offered;
  offered.reserve(offered_.size());
  for (const auto& [key, source] : offered_) offered.push_back(source);
  return offered;
}

std::vector<CatalogRecord::Hashing> CatalogRecord::hashing() const {
  const absl::Duration now = clock_.Uptime();
  MutexLock lock(&mutex_);
  std::vector<Hashing> hashing;
  for (const auto& [entry, progress] : hashing_) {
    if (now - progress.reported > kHashingForgotten) continue;
    hashing.push_back({entry, progress.done_bytes, progress.total_bytes});
  }
  return hashing;
}

std::vector<CatalogRecord::Omission> CatalogRecord::omissions() const {
  MutexLock lock(&mutex_);
  std::vector<Omission> omissions;
  for (const auto& [entry, messages] : problems_) {
    for (const std::string& message : messages) omissions.push_back({entry, "", message});
  }
  for (const auto& [entry, left_out] : left_out_) {
    for (const LeftOut& each : left_out) omissions.push_back({entry, each.path, each.reason});
  }
  return omissions;
}

void CatalogRecord::OnPublished(const std::shared_ptr<const OfferedSource>& source, bool /*from_cache*/) {
  const Manifest& manifest = *source->manifest();
  MutexLock lock(&mutex_);
  offered_[{manifest.name(), manifest.id()}] = source;
  hashing_.erase(manifest.name());
}

void CatalogRecord::OnWithdrawn(const std::shared_ptr<const Manifest>& manifest, const std::string& /*why*/) {
  MutexLock lock(&mutex_);
  offered_.erase({manifest->name(), manifest->id()});
}

void CatalogRecord::OnHashing(const std::string& entry, uint64_t done_bytes, uint64_t total_bytes) {
  const absl::Duration now = clock_.Uptime();
  MutexLock lock(&mutex_);
  std::erase_if(hashing_,
                [now](const auto& known) { return now - known.second.reported > kHashingForgotten; });
  if (done_bytes < total_bytes) {
    hashing_[entry] = {done_bytes, total_bytes, now};
  } else {
    hashing_.erase(entry);
  }
}

void CatalogRecord::OnProblem(const std::string& entry, const absl::Status& why) {
  MutexLock lock(&mutex_);
  problems_[entry].emplace_back(why.message());
  hashing_.erase(entry);
}

void CatalogRecord::OnProblemOver(const std::string& entry, const std::string& message) {
  MutexLock lock(&mutex_);
  const auto found = problems_.find(entry);
  if (found == problems_.end()) return;
  std::erase(found->second, message);
  if (found->second.empty()) problems_.erase(found);
}

void CatalogRecord::OnLeftOut(const std::string& entry, const std::vector<LeftOut>& left_out) {
  MutexLock lock(&mutex_);
  if (left_out.empty()) {
    left_out_.erase(entry);
  } else {
    left_out_[entry] = left_out;
  }
}

void CatalogRecord::OnFirstScanDone(size_t /*contents*/) {}

}  // namespace shoal::seeder
