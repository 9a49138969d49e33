#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/publisher_signature.h"
#include "shoal/content/manifest/signing_key.h"
#include "shoal/tracking/tickets/ticket.h"

namespace shoal::tracking {

// Decides whether a peer may fetch from this process: it must present a valid ticket, from a trusted issuer,
// for the content. The trusted issuers are the keys in Options::issuers. If there are none, they are the keys
// that trackers sent over TLS (TrackerAccess::tickets).
//
// It does not know who asked for which chunk: a session checks once, when it begins.
//
// Thread safety: thread-safe.
class TicketVerifier {
 public:
  // An expired ticket still counts for this long, for clocks that differ.
  static constexpr absl::Duration kClockAllowance = absl::Minutes(1);
  // How many tickets a peer may show, one for each tracker that named this process to it.
  static constexpr size_t kMaxTickets = 20;

  struct Options {
    TrustedKeys issuers = {};             // none: those that Learn brings
    const Clock* clock = &Clock::Real();  // must outlive the verifier
    // A tracker told a key, another one than before, or that it has none (nullopt). Called by Learn. May be
    // null.
    std::function<void(const std::string& tracker, const std::optional<PublicKey>& key)> on_learned = nullptr;
  };

  explicit TicketVerifier(Options options) : options_(std::move(options)) {}

  // A tracker says that it signs with `key`, or that it issues no tickets. It replaces what the tracker said
  // before. No effect when the operator named the issuers. Requires: the tracker is who it claims to be.
  void Learn(const std::string& tracker, const std::optional<PublicKey>& key);

  // Whether `tickets` (up to kMaxTickets encoded ones, one behind the other) has one that lets `peer` fetch
  // `content`, whose name is `name`, now. Nullopt: the name is not known, and not compared. Verifies one
  // signature at the most. Errors: PERMISSION_DENIED, for the peer's user: what is missing, and where to get
  // it; UNAVAILABLE when no issuer is known yet.
  absl::Status Check(ByteView tickets, const ContentId& content, std::optional<absl::string_view> name,
                     const PeerId& peer) const;

 private:
  bool Counts(const PublicKey& issuer) const;
  bool HasIssuers() const;
  // All but the signature.
  absl::Status CheckFields(const Ticket& ticket, const ContentId& content,
                           std::optional<absl::string_view> name, const PeerId& peer) const;

  const Options options_;
  mutable Mutex mutex_;
  std::map<std::string, std::optional<PublicKey>> learned_ ABSL_GUARDED_BY(mutex_);  // by tracker
};

}  // namespace shoal::tracking
