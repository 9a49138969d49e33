#include "services/tracker/state/address_verifier.h"

#include <algorithm>
#include <utility>

#include "shoal/base/status_macros.h"
#include "shoal/net/interface_addresses.h"

namespace shoal::tracker {
namespace {

constexpr absl::Duration kFailureWindow = absl::Minutes(1);

// Multicast, broadcast and the like belong to no peer.
bool MayBelongToAPeer(const IpAddress& ip) {
  const uint8_t first = ip.bytes()[ip.is_v4() ? 12 : 0];
  return ip.is_v4() ? first != 0 && first < 224 : first != 0xff;
}

// Whether the tracker sees a peer at `kept` that claims `ip`.
bool Sees(const PeerAddresses& addresses, const IpAddress& kept, const IpAddress& ip) {
  return ip == kept || (net::IsLoopback(kept) && net::IsLoopback(addresses.Kept(ip)));
}

}  // namespace

AddressVerifier::AddressVerifier(const Options& options, Registry* registry, Probe probe,
                                 OnFailure on_failure, const Clock* clock)
    : options_(options),
      registry_(registry),
      probe_(std::move(probe)),
      on_failure_(std::move(on_failure)),
      clock_(clock) {}

absl::StatusOr<tracking::RegisterResponse> AddressVerifier::Register(const Caller& caller,
                                                                     const PeerAddresses& addresses,
                                                                     tracking::RegisterRequest& request) {
  addresses.Complete(caller, &request);
  const IpAddress kept = addresses.Kept(caller.source);
  const auto sees = [&](const Endpoint& endpoint) { return Sees(addresses, kept, endpoint.ip); };
  if (options_.trusts_claims ||
      (sees(request.endpoint) &&
       std::all_of(request.other_endpoints.begin(), request.other_endpoints.end(), sees))) {
    return registry_->Register(request, caller.source);
  }

  Claim claim{request.content.id, caller.source, {}, {request.endpoint}, {}};
  claim.claimed.insert(claim.claimed.end(), request.other_endpoints.begin(), request.other_endpoints.end());
  std::erase_if(claim.claimed, [](const Endpoint& endpoint) { return !MayBelongToAPeer(endpoint.ip); });
  for (const Endpoint& endpoint : claim.claimed) {
    if (sees(endpoint)) {
      claim.seen.push_back(endpoint);
    } else {
      claim.waiting.push_back({endpoint, 0, false, absl::ZeroDuration()});
    }
  }
  std::vector<Endpoint> usable;
  {
    MutexLock lock(&mutex_);
    usable = Usable(request.peer_id, claim, clock_->Uptime());
  }
  const size_t usable_before = usable.size();
  if (usable.empty()) usable.push_back({kept, request.endpoint.port});
  request.endpoint = usable[0];
  request.other_endpoints.assign(usable.begin() + 1, usable.end());
  SHOAL_ASSIGN_OR_RETURN(tracking::RegisterResponse response, registry_->Register(request, caller.source));

  const std::vector<Endpoint> meanwhile = Begin(request.peer_id, std::move(claim));
  if (meanwhile.size() > usable_before) registry_->SetEndpoints(request.peer_id, meanwhile);
  DialDue();
  return response;
}

void AddressVerifier::Advance() {
  DialDue();
  const absl::Duration now = clock_->Uptime();
  MutexLock lock(&mutex_);
  const auto is_over = [&](const auto& entry) { return now - entry.second.since >= kFailureWindow; };
  absl::erase_if(of_target_, is_over);
  absl::erase_if(of_source_, is_over);
  absl::erase_if(of_both_, is_over);
}

uint32_t AddressVerifier::waiting() const {
  MutexLock lock(&mutex_);
  size_t waiting = 0;
  for (const auto& [peer, claim] : claims_) waiting += claim.waiting.size();
  return static_cast<uint32_t>(waiting);
}

bool AddressVerifier::Verified(const PeerId& peer, const Endpoint& endpoint, absl::Duration now) const {
  const auto found = verified_.find(Key{peer, endpoint});
  return found != verified_.end() && found->second > now;
}

std::vector<Endpoint> AddressVerifier::Usable(const PeerId& peer, const Claim& claim,
                                              absl::Duration now) const {
  std::vector<Endpoint> usable;
  for (const Endpoint& endpoint : claim.claimed) {
    if (std::find(claim.seen.begin(), claim.seen.end(), endpoint) != claim.seen.end() ||
        Verified(peer, endpoint, now)) {
      usable.push_back(endpoint);
    }
  }
  return usable;
}

void AddressVerifier::AddVerified(const Key& key, absl::Duration now) {
  if (verified_.size() >= options_.max_remembered) {
    absl::erase_if(verified_, [&](const auto& entry) { return entry.second <= now; });
    if (verified_.size() >= options_.max_remembered) return;  // it will have to answer again
  }
  verified_[key] = now + options_.valid_for;
}

std::vector<Endpoint> AddressVerifier::Begin(const PeerId& peer, Claim claim) {
  const absl::Duration now = clock_->Uptime();
  MutexLock lock(&mutex_);
  std::vector<Endpoint> usable = Usable(peer, claim, now);
  std::erase_if(claim.waiting, [&](const Try& one) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return Verified(peer, one.endpoint, now);
  });
  const auto known = claims_.find(peer);
  if (known != claims_.end()) {
    // What is running or pausing goes on; an address that is no longer claimed is forgotten with its outcome.
    for (Try& one : claim.waiting) {
      for (const Try& before : known->second.waiting) {
        if (before.endpoint == one.endpoint) one = before;
      }
    }
    EndClaim(peer);
  }
  if (claim.waiting.empty() || claims_.size() >= options_.max_claims) return usable;
  uint32_t& of_source = claims_of_source_[claim.source];
  if (of_source >= options_.max_claims_per_source) return usable;
  ++of_source;
  claims_.emplace(peer, std::move(claim));
  return usable;
}

