#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/leecher/download/download_runtime.h"
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

// Sets how a process connects to trackers and peers, and serves.
void ConnectOver(const Connections& connections, DownloadRuntime::Options* runtime);

}  // namespace shoal::leecher
