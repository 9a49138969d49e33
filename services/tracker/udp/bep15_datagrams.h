#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/time/time.h"
#include "services/tracker/bittorrent/bep15.h"
#include "services/tracker/bittorrent/bittorrent_swarms.h"
#include "services/tracker/limits/rate_limiter.h"
#include "services/tracker/metrics/listener_metrics.h"
#include "services/tracker/state/peer_addresses.h"
#include "services/tracker/udp/connection_id.h"
#include "services/tracker/udp/datagram_server.h"

namespace shoal::tracker {

// BitTorrent's dialect of the UDP listener (BEP 15): connect, announce and scrape of unmodified clients.
// Drops without a response what has no valid connection id or exceeds its source's rate. The response to a
// connect is no larger than the request. Allocates nothing and reads no clock.
//
// Thread safety: thread-safe. Requires: all pointers outlive this.
class Bep15Datagrams {
 public:
  Bep15Datagrams(BitTorrentSwarms* swarms, const ConnectionIds* ids, RateLimiter* limiter)
      : swarms_(swarms),
        interval_seconds_(static_cast<uint32_t>(absl::ToInt64Seconds(swarms->options().interval))),
        ids_(ids),
        limiter_(limiter) {}

  // Prefetches the memory that the announces in the batch will need, so that the cache misses overlap.
  void Prefetch(std::span<const IncomingDatagram> batch) const;

  // Writes the response, if there is one, to the datagram's room. `overloaded`: unproven sources get none.
  // Requires: the room holds bep15::kMaxResponseBytes. Returns: what became of the datagram.
  Datagram Answer(absl::Duration now, bool overloaded, const PeerAddresses& addresses,
                  IncomingDatagram* datagram) const;

 private:
  size_t Announce(const bep15::AnnounceRequest& request, const PeerAddresses& addresses, const Caller& caller,
                  absl::Duration now, uint8_t* to, Datagram* result) const;
  size_t Scrape(const bep15::ScrapeRequest& request, uint8_t* to) const;

  BitTorrentSwarms* const swarms_;
  const uint32_t interval_seconds_;
  const ConnectionIds* const ids_;
  RateLimiter* const limiter_;
};

}  // namespace shoal::tracker
