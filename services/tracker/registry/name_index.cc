#include "services/tracker/registry/name_index.h"

namespace shoal::tracker {

bool NameIndex::Add(const std::string& name, const ContentId& id) {
  MutexLock lock(&mutex_);
  uint32_t& count = name_counts_[name];
  if (count >= max_contents_per_name_) return false;
  if (entries_.insert(Entry{name, id}).second) ++count;
  return true;
}

void NameIndex::Remove(const std::string& name, const ContentId& id) {
  MutexLock lock(&mutex_);
  if (entries_.erase(Entry{name, id}) == 0) return;
  const auto count = name_counts_.find(name);
  if (--count->second == 0) name_counts_.erase(count);
}

std::vector<ContentId> NameIndex::WithName(const std::string& name) const {
  MutexLock lock(&mutex_);
  std::vector<ContentId> ids;
  for (auto at = entries_.lower_bound(Entry{name, ContentId()}); at != entries_.end() && at->name == name;
       ++at) {
    ids.push_back(at->id);
  }
  return ids;
}

std::vector<NameIndex::Entry> NameIndex::Page(const std::optional<Entry>& after, uint32_t count) const {
  MutexLock lock(&mutex_);
  std::vector<Entry> page;
  auto at = after ? entries_.upper_bound(*after) : entries_.begin();
  for (; at != entries_.end() && page.size() < count; ++at) page.push_back(*at);
  return page;
}

}  // namespace shoal::tracker
