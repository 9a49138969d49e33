#pragma once

#include <string>

#include "services/tracker/door_metrics.h"
#include "services/tracker/shoal_datagrams.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/endpoint.h"

namespace shoal::tracker {

// The one UDP port is shared by dialects that are told apart by their first bytes. This is where that is
// done: it hands a datagram to the dialect that it claims to be of, and drops it when it claims to be of
// none. Thread-safe.
class DatagramDispatch {
 public:
  // Both must outlive it.
  DatagramDispatch(const ShoalDatagrams* shoal, DoorMetrics* metrics) : shoal_(shoal), metrics_(metrics) {}

  // The reply, or an empty string: none is sent.
  std::string Answer(ByteView datagram, const Endpoint& source) const;

 private:
  const ShoalDatagrams* const shoal_;
  DoorMetrics* const metrics_;
};

}  // namespace shoal::tracker
