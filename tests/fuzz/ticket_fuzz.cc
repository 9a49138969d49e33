#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "shoal/tracking/tickets/ticket.h"
#include "shoal/tracking/tickets/ticket_verifier.h"

// Tickets, as a peer shows them. What decodes encodes to the same bytes, and only what the key signed is
// accepted. The corpus has tickets of that key, for the content of ones, called "name", and the peer of twos.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using shoal::tracking::Ticket;
  using shoal::tracking::TicketVerifier;
  static const shoal::SigningKey key = *shoal::SigningKey::FromSeed(shoal::AsBytes(std::string(32, 'k')));
  static const auto content = *shoal::ContentId::FromBytes(std::string(32, 1));
  static const auto peer = *shoal::PeerId::FromBytes(std::string(16, 2));
  static const TicketVerifier* const verifier = [] {
    TicketVerifier::Options options;
    if (!options.issuers.Add(key.public_key()).ok()) std::abort();
    return new TicketVerifier(std::move(options));
  }();

  const shoal::ByteView bytes(data, size);
  const std::string text(data, data + size);
  if (const auto ticket = Ticket::Decode(bytes); ticket.ok() && ticket->Encode() != text) std::abort();
  if (!verifier->Check(bytes, content, "name", peer).ok()) return 0;
  for (size_t at = 0; at < size; at += Ticket::kEncodedBytes) {
    const auto ticket = Ticket::Decode(bytes.subspan(at, Ticket::kEncodedBytes));
    // Ed25519 gives one signature of a message.
    if (ticket.ok() && *ticket == Ticket::Make(key, content, "name", peer, ticket->expiry)) return 0;
  }
  std::abort();
}
