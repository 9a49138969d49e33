#pragma once

#include <span>

#include "services/tracker/metrics/listener_metrics.h"
#include "services/tracker/udp/bep15_datagrams.h"
#include "services/tracker/udp/datagram_server.h"
#include "services/tracker/udp/shoal_datagrams.h"
#include "shoal/base/clock.h"

namespace shoal::tracker {

// The one UDP port is shared by dialects that are told apart by their first bytes. This is where that is
// done: it hands a datagram to the dialect that it claims to be of, and drops it when it claims to be of
// none. Looks at the clock before and after each batch, and counts once for it. When pressed, nobody is given
// a cookie or a connection id: who has one goes first. Thread-safe.
class DatagramDispatch final : public DatagramHandler {
 public:
  // All must outlive it.
  DatagramDispatch(const ShoalDatagrams* shoal, const Bep15Datagrams* bep15, ListenerMetrics* metrics,
                   const Clock* clock)
      : shoal_(shoal), bep15_(bep15), metrics_(metrics), clock_(clock) {}

  void Answer(std::span<IncomingDatagram> batch, bool pressed) const override;

 private:
  const ShoalDatagrams* const shoal_;
  const Bep15Datagrams* const bep15_;
  ListenerMetrics* const metrics_;
  const Clock* const clock_;
};

}  // namespace shoal::tracker
