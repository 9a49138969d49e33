#include "clients/leecher/cli/commands/connecting.h"

#include "shoal/base/status_macros.h"
#include "shoal/net/transport/tls_transport.h"
#include "shoal/tracking/client/tracker_token.h"

namespace shoal::leecher {

absl::StatusOr<Connections> OpenConnections(const std::string& token_file,
                                            const std::vector<tracking::TrackerUrl>& trackers,
                                            std::shared_ptr<net::TlsContext> tls) {
  SHOAL_ASSIGN_OR_RETURN(tracking::MakeClient clients,
                         tracking::TrackerClientsWithToken(token_file, trackers, tls));
  return Connections{std::move(clients), std::move(tls)};
}

void ConnectOver(const Connections& connections, Downloads::Options* downloads) {
  if (connections.tls != nullptr) downloads->runtime.transports = net::TlsTransports(connections.tls);
  downloads->runtime.make_tracker_client = connections.trackers;
}

}  // namespace shoal::leecher
