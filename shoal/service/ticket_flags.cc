#include "shoal/service/ticket_flags.h"

#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_split.h"
#include "shoal/base/error_cause.h"
#include "shoal/service/log/log.h"

namespace shoal::service {

void AddTicketFlags(CLI::App& app, TicketFlags* flags) {
  app.add_flag("--require-ticket", flags->required,
               "Serve only peers with a ticket of the tracker (one with --ticket-key)")
      ->envname("SHOAL_REQUIRE_TICKET");
  app.add_option(
         "--ticket-issuer", flags->issuers,
         "The public key that tickets are signed with, or a file of such keys; without it the trackers of "
         "--tracker tell it over TLS")
      ->envname("SHOAL_TICKET_ISSUER")
      ->type_name("KEY|FILE[,...]")
      ->expected(1)
      ->take_all();
}

absl::StatusOr<std::optional<TrustedKeys>> LoadTicketIssuers(const TicketFlags& flags, bool may_learn) {
  if (!flags.required) {
    if (flags.issuers.empty()) return std::optional<TrustedKeys>();
    return absl::InvalidArgumentError("--ticket-issuer: has no effect without --require-ticket");
  }
  std::vector<std::string> words;
  for (const std::string& several : flags.issuers) {
    for (const absl::string_view word : absl::StrSplit(several, ',')) words.emplace_back(word);
  }
  if (words.empty() && !may_learn) {
    return absl::InvalidArgumentError(
        "--require-ticket: whose tickets count? Name the tracker's public key with --ticket-issuer (its log "
        "has it), "
        "or reach a tracker of --tracker over gRPC with TLS (--tls-ca), and it tells the key");
  }
  auto issuers = TrustedKeys::FromWords(words);
  if (!issuers.ok()) return Annotate("--ticket-issuer", issuers.status());
  return std::optional<TrustedKeys>(*std::move(issuers));
}

void LogTicketIssuer(const std::string& tracker, const std::optional<PublicKey>& key) {
  if (key.has_value()) {
    LogInfo("tickets of this tracker count", {{"tracker", tracker}, {"key", key->ToText()}});
  } else {
    LogError("this tracker issues no tickets (--ticket-key), so nobody is served whom it sends",
             {{"tracker", tracker}});
  }
}

}  // namespace shoal::service
