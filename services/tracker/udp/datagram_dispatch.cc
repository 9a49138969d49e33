#include "services/tracker/udp/datagram_dispatch.h"

#include <array>
#include <cstdint>

#include "shoal/tracking/messages/datagram.h"

namespace shoal::tracker {

namespace {

// In a smaller batch there is too little to do while memory is waited for.
constexpr size_t kWorthPrefetching = 4;

}  // namespace

void DatagramDispatch::Answer(std::span<IncomingDatagram> batch, bool pressed) const {
  const absl::Duration now = clock_->Uptime();
  std::array<uint64_t, kDatagramKinds> counts{};
  if (batch.size() >= kWorthPrefetching) bep15_->Prefetch(batch);
  for (IncomingDatagram& datagram : batch) {
    const Datagram result = tracking::LooksLikeDatagramRequest(datagram.bytes)
                                ? shoal_->Answer(now, pressed, &datagram)
                                : bep15_->Answer(now, pressed, &datagram);
    ++counts[static_cast<size_t>(result)];
  }
  metrics_->RecordDatagrams(clock_->Uptime() - now, batch.size());
  for (size_t kind = 0; kind < counts.size(); ++kind) {
    if (counts[kind] > 0) metrics_->CountDatagrams(static_cast<Datagram>(kind), counts[kind]);
  }
}

}  // namespace shoal::tracker
