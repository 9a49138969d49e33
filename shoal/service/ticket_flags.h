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

// The flags by which a peer is told whom it may serve: holders of a tracker's ticket.

struct TicketFlags {
  bool required = false;
  // Keys as text, and files of keys; each may hold several, separated by commas.
  std::vector<std::string> issuers;
};

// Declares --require-ticket and --ticket-issuer ($SHOAL_REQUIRE_TICKET and so on). `flags` must outlive the
// parsing.
void AddTicketFlags(CLI::App& app, TicketFlags* flags);

// Whose tickets count; nothing when no ticket is required. No keys: those that trackers tell
// (TrackerAccess::tickets); `may_learn` says whether they can: the process has a tracker of its own that it
// reaches over gRPC with TLS. Errors: INVALID_ARGUMENT with the flag when no ticket could ever count; those
// of TrustedKeys::FromWords.
absl::StatusOr<std::optional<TrustedKeys>> LoadTicketIssuers(const TicketFlags& flags, bool may_learn);

// For TicketVerifier::Options::on_learned.
void LogTicketIssuer(const std::string& tracker, const std::optional<PublicKey>& key);

}  // namespace shoal::service
