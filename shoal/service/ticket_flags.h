#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "shoal/content/manifest/publisher_signature.h"
#include "shoal/content/manifest/signing_key.h"

namespace CLI {
class App;
}  // namespace CLI

namespace shoal::service {

// The command-line flags that restrict a chunk server to peers with a ticket.

struct TicketFlags {
  bool required = false;
  // Keys as text, and files of keys; each may hold several, separated by commas.
  std::vector<std::string> issuers;
};

// Declares --require-ticket and --ticket-issuer ($SHOAL_REQUIRE_TICKET and so on). `flags` must outlive the
// parsing.
void AddTicketFlags(CLI::App& app, TicketFlags* flags);

// Returns the issuers whose tickets are accepted; nullopt if no ticket is required. An empty set means that
// the issuers are learned from trackers (TrackerAccess::tickets). `may_learn`: whether that is possible, that
// is, the process has a configured tracker that it reaches over gRPC with TLS. Errors: INVALID_ARGUMENT, with
// the flag, if no ticket could ever be accepted; those of TrustedKeys::FromWords.
absl::StatusOr<std::optional<TrustedKeys>> LoadTicketIssuers(const TicketFlags& flags, bool may_learn);

// For TicketVerifier::Options::on_learned.
void LogTicketIssuer(const std::string& tracker, const std::optional<PublicKey>& key);

}  // namespace shoal::service
