#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"

namespace shoal::tracker {

// Sets of slots of a SlotTable, keyed by the records in the slots: 4 bytes an entry instead of a copy of the
// key. `KeyOf` has a type `Key` and returns the key of a slot: `Key operator()(uint32_t slot) const`. A
// record must not change its key while its slot is in the set.

// Finds the first slot that may have this key, without reading its record; wrong about once in a hundred
// times. For prefetching records.
template <typename Key>
struct MaybeKey {
  const Key& key;
};

template <typename KeyOf>
struct SlotHash {
  using is_transparent = void;
  KeyOf key_of;
  size_t operator()(uint32_t slot) const { return (*this)(key_of(slot)); }
  size_t operator()(const typename KeyOf::Key& key) const { return absl::Hash<typename KeyOf::Key>()(key); }
  size_t operator()(const MaybeKey<typename KeyOf::Key>& maybe) const { return (*this)(maybe.key); }
};

template <typename KeyOf>
struct SlotEqual {
  using is_transparent = void;
  KeyOf key_of;
  bool operator()(uint32_t a, uint32_t b) const { return a == b || key_of(a) == key_of(b); }
  bool operator()(uint32_t a, const typename KeyOf::Key& b) const { return key_of(a) == b; }
  bool operator()(const typename KeyOf::Key& a, uint32_t b) const { return a == key_of(b); }
  bool operator()(uint32_t, const MaybeKey<typename KeyOf::Key>&) const { return true; }
  bool operator()(const MaybeKey<typename KeyOf::Key>&, uint32_t) const { return true; }
};

template <typename KeyOf>
using SlotSet = absl::flat_hash_set<uint32_t, SlotHash<KeyOf>, SlotEqual<KeyOf>>;

// Returns: an empty set.
template <typename KeyOf>
SlotSet<KeyOf> MakeSlotSet(const KeyOf& key_of) {
  return SlotSet<KeyOf>(0, SlotHash<KeyOf>{key_of}, SlotEqual<KeyOf>{key_of});
}

}  // namespace shoal::tracker
