#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/time/time.h"
#include "services/tracker/bittorrent/bep15.h"
#include "services/tracker/bittorrent/bittorrent_swarms.h"
#include "services/tracker/limits/rate_limiter.h"
#include "services/tracker/metrics/listener_metrics.h"
#include "services/tracker/udp/connection_id.h"
#include "services/tracker/udp/datagram_server.h"

namespace shoal::tracker {

// BitTorrent's dialect of the UDP door (BEP 15): connect, announce and scrape of unmodified clients. A
// request without a good connection id is dropped in silence, as is what is over its source's rate; a connect
// is answered with as many bytes as it has at the least. Takes no memory and looks at no clock. Thread-safe.
// What it is given must outlive it.
class Bep15Datagrams {
 public:
  Bep15Datagrams(BitTorrentSwarms* swarms, const ConnectionIds* ids, RateLimiter* limiter)
      : swarms_(swarms),
        interval_seconds_(static_cast<uint32_t>(absl::ToInt64Seconds(swarms->options().interval))),
        ids_(ids),
        limiter_(limiter) {}

  // Asks for the memory that the announces among these will need: before they are answered one by one, so
  // that the waits for it overlap.
  void Prefetch(std::span<const IncomingDatagram> batch) const;

  // Writes the reply, if there is one, to the datagram's room (of bep15::kMaxResponseBytes at the least), and
  // says what became of it. `pressed`: who has proven nothing gets nothing.
  Datagram Answer(absl::Duration now, bool pressed, IncomingDatagram* datagram) const;

 private:
  size_t Announce(const bep15::AnnounceRequest& request, const Endpoint& source, absl::Duration now,
                  uint8_t* to, Datagram* result) const;
  size_t Scrape(const bep15::ScrapeRequest& request, uint8_t* to) const;

  BitTorrentSwarms* const swarms_;
  const uint32_t interval_seconds_;
  const ConnectionIds* const ids_;
  RateLimiter* const limiter_;
};

}  // namespace shoal::tracker
