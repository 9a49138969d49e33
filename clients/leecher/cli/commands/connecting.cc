#include "clients/leecher/cli/commands/connecting.h"

#include "shoal/base/error_cause.h"
#include "shoal/base/status_macros.h"
#include "shoal/net/transport/tls_transport.h"
#include "shoal/service/ticket_flags.h"
#include "shoal/tracking/client/tracker_token.h"

namespace shoal::leecher {

absl::StatusOr<Connections> OpenConnections(const std::string& token_file,
                                            const std::vector<tracking::TrackerUrl>& trackers,
                                            std::shared_ptr<net::TlsContext> tls,
                                            const std::optional<TrustedKeys>& ticket_issuers) {
  std::shared_ptr<tracking::TicketVerifier> tickets;
  if (ticket_issuers.has_value()) {
    tickets = std::make_shared<tracking::TicketVerifier>(tracking::TicketVerifier::Options{
        .issuers = *ticket_issuers, .on_learned = service::LogTicketIssuer});
  }
  SHOAL_ASSIGN_OR_RETURN(tracking::MakeClient clients,
                         tracking::TrackerClientsWithToken(token_file, trackers, tls, tickets));
  return Connections{std::move(clients), std::move(tls), std::move(tickets)};
}

absl::StatusOr<TrustedKeys> KeysOfTrust(const std::vector<std::string>& words) {
  absl::StatusOr<TrustedKeys> trusted = TrustedKeys::FromWords(words);
  if (!trusted.ok()) return Annotate("--trust", trusted.status());
  return trusted;
}

void ConnectOver(const Connections& connections, Downloads::Options* downloads) {
  if (connections.tls != nullptr) downloads->runtime.transports = net::TlsTransports(connections.tls);
  if (connections.tickets != nullptr) {
    downloads->runtime.check_ticket = [tickets = connections.tickets](const stream::Hello& theirs,
                                                                      std::optional<absl::string_view> name) {
      return tickets->Check(AsBytes(theirs.ticket), theirs.content_id, name, theirs.peer_id);
    };
  }
  downloads->runtime.make_tracker_client = connections.trackers;
}

}  // namespace shoal::leecher
