#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/seeder/catalog.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/signing_key.h"
#include "shoal/net/rate_limit.h"
#include "shoal/net/tls/tls_context.h"
#include "shoal/service/grpc/health_endpoint.h"
#include "shoal/stream/upload/upload_turns.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/tickets/ticket_verifier.h"

namespace shoal::seeder {

// A running seeder: publishes the entries of a folder, announces them to trackers, and serves their chunks.
// It logs for the operator.
//
// Not responsible for: flags and signals (main.cc).
// Thread safety: all methods are thread-safe.
class Seeder {
 public:
  struct Options {
    std::string share;  // the folder
    std::vector<tracking::TrackerUrl> trackers;
    Endpoint listen;                     // port 0: the system chooses
    std::vector<Endpoint> advertise;     // see tracking::ChooseAdvertised; port 0: that of `listen`
    std::string site;                    // must satisfy CheckSite; empty: none
    std::optional<SigningKey> sign_key;  // signs what is published; none: it is not signed
    uint32_t max_uploads = 256;          // connected peers
    uint32_t parallel_uploads = stream::kParallelUploads;  // connected peers that are sent a chunk at a time
    uint64_t limit_up_bytes_per_second = net::RateLimit::kUnlimited;
    absl::Duration settle = absl::Seconds(2);
    absl::Duration patience = absl::Seconds(30);  // see SharedFolder
    absl::Duration rescan = absl::Seconds(60);    // see SharedFolder
    LinkPolicy links = LinkPolicy::kKeepInside;   // of the links in folders
    std::string state_folder;                     // for the hash cache; empty: none
    std::string version;                          // for /metrics and the page
    std::optional<Endpoint> http;                 // the page, health and metrics; unset: none
    std::optional<Endpoint> grpc;                 // health; unset: none
    // Of the chunk stream and HTTP; has a certificate and authorities. Null: without TLS.
    std::shared_ptr<net::TlsContext> tls;
    // Whom it serves: holders of tickets. Null: everybody.
    std::shared_ptr<tracking::TicketVerifier> tickets;

    std::function<std::unique_ptr<tracking::TrackerClient>(const tracking::TrackerUrl&)>
        connect_tracker;                                  // required
    service::HealthEndpointFactory open_health_endpoint;  // required with `grpc`
    // Receives every catalog event after the seeder has handled it. Null: none. Must outlive the seeder.
    CatalogListener* observer = nullptr;
  };

  // Returns: a seeder that serves and has begun its first scan.
  // Errors: NOT_FOUND, PERMISSION_DENIED: the folder can't be listed; UNAVAILABLE: an address can't be bound.
  static absl::StatusOr<std::unique_ptr<Seeder>> Start(Options options);
  virtual ~Seeder() = default;  // Stop()

  virtual uint16_t port() const = 0;
  virtual uint16_t grpc_port() const = 0;  // 0: none
  virtual uint16_t http_port() const = 0;  // 0: none

  // Returns: true once all entries that were in the folder at the start are published and each tracker has
  // registered them or is known to be away. It stays true.
  virtual bool ready() const = 0;
  // Waits until the seeder is ready (true) or stopped (false).
  virtual bool WaitUntilReady() = 0;

  // Leaves the trackers, closes all connections, cancels hashing. Idempotent; returns when all is done.
  virtual void Stop() = 0;
};

}  // namespace shoal::seeder
