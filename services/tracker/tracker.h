#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/tracker/registry/reserved_names.h"
#include "services/tracker/tracker_limits.h"
#include "shoal/base/clock.h"
#include "shoal/base/endpoint.h"
#include "shoal/net/tls/tls_context.h"

namespace shoal::tracker {

// A running tracker: its state, and the listeners over it. Ready when Start returns. Thread-safe.
class Tracker {
 public:
  struct Options {
    Endpoint grpc;                 // port 0 everywhere: the system chooses
    std::optional<Endpoint> udp;   // none: no UDP listener
    std::optional<Endpoint> http;  // none: no health pages, no metrics
    absl::Duration lease = absl::Seconds(30);
    // Between two announces of a BitTorrent peer, which lapses after two and a half intervals.
    absl::Duration bittorrent_interval = absl::Minutes(5);
    TrackerLimits limits;
    // Keeps the state from one run to the next; empty: it is not kept. A file that can't be used is logged
    // and renamed (".unusable" is appended), and the tracker starts empty.
    std::string state_file;
    bool trusts_addresses = false;  // hands out addresses that peers claim without trying them
    // Of gRPC and HTTP, and to try the addresses of peers; needs a certificate. Null: without TLS.
    std::shared_ptr<net::TlsContext> tls;
    // The owners of names; null: every peer may publish under every name.
    std::shared_ptr<const ReservedNames> reserved;
    // The tokens of those who are admitted, see TokenTable; read again when it changes. Empty: everyone is
    // admitted.
    std::string tokens_file;
    // A private key, as SigningKey::Write makes it: lookups over gRPC bring tickets, which are valid for
    // `ticket_lifetime`. Empty: they bring none.
    std::string ticket_key_file;
    absl::Duration ticket_lifetime = absl::Minutes(10);
    bool open_bittorrent = false;  // BitTorrent clients, which have no tokens, are admitted beside tokens
    std::string version;           // for people
    uint32_t udp_sockets = 0;      // 0: one for each core that is usable, but at most 4
    const Clock* clock = &Clock::Real();
  };

  // Errors: UNAVAILABLE with the address when one can't be bound; those of TokenTable::Read and
  // SigningKey::Read. Then nothing runs.
  static absl::StatusOr<std::unique_ptr<Tracker>> Start(const Options& options);
  virtual ~Tracker() = default;  // Stop with no grace

  virtual uint16_t grpc_port() const = 0;
  virtual uint16_t udp_port() const = 0;   // 0: no such listener
  virtual uint16_t http_port() const = 0;  // 0: no such listener

  // Takes effect for later calls. Ignores the log level, which the program applies.
  virtual void SetLimits(const TrackerLimits& limits) = 0;
  // As Options::reserved, for later registrations.
  virtual void SetReserved(std::shared_ptr<const ReservedNames> reserved) = 0;

  // Reads the tokens file again, even if it looks the same, and logs what came of it. No effect without one.
  virtual void ReloadTokens() = 0;
  // The same for the key of tickets.
  virtual void ReloadTicketKey() = 0;

  // Health becomes NOT_SERVING, watch streams end, and calls in flight have `grace` to finish. Then writes
  // the state file, if there is one. Idempotent; blocks until done.
  virtual void Stop(absl::Duration grace) = 0;
};

}  // namespace shoal::tracker
