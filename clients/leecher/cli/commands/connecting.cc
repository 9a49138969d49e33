#include "clients/leecher/cli/commands/connecting.h"

#include <utility>

#include "shoal/net/transport/tls_transport.h"
#include "shoal/tracking/client/tracker_client.h"

namespace shoal::leecher {

void ConnectOver(std::shared_ptr<net::TlsContext> tls, DownloadRuntime::Options* runtime) {
  if (tls != nullptr) runtime->transports = net::TlsTransports(tls);
  runtime->make_tracker_client = tracking::TrackerClientsOver(std::move(tls));
}

}  // namespace shoal::leecher