void AddressVerifier::EndClaim(const PeerId& peer) {
  const auto claim = claims_.find(peer);
  const auto of_source = claims_of_source_.find(claim->second.source);
  if (--of_source->second == 0) claims_of_source_.erase(of_source);
  claims_.erase(claim);
}

std::vector<AddressVerifier::Dial> AddressVerifier::Due(absl::Duration now) {
  std::vector<Dial> due;
  for (auto& [peer, claim] : claims_) {
    for (Try& one : claim.waiting) {
      if (running_ >= options_.max_probes) return due;
      if (one.running || one.next > now) continue;
      const IpAddress target = one.endpoint.ip.SourcePrefix();
      const IpAddress source = claim.source.SourcePrefix();
      if (!MayFail(of_target_, target, options_.max_failures_per_target, now)) continue;
      if (!MayFail(of_both_, {source, target}, options_.max_failures_per_target_and_source, now)) continue;
      if (!MayFail(of_source_, source, options_.max_failures_per_source, now)) break;
      one.running = true;
      ++running_;
      due.push_back({{peer, one.endpoint}, claim.content});
    }
  }
  return due;
}

template <typename Of>
bool AddressVerifier::MayFail(const FailureTable<Of>& table, const Of& key, uint32_t most,
                              absl::Duration now) const {
  const auto failures = table.find(key);
  if (failures == table.end()) return table.size() < options_.max_remembered;
  return now - failures->second.since >= kFailureWindow || failures->second.count < most;
}

template <typename Of>
void AddressVerifier::CountFailure(FailureTable<Of>& table, const Of& key, absl::Duration now) {
  Failures& failures = table[key];
  if (failures.count == 0 || now - failures.since >= kFailureWindow) failures = {0, now};
  ++failures.count;
}

void AddressVerifier::DialDue() {
  std::vector<Dial> due;
  {
    MutexLock lock(&mutex_);
    due = Due(clock_->Uptime());
  }
  for (const Dial& dial : due) {
    probe_(dial.key.endpoint, dial.key.peer, dial.content,
           [this, key = dial.key](absl::Status outcome) { Done(key, outcome); });
  }
}

void AddressVerifier::Done(const Key& key, const absl::Status& outcome) {
  const absl::Duration now = clock_->Uptime();
  std::vector<Endpoint> usable;
  std::optional<IpAddress> failed_for;
  {
    MutexLock lock(&mutex_);
    --running_;
    const auto claim = claims_.find(key.peer);
    if (!outcome.ok()) {
      const IpAddress target = key.endpoint.ip.SourcePrefix();
      CountFailure(of_target_, target, now);
      if (claim != claims_.end()) {
        const IpAddress source = claim->second.source.SourcePrefix();
        CountFailure(of_source_, source, now);
        CountFailure(of_both_, {source, target}, now);
      }
    }
    if (claim != claims_.end()) {
      std::vector<Try>& waiting = claim->second.waiting;
      const auto one = std::find_if(waiting.begin(), waiting.end(),
                                    [&](const Try& other) { return other.endpoint == key.endpoint; });
      if (one != waiting.end()) {
        one->running = false;
        if (outcome.ok()) {
          AddVerified(key, now);
          claim->second.seen.push_back(key.endpoint);
          usable = Usable(key.peer, claim->second, now);
        } else {
          one->next = now + options_.first_retry * (1 << one->tries);
          if (++one->tries == 1) failed_for = claim->second.source;
        }
        if (outcome.ok() || one->tries >= options_.max_tries) waiting.erase(one);
        if (waiting.empty()) EndClaim(key.peer);
      }
    }
  }
  if (!usable.empty()) registry_->SetEndpoints(key.peer, usable);
  if (failed_for) on_failure_(key.endpoint, key.peer, *failed_for, outcome);
  DialDue();
}

}  // namespace shoal::tracker
