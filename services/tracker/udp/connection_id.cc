#include "services/tracker/udp/connection_id.h"

#include <algorithm>
#include <array>

#include "shoal/base/byte_order.h"

namespace shoal::tracker {
namespace {

constexpr int64_t kIdEpochSeconds = 120;

uint64_t EpochAt(absl::Duration now) {
  // Starts at 1, so that the first epoch also has a predecessor.
  return static_cast<uint64_t>(absl::ToInt64Seconds(now) / kIdEpochSeconds) + 1;
}

}  // namespace

uint64_t ConnectionIds::Make(const IpAddress& source, absl::Duration now) const {
  return OfEpoch(source, EpochAt(now));
}

bool ConnectionIds::Check(const IpAddress& source, absl::Duration now, uint64_t id) const {
  const uint64_t current = EpochAt(now);
  const uint64_t epoch = ((current ^ id) & 1) == 0 ? current : current - 1;
  // Comparing whole words takes constant time.
  return OfEpoch(source, epoch) == id;
}

uint64_t ConnectionIds::OfEpoch(const IpAddress& source, uint64_t epoch) const {
  std::array<uint8_t, 24> message;
  StoreBig(epoch, message.data());
  // An IPv4 address is hashed as four bytes, to hash less: no IPv6 address has that length.
  const ptrdiff_t skipped = source.is_v4() ? 12 : 0;
  const auto end = std::copy(source.bytes().begin() + skipped, source.bytes().end(), message.begin() + 8);
  const uint64_t hash = SipHash64(key_, {message.begin(), end});
  return (hash & ~uint64_t{1}) | uint64_t{1} << 63 | (epoch & 1);
}

}  // namespace shoal::tracker
