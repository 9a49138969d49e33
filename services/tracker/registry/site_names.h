#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "shoal/base/mutex.h"

namespace shoal::tracker {

// The number of a site, which leases hold instead of its name. kNoSite: a peer that names none.
using SiteNumber = uint16_t;
inline constexpr SiteNumber kNoSite = 0;

// Assigns numbers to the names of sites. A number never changes. Shared by all shards; takes its lock only
// for names that are not empty.
//
// Thread safety: thread-safe. Makes no calls while it holds its lock.
class SiteNames {
 public:
  // Bounds what clients can make the tracker remember: past this many, a new name counts as none.
  static constexpr size_t kMaxSites = 4096;

  SiteNumber Add(const std::string& name) {
    if (name.empty()) return kNoSite;
    MutexLock lock(&mutex_);
    const auto known = numbers_.find(name);
    if (known != numbers_.end()) return known->second;
    if (names_.size() == kMaxSites) return kNoSite;
    names_.push_back(name);
    const auto number = static_cast<SiteNumber>(names_.size());
    numbers_.emplace(name, number);
    return number;
  }

  // Unlike Add, does not assign a number.
  SiteNumber Find(const std::string& name) const {
    if (name.empty()) return kNoSite;
    MutexLock lock(&mutex_);
    const auto known = numbers_.find(name);
    return known == numbers_.end() ? kNoSite : known->second;
  }

  std::string Name(SiteNumber number) const {
    if (number == kNoSite) return {};
    MutexLock lock(&mutex_);
    return names_[number - 1u];
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::string> names_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, SiteNumber> numbers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::tracker
