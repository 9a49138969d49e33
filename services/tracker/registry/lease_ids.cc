#include "services/tracker/registry/lease_ids.h"

#include "services/tracker/tables/random_source.h"
#include "shoal/base/byte_order.h"

namespace shoal::tracker {

LeaseIds::LeaseIds(const Key& key) {
  RandomSource first(LoadBig<uint64_t>(key.data()));
  RandomSource second(LoadBig<uint64_t>(key.data() + 8));
  // One step apart, so that two equal halves of a key do not cancel out.
  second.Next();
  for (Round& round : rounds_) {
    round.factor = (first.Next() ^ second.Next()) | 1;
    round.addend = first.Next() ^ second.Next();
  }
  zero_ = Permute(0);
}

}  // namespace shoal::tracker
