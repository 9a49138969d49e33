#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/leecher/session/downloads.h"
#include "shoal/net/tls/tls_context.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/client/tracker_url.h"

namespace shoal::leecher {

// How a command reaches trackers and peers.
struct Connections {
  tracking::MakeClient trackers;
  std::shared_ptr<net::TlsContext> tls;  // null: without TLS
};

// `token_file`: of --tracker-token-file; empty: none. Errors: those of TrackerClientsWithToken.
absl::StatusOr<Connections> OpenConnections(const std::string& token_file,
                                            const std::vector<tracking::TrackerUrl>& trackers,
                                            std::shared_ptr<net::TlsContext> tls);

// Sets how downloads connect to trackers and peers, and serve.
void ConnectOver(const Connections& connections, Downloads::Options* downloads);

}  // namespace shoal::leecher
