#include "shoal/stream/wire/canonical_manifests.h"

#include <algorithm>

namespace shoal::stream {

CanonicalManifests& CanonicalManifests::Shared() {
  static CanonicalManifests& shared =
      *new CanonicalManifests();  // never destroyed: sessions may outlive main
  return shared;
}

std::shared_ptr<const std::string> CanonicalManifests::BytesOf(
    const std::shared_ptr<const Manifest>& manifest) {
  {
    MutexLock lock(&mutex_);
    const auto found = entries_.find(manifest.get());
    // An entry may be of an earlier manifest that lay at the same address.
    if (found != entries_.end() && found->second.manifest.lock() == manifest) {
      if (std::shared_ptr<const std::string> bytes = found->second.bytes.lock()) return bytes;
    }
  }
  // Not under the lock: a large one takes milliseconds. Two that encode at once do no harm.
  auto bytes = std::make_shared<const std::string>(manifest->Encode());
  MutexLock lock(&mutex_);
  Forget();
  entries_[manifest.get()] = {manifest, bytes, static_cast<uint32_t>(bytes->size())};
  return bytes;
}

uint32_t CanonicalManifests::LengthOf(const std::shared_ptr<const Manifest>& manifest) {
  {
    MutexLock lock(&mutex_);
    const auto found = entries_.find(manifest.get());
    if (found != entries_.end() && found->second.manifest.lock() == manifest)
      return found->second.length_bytes;
  }
  return static_cast<uint32_t>(BytesOf(manifest)->size());
}

void CanonicalManifests::Forget() {
  if (entries_.size() < forget_at_) return;
  absl::erase_if(entries_, [](const auto& entry) { return entry.second.manifest.expired(); });
  forget_at_ = std::max<size_t>(64, 2 * entries_.size());
}

}  // namespace shoal::stream
