#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/leecher/session/downloads.h"
#include "shoal/content/manifest/publisher_signature.h"
#include "shoal/net/tls/tls_context.h"
#include "shoal/tracking/client/tracker_client.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/tickets/ticket_verifier.h"

namespace shoal::leecher {

// How a command reaches trackers and peers.
struct Connections {
  tracking::MakeClient trackers;
  std::shared_ptr<net::TlsContext> tls;               // null: without TLS
  std::shared_ptr<tracking::TicketVerifier> tickets;  // null: everybody is served
};

// `token_file`: of --tracker-token-file; empty: none. `ticket_issuers`: as in ServeOptions. Errors: those of
// TrackerClientsWithToken.
absl::StatusOr<Connections> OpenConnections(const std::string& token_file,
                                            const std::vector<tracking::TrackerUrl>& trackers,
                                            std::shared_ptr<net::TlsContext> tls,
                                            const std::optional<TrustedKeys>& ticket_issuers = std::nullopt);

// The keys that --trust names. Errors: those of TrustedKeys::FromWords; they name the flag.
absl::StatusOr<TrustedKeys> KeysOfTrust(const std::vector<std::string>& words);

// Sets how downloads connect to trackers and peers, and serve.
void ConnectOver(const Connections& connections, Downloads::Options* downloads);

}  // namespace shoal::leecher
