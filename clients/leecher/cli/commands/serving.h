#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/leecher/cli/commands/arguments.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/interrupts.h"
#include "clients/leecher/session/downloads.h"
#include "clients/leecher/session/json_events.h"
#include "clients/leecher/session/reseeder.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/mutex.h"
#include "shoal/net/tls/tls_context.h"
#include "shoal/service/grpc/health_endpoint.h"
#include "shoal/service/http/http_server.h"

namespace shoal::leecher {

// Serving as `get` and `seed` show it: the options, the messages of trackers, the health service, and the
// loop that waits for the end.

// The messages of a Reseeder's threads, kept until the thread that prints takes them. Thread-safe; must
// outlive the reseeder.
class TrackerMessages {
 public:
  // For Downloads::Serving: a tracker went away or came back.
  std::function<void(const tracking::TrackerUrl&, const absl::Status&)> OnTracker();
  // For Downloads::Serving: a tracker rejects a content.
  std::function<void(const tracking::ContentSummary&, const absl::Status&)> OnRejected();
  // For Downloads::Serving: a content can't be read any more.
  std::function<void(const tracking::ContentSummary&, const absl::Status&)> OnBroken();

  // Prints the messages since the last call: rejections and broken contents as errors, and with
  // `with_reachability` the trackers that went away or came back. While a download runs it shows these
  // itself.
  void Print(Console& console, bool with_reachability);

 private:
  struct Message {
    std::string text;
    bool reachability = false;
  };

  Mutex mutex_;
  std::vector<Message> messages_ ABSL_GUARDED_BY(mutex_);
};

// Returns how to serve with `options`; nothing when they say not to. `messages` receives the answers of
// trackers and must outlive the serving. Errors: those of ResolveHost.
absl::StatusOr<std::optional<Downloads::Serving>> ServingFrom(const ServeOptions& options,
                                                              TrackerMessages& messages);

// Returns the line that says that anyone on other machines may fetch from this process, which serves at
// `listens_at`. Empty if it asks for tickets or certificates, if only this machine reaches it, and for no
// address. `tls`: of its connections; may be null.
std::string WhoMayFetch(const std::optional<Endpoint>& listens_at, const ServeOptions& options,
                        const net::TlsContext* tls);

// Answers grpc.health.v1 with SERVING at `address` while the result lives, so that containers see that the
// process works. Returns null for no address. Errors: those of ResolveListener and OpenHealthEndpoint.
absl::StatusOr<std::unique_ptr<service::HealthEndpoint>> StartHealth(const std::optional<HostPort>& address);

// Serves /metrics, /healthz and /readyz at `address` while the result lives, and tells the port; over HTTPS
// when `tls` is not null. `downloads` must outlive it. Returns null for no address. Errors: those of
// ResolveHost and HttpServer::Start.
absl::StatusOr<std::unique_ptr<service::HttpServer>> StartHttp(const std::optional<HostPort>& address,
                                                               const std::shared_ptr<net::TlsContext>& tls,
                                                               const Downloads& downloads, Console& console);

// Serves and shows it until `duration` has passed or a signal comes. `names`: the contents, for people.
// Returns false if it ended because no content can be read any more.
bool ServeOn(const Reseeder& reseeder, const std::vector<std::string>& names, absl::Duration duration,
             TrackerMessages& messages, Console& console, Interrupts& interrupts);

// "3 peers, 1.20 GiB sent, 12.3 MiB/s, registered with 1 of 2 trackers, 12m left"; `left` unset: no end.
// Pure.
std::string ServingText(const ServingStatus& serving, std::optional<absl::Duration> left);

// "served for 3m07s: 1.20 GiB in 2,400 chunks". Pure.
std::string ServedText(const ServingStatus& serving, absl::Duration took);

}  // namespace shoal::leecher
