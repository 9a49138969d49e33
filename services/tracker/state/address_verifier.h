#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/tracker/registry/registry.h"
#include "services/tracker/state/peer_addresses.h"
#include "shoal/base/clock.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracker {

// Registers peers, and keeps them from sending others to a victim: an address is handed out only if the
// tracker sees the peer at it, or if the peer answers there. Any other address that a registration claims (a
// second interface, a mapped port's outer address) is dialled once by the tracker itself, and added to the
// peer's leases when the process behind it is that peer. Until then others get the address at which the
// tracker sees the peer.
//
// An address that does not answer is dialled again up to max_tries times, with exponential backoff. Failures
// are rate-limited per dialled address (a /64 of IPv6), regardless of which peer claims it, and per source of
// the claims, so that a peer can't use the tracker as a port scanner. The claims that one source may have
// open are bounded, and so are all tables.
//
// It is not responsible for the port: a peer may claim any port of the address at which it is seen. Nor does
// it decide whether a caller may register at all.
//
// Thread safety: thread-safe. Registrations without a claimed address take no lock here.
class AddressVerifier {
 public:
  // Connects to `endpoint`, and calls `done` once with OK if the process there is `peer` and serves
  // `content`: on any thread, but not during the call.
  using Probe = std::function<void(const Endpoint& endpoint, const PeerId& peer, const ContentId& content,
                                   std::function<void(absl::Status)> done)>;
  // An address did not answer for the first time: for the log.
  using OnFailure = std::function<void(const Endpoint& endpoint, const PeerId& peer, const IpAddress& source,
                                       const absl::Status& why)>;

  struct Options {
    bool trusts_claims = false;  // hands out every address, and dials none
    absl::Duration valid_for = absl::Hours(1);
    absl::Duration first_retry = absl::Seconds(5);  // doubles with each
    uint32_t max_tries = 6;
    uint32_t max_probes = 32;               // at the same time
    uint32_t max_failures_per_target = 32;  // a minute
    // A minute, of the claims of one source: so that no stranger keeps a peer's own address from being tried.
    uint32_t max_failures_per_target_and_source = 4;
    uint32_t max_failures_per_source = 32;  // a minute
    uint32_t max_claims = 4096;             // peers with addresses that wait
    uint32_t max_claims_per_source = 64;
    uint32_t max_remembered = 65'536;  // addresses that answered; and networks with failures
  };

  // Requires: `registry` and `clock` outlive this, and `probe` makes no call back after this was destroyed.
  AddressVerifier(const Options& options, Registry* registry, Probe probe, OnFailure on_failure,
                  const Clock* clock);

  // Completes the addresses of `request` (PeerAddresses::Complete), and registers the peer under those that
  // may be handed out. Errors: those of Registry::Register.
  absl::StatusOr<tracking::RegisterResponse> Register(const Caller& caller, const PeerAddresses& addresses,
                                                      tracking::RegisterRequest& request);

  // Dials again what is due. To be called about every second.
  void Advance();

  // The addresses that wait for an answer, those whose pause lasts included.
  uint32_t waiting() const;

 private:
  struct Key {
    PeerId peer;
    Endpoint endpoint;
    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& key) {
      return H::combine(std::move(h), key.peer, key.endpoint.ip, key.endpoint.port);
    }
  };
  struct Try {
    Endpoint endpoint;
    uint32_t tries = 0;
    bool running = false;
    absl::Duration next;  // uptime; meaningful while not running
  };
  // A peer with addresses that wait.
  struct Claim {
    ContentId content;  // one that it serves
    IpAddress source;
    std::vector<Endpoint> seen;     // addresses that need no answer
    std::vector<Endpoint> claimed;  // all of its registration, in its order
    std::vector<Try> waiting;
  };
  struct Failures {
    uint32_t count = 0;
    absl::Duration since;  // uptime
  };
  template <typename Of>
  using FailureTable = absl::flat_hash_map<Of, Failures>;
  using SourceAndTarget = std::pair<IpAddress, IpAddress>;  // prefixes
  struct Dial {
    Key key;
    ContentId content;
  };

  bool Verified(const PeerId& peer, const Endpoint& endpoint, absl::Duration now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The addresses of the claim that may be handed out.
  std::vector<Endpoint> Usable(const PeerId& peer, const Claim& claim, absl::Duration now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddVerified(const Key& key, absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Notes the claim of a registration that has succeeded. Returns: the addresses that were verified meanwhile
  // and are missing in the lease, with all others of it; empty when none are.
  std::vector<Endpoint> Begin(const PeerId& peer, Claim claim);
  void EndClaim(const PeerId& peer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What may be dialled now; counts it as running.
  std::vector<Dial> Due(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether there were fewer than `most` failures of late.
  template <typename Of>
  bool MayFail(const FailureTable<Of>& table, const Of& key, uint32_t most, absl::Duration now) const;
  template <typename Of>
  static void CountFailure(FailureTable<Of>& table, const Of& key, absl::Duration now);
  void DialDue();
  void Done(const Key& key, const absl::Status& outcome);

  const Options options_;
  Registry* const registry_;
  const Probe probe_;
  const OnFailure on_failure_;
  const Clock* const clock_;

  mutable Mutex mutex_;
  absl::flat_hash_map<Key, absl::Duration> verified_ ABSL_GUARDED_BY(mutex_);  // until this uptime
  absl::flat_hash_map<PeerId, Claim> claims_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<IpAddress, uint32_t> claims_of_source_ ABSL_GUARDED_BY(mutex_);
  FailureTable<IpAddress> of_target_ ABSL_GUARDED_BY(mutex_);  // by prefix, as the next one
  FailureTable<IpAddress> of_source_ ABSL_GUARDED_BY(mutex_);
  FailureTable<SourceAndTarget> of_both_ ABSL_GUARDED_BY(mutex_);
  uint32_t running_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace shoal::tracker
