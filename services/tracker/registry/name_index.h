#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::tracker {

// All known contents, ordered by name and then by id: for lookups by name and for listing page by page.
// Shared by all shards; used when a content becomes known or is forgotten and by calls that people make,
// never by a heartbeat.
//
// Thread safety: thread-safe. Makes no calls while it holds its lock, so it may be called under a shard's.
class NameIndex {
 public:
  struct Entry {
    std::string name;
    ContentId id;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };

  explicit NameIndex(uint32_t max_contents_per_name) : max_contents_per_name_(max_contents_per_name) {}

  // Returns: false, without a change, when too many contents have that name.
  bool Add(const std::string& name, const ContentId& id);
  void Remove(const std::string& name, const ContentId& id);

  std::vector<ContentId> WithName(const std::string& name) const;
  // Returns: up to `count` entries after `after`, or from the start without it.
  std::vector<Entry> Page(const std::optional<Entry>& after, uint32_t count) const;

 private:
  const uint32_t max_contents_per_name_;
  mutable Mutex mutex_;
  absl::btree_set<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, uint32_t> name_counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::tracker
