#include "shoal/tracking/tickets/ticket_verifier.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace shoal::tracking {
namespace {

absl::Status Denied(absl::string_view why) {
  return absl::PermissionDeniedError(why);
}

}  // namespace

void TicketVerifier::Learn(const std::string& tracker, const std::optional<PublicKey>& key) {
  if (!options_.issuers.empty()) return;
  {
    MutexLock lock(&mutex_);
    const auto [known, is_new] = learned_.try_emplace(tracker, key);
    if (!is_new && std::exchange(known->second, key) == key) return;
  }
  if (options_.on_learned != nullptr) options_.on_learned(tracker, key);
}

bool TicketVerifier::HasIssuers() const {
  if (!options_.issuers.empty()) return true;
  MutexLock lock(&mutex_);
  return std::any_of(learned_.begin(), learned_.end(),
                     [](const auto& learned) { return learned.second.has_value(); });
}

bool TicketVerifier::Counts(const PublicKey& issuer) const {
  if (!options_.issuers.empty()) return options_.issuers.keys().contains(issuer);
  MutexLock lock(&mutex_);
  return std::any_of(learned_.begin(), learned_.end(),
                     [&](const auto& learned) { return learned.second == issuer; });
}

absl::Status TicketVerifier::CheckFields(const Ticket& ticket, const ContentId& content,
                                         std::optional<absl::string_view> name, const PeerId& peer) const {
  if (ticket.content != content) return Denied("the ticket is for another content");
  if (name.has_value() && ticket.name_digest != Ticket::NameDigest(*name))
    return Denied("the ticket is for the content under a name that it does not have");
  if (ticket.peer != peer) return Denied("the ticket is for another peer");
  const absl::Duration past = options_.clock->Now() - ticket.expiry;
  if (past >= kClockAllowance) {
    return Denied(absl::StrCat("the ticket expired ",
                               absl::FormatDuration(absl::Floor(past, absl::Seconds(1))),
                               " ago: a lookup at the tracker brings a new one, if both clocks are right"));
  }
  return absl::OkStatus();
}

absl::Status TicketVerifier::Check(ByteView tickets, const ContentId& content,
                                   std::optional<absl::string_view> name, const PeerId& peer) const {
  if (tickets.empty()) {
    return Denied(
        "a ticket of its tracker is missing: look the content up there over gRPC, with a token if it asks "
        "for one "
        "(--tracker, --tracker-token-file)");
  }
  if (tickets.size() % Ticket::kEncodedBytes != 0 || tickets.size() / Ticket::kEncodedBytes > kMaxTickets) {
    return Denied("what was shown is no ticket that this peer can read");
  }
  if (!HasIssuers()) {
    return absl::UnavailableError(
        "it does not know the key of its tracker's tickets yet: does the tracker issue any (--ticket-key)?");
  }
  absl::Status why = Denied("what was shown is no ticket that this peer can read");
  for (; !tickets.empty(); tickets = tickets.subspan(Ticket::kEncodedBytes)) {
    const absl::StatusOr<Ticket> ticket = Ticket::Decode(tickets.first(Ticket::kEncodedBytes));
    if (!ticket.ok()) continue;
    if (!Counts(ticket->issuer)) {
      why = Denied(absl::StrCat("the ticket is of another tracker (", ticket->issuer.ToText(), ")"));
      continue;
    }
    why = CheckFields(*ticket, content, name, peer);
    if (!why.ok()) continue;
    return ticket->Verifies() ? absl::OkStatus() : Denied("the signature of the ticket is wrong");
  }
  return why;
}

}  // namespace shoal::tracking
