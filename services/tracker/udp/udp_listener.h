#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "services/tracker/limits/rate_limiter.h"
#include "services/tracker/metrics/listener_metrics.h"
#include "services/tracker/state/peer_addresses.h"
#include "services/tracker/state/tracker_state.h"
#include "services/tracker/udp/bep15_datagrams.h"
#include "services/tracker/udp/connection_id.h"
#include "services/tracker/udp/datagram_cookie.h"
#include "services/tracker/udp/datagram_server.h"
#include "services/tracker/udp/shoal_datagrams.h"
#include "services/tracker/udp/siphash.h"
#include "shoal/base/clock.h"
#include "shoal/base/endpoint.h"

namespace shoal::tracker {

// Returns: a program for the kernel (classic BPF, SO_ATTACH_FILTER) that accepts what may be a request of one
// of the UDP port's dialects, by its length and first bytes, and drops the rest on arrival: before it takes
// room in the socket's queue from honest requests, and before a thread of the tracker has to read it. It
// knows no secrets, so it accepts everything of the right form; the dialects check everything that they get,
// with or without it.
std::span<const sock_filter> DatagramFilter();

// The tracker's UDP port, which two dialects share: Shoal's datagrams and BEP 15. Passes each datagram to the
// dialect that its first bytes claim, and drops it if they claim none.
//
// Thread safety: Answer is safe; Start and Stop are for one thread.
class UdpListener final : public DatagramHandler {
 public:
  struct Options {
    Endpoint listen;          // port 0: the system chooses
    uint32_t sockets = 0;     // as DatagramServer::Options
    uint16_t grpc_port = 0;   // named to clients, for what does not fit into a datagram
    SipHashKey cookie_key{};  // secrets; a daemon draws them at random
    SipHashKey connection_id_key{};
    bool bittorrent = true;  // false: BEP 15 gets no answer
  };

  // Requires: all pointers outlive this.
  UdpListener(const Options& options, TrackerState* state, const CurrentPeerAddresses* addresses,
              AddressVerifier* verifier, ListenerMetrics* metrics, RateLimiter* limiter,
              const AccessControl* access, const Clock* clock);

  // Errors: UNAVAILABLE with the address when it can't be bound.
  absl::Status Start();
  uint16_t port() const { return server_->port(); }  // Requires: Start succeeded.
  // A last batch is answered first. Blocks until done. Idempotent.
  void Stop();

  // Answers a batch without the socket. Reads the clock before and after a batch, and updates metrics once
  // for it. `overloaded`: datagrams without a cookie or connection id get no answer, so that those with one
  // go first.
  void Answer(std::span<IncomingDatagram> batch, bool overloaded) const override;

 private:
  const Options options_;
  const CurrentPeerAddresses* const addresses_;
  ListenerMetrics* const metrics_;
  const Clock* const clock_;
  const DatagramCookies cookies_;
  const ConnectionIds connection_ids_;
  const ShoalDatagrams shoal_;
  const Bep15Datagrams bep15_;
  std::unique_ptr<DatagramServer> server_;
};

}  // namespace shoal::tracker
