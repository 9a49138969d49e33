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
#include "shoal/net/rate_limit.h"
#include "shoal/service/grpc/health_endpoint.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/client/tracker_url.h"

namespace shoal::seeder {

// A running seeder: publishes the entries of a folder, announces them to trackers, and serves their chunks.
// It logs for the operator. All methods are thread-safe.
class Seeder {
 public:
  struct Options {
    std::string share;  // the folder
    std::vector<tracking::TrackerUrl> trackers;
    Endpoint listen;                // port 0: the system chooses
    IpAddress advertise;            // unspecified: trackers take the address that they see
    std::string site;               // where it stands, as CheckSite lets it through; empty: nowhere
    uint32_t max_uploads = 256;     // peers that are connected
    uint32_t parallel_uploads = 4;  // of these, who is sent a chunk at a time
    uint64_t limit_up_bytes_per_second = net::RateLimit::kUnlimited;
    absl::Duration settle = absl::Seconds(2);
    std::string state_folder;      // for the hash cache; empty: none
    std::optional<Endpoint> http;  // /healthz, /readyz and /metrics; unset: none
    std::optional<Endpoint> grpc;  // health; unset: none

    std::function<std::unique_ptr<tracking::TrackerClient>(const tracking::TrackerUrl&)>
        connect_tracker;                                  // required
    service::HealthEndpointFactory open_health_endpoint;  // required with `grpc`
    // Notified of every catalog event after the seeder has handled it. Null: none. Must outlive the seeder.
    CatalogListener* observer = nullptr;
  };

  // Serving, and looking through the folder, when it returns. NOT_FOUND, PERMISSION_DENIED: the folder;
  // UNAVAILABLE: an address that can't be bound.
  static absl::StatusOr<std::unique_ptr<Seeder>> Start(Options options);
  virtual ~Seeder() = default;  // Stop()

  virtual uint16_t port() const = 0;
  virtual uint16_t grpc_port() const = 0;  // 0: none
  virtual uint16_t http_port() const = 0;  // 0: none

  // All entries that were in the folder at the start are published, and each tracker was notified of them or
  // is known to be away. Once true it stays true.
  virtual bool ready() const = 0;
  // Blocks until it is ready (true) or stopped (false).
  virtual bool WaitUntilReady() = 0;

  // Leaves the trackers, closes all connections, cancels hashing. Idempotent; blocks until done.
  virtual void Stop() = 0;
};

}  // namespace shoal::seeder
