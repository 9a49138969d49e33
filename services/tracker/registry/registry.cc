#include "services/tracker/registry/registry.h"

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/peer_identity.h"
#include "shoal/tracking/messages/warm_up.h"

namespace shoal::tracker {
namespace {

constexpr size_t kMaxContentsPerName = 20;  // in one response
constexpr uint32_t kScanStep = 512;

// Requests that act on leases prove that the peer id is the caller's.
template <typename Request>
absl::Status CheckOwner(const Request& request) {
  if (request.peer_secret.is_zero()) {
    return absl::InvalidArgumentError(
        "peer_secret: is missing: without it anyone could act as this peer; the program that sends this "
        "needs "
        "to be updated");
  }
  if (PeerIdOf(request.peer_secret) != request.peer_id) {
    return absl::PermissionDeniedError(
        "peer_secret: is not that of peer_id: only the process that made a lease may act on it");
  }
  return absl::OkStatus();
}

absl::Status CheckRegister(const tracking::RegisterRequest& request) {
  if (request.peer_id.is_zero()) return absl::InvalidArgumentError("peer_id: is missing");
  if (request.content.id.is_zero()) return absl::InvalidArgumentError("content.content_id: is missing");
  if (request.content.name.empty()) return absl::InvalidArgumentError("content.name: is missing");
  if (request.endpoint.port == 0) return absl::InvalidArgumentError("endpoint.port: is missing");
  if (request.endpoint.ip.is_unspecified()) {
    return absl::InvalidArgumentError("endpoint.ip: is unspecified, and no peer can connect to it");
  }
  if (request.held.size() != request.content.chunk_count) {
    return absl::InvalidArgumentError(absl::StrCat(
        "held.size: is ", request.held.size(), ", but content.chunk_count is ", request.content.chunk_count));
  }
  return absl::OkStatus();
}

// "NAME/HEX-ID": a name has no slash, so it needs no escape.
std::string PageToken(const NameIndex::Entry& last) {
  return absl::StrCat(last.name, "/", last.id.ToHex());
}

absl::StatusOr<NameIndex::Entry> ParsePageToken(const std::string& token) {
  const size_t slash = token.rfind('/');
  if (slash != std::string::npos) {
    const auto id = ContentId::FromHex(token.substr(slash + 1));
    if (id.ok()) return NameIndex::Entry{token.substr(0, slash), *id};
  }
  return absl::InvalidArgumentError("page_token: is none that this tracker gave");
}

// Requires: the key is no name.
absl::StatusOr<ContentId> IdIn(const tracking::ContentKey& key) {
  if (const auto* id = std::get_if<ContentId>(&key)) return *id;
  return absl::InvalidArgumentError("content: peers of BitTorrent are found over BEP 15");
}

RateLimiter::Rates NewContentRates(const RegistryLimits& limits) {
  RateLimiter::Rates rates;
  rates.per_source_per_second = limits.new_contents_per_second;
  rates.per_source_burst = limits.new_contents_burst;
  return rates;
}

bool HasPeers(const tracking::ContentStatus& content) {
  return content.seeders + content.leechers > 0;
}

// Ignores the case of ASCII letters.
bool ContainsIgnoringCase(absl::string_view text, absl::string_view wanted) {
  return std::search(text.begin(), text.end(), wanted.begin(), wanted.end(),
                     [](char a, char b) {
                       return absl::ascii_tolower(static_cast<unsigned char>(a)) ==
                              absl::ascii_tolower(static_cast<unsigned char>(b));
                     }) != text.end() ||
         wanted.empty();
}

}  // namespace

Registry::Registry(const Options& options, const Clock* clock)
    : options_(options),
      clock_(clock),
      started_(clock->Now() - clock->Uptime()),
      began_(clock->Uptime()),
      lease_ids_(options.lease_key),
      usage_(options.limits),
      names_(options.limits.max_contents_per_name),
      new_contents_(NewContentRates(options.limits), options.seed) {
  RandomSource seeds(options.seed);
  for (uint32_t number = 0; number < std::clamp(options.shards, 1u, LeaseIds::kMaxShards); ++number) {
    RegistryShard::Options shard;
    shard.number = number;
    shard.lease_ticks = static_cast<uint64_t>(absl::ToInt64Milliseconds(options.lease));
    shard.forget_ticks = static_cast<uint64_t>(absl::ToInt64Milliseconds(options.forget_after));
    shard.limits = options.limits;
    shard.seed = seeds.Next();
    shard.observer = options.observer;
    shard.new_contents = &new_contents_;
    shards_.push_back(std::make_unique<RegistryShard>(shard, Tick(), &lease_ids_, &usage_, &names_, &sites_));
  }
}

absl::StatusOr<tracking::RegisterResponse> Registry::Register(const tracking::RegisterRequest& request,
                                                              const IpAddress& source) {
  SHOAL_RETURN_IF_ERROR(CheckRegister(request));
  SHOAL_RETURN_IF_ERROR(CheckOwner(request));
  SHOAL_RETURN_IF_ERROR(CheckSignature(request));
  // First, so that at no time the name refers to two contents of this peer.
  const std::vector<ContentId> ended = EndOtherPublications(request);
  auto result = ShardOf(request.content.id).Register(request, source, Tick(), clock_->Now());
  if (!result.ok()) {
    for (const ContentId& id : ended) ShardOf(id).SetPublishes(request.peer_id, id, true, Tick());
    return result.status();
  }
  RegistryShard::Registered& registered = *result;
  return tracking::RegisterResponse{registered.lease_id, options_.lease, heartbeat_interval(),
                                    std::move(registered.peers)};
}

absl::StatusOr<tracking::HeartbeatResponse> Registry::Heartbeat(const tracking::HeartbeatRequest& request,
                                                                const IpAddress& source) {
  SHOAL_RETURN_IF_ERROR(CheckOwner(request));
  if (request.leases.size() > tracking::kMaxLeasesPerHeartbeat) {
    return absl::InvalidArgumentError(
        absl::StrCat("leases: ", request.leases.size(), " are more than ", tracking::kMaxLeasesPerHeartbeat));
  }
  const uint64_t now = Tick();
  tracking::HeartbeatResponse response{options_.lease, heartbeat_interval(), {}};
  absl::Status first_error;
  // Opens the next id early, so that its arithmetic overlaps with the cache misses of this beat.
  LeaseIds::Parts next =
      request.leases.empty() ? LeaseIds::Parts() : lease_ids_.Open(request.leases[0].lease_id);
  for (size_t i = 0; i < request.leases.size(); ++i) {
    const tracking::LeaseBeat& beat = request.leases[i];
    const LeaseIds::Parts lease = next;
    if (i + 1 < request.leases.size()) next = lease_ids_.Open(request.leases[i + 1].lease_id);
    RegistryShard* const shard = ShardOf(lease);
    const absl::Status beaten = shard != nullptr ? shard->Beat(request.peer_id, lease, beat, now)
                                                 : absl::NotFoundError("register again");
    if (absl::IsNotFound(beaten)) {
      response.register_again.push_back(beat.lease_id);
    } else if (!beaten.ok()) {
      // The other leases are renewed all the same.
      first_error.Update(beaten);
    }
  }
  for (const tracking::PeerReport& report : request.reports) {
    const LeaseIds::Parts lease = lease_ids_.Open(report.lease_id);
    RegistryShard* const shard = ShardOf(lease);
    if (shard != nullptr) shard->Report(request.peer_id, source, lease, report, now);
  }
  if (!first_error.ok()) return first_error;
  return response;
}

absl::StatusOr<tracking::LookupResponse> Registry::Lookup(const tracking::LookupRequest& request) {
  tracking::LookupResponse response;
  ContentId id;
  response.warming_up = warming_up();
  if (const auto* name = std::get_if<std::string>(&request.content)) {
    response.contents = WithName(*name);
    if (response.contents.empty()) return NotFound(absl::StrCat("content of the name \"", *name, "\""));
    if (response.contents.size() > kMaxContentsPerName) response.contents.resize(kMaxContentsPerName);
    if (response.contents.size() > 1) return response;
    id = response.contents[0].summary.id;
  } else {
    SHOAL_ASSIGN_OR_RETURN(id, IdIn(request.content));
  }
  const uint32_t max_peers = request.max_peers == 0 ? tracking::kDefaultPeersPerResponse : request.max_peers;
  auto found = ShardOf(id).Lookup(id, request.exclude, max_peers, sites_.Find(request.site), Tick());
  if (!found.ok()) return NotFound(absl::StrCat("content ", id.ToHex()));
  response.contents = {std::move(found->content)};
  response.peers = std::move(found->peers);
  return response;
}

absl::StatusOr<tracking::ListContentsResponse> Registry::ListContents(
    const tracking::ListContentsRequest& request) {
  std::optional<NameIndex::Entry> after;
  if (!request.page_token.empty()) {
    SHOAL_ASSIGN_OR_RETURN(after, ParsePageToken(request.page_token));
  }
  const uint32_t page_size = PageSize(request);
  tracking::ListContentsResponse response;
  response.warming_up = warming_up();
  for (uint32_t scanned = 0; scanned < kMaxScannedPerPage; scanned += kScanStep) {
    const std::vector<NameIndex::Entry> entries = names_.Page(after, kScanStep);
    for (const NameIndex::Entry& entry : entries) {
      if (response.contents.size() == page_size) {
        response.next_page_token = PageToken(*after);
        return response;
      }
      after = entry;
      if (!ContainsIgnoringCase(entry.name, request.name_contains)) continue;
      if (request.id_prefix.has_value() && !request.id_prefix->Matches(entry.id)) continue;
      auto found = ShardOf(entry.id).Lookup(entry.id, std::nullopt, 0, kNoSite, Tick());
      if (found.ok() && HasPeers(found->content)) response.contents.push_back(std::move(found->content));
    }
    if (entries.size() < kScanStep) return response;
  }
  response.next_page_token = PageToken(*after);
  return response;
}

absl::StatusOr<tracking::GetSwarmResponse> Registry::GetSwarm(const tracking::ContentKey& key) {
  ContentId id;
  if (const auto* name = std::get_if<std::string>(&key)) {
    const std::vector<tracking::ContentStatus> contents = WithName(*name);
    if (contents.empty()) return NotFound(absl::StrCat("content of the name \"", *name, "\""));
    if (contents.size() > 1) {
      const auto shown =
          contents.begin() + static_cast<ptrdiff_t>(std::min(contents.size(), kMaxContentsPerName));
      return absl::FailedPreconditionError(absl::StrCat(
          contents.size(), " contents are published under the name \"", *name, "\", ask by content_hex: ",
          absl::StrJoin(contents.begin(), shown, ", ",
                        [](std::string* out, const tracking::ContentStatus& content) {
                          absl::StrAppend(out, content.summary.id.ToHex());
                        })));
    }
    id = contents[0].summary.id;
  } else {
    SHOAL_ASSIGN_OR_RETURN(id, IdIn(key));
  }
  auto swarm = ShardOf(id).GetSwarm(id, Tick(), started_);
  return swarm.ok() ? std::move(swarm) : NotFound(absl::StrCat("content ", id.ToHex()));
}

absl::StatusOr<tracking::LeaveResponse> Registry::Leave(const tracking::LeaveRequest& request) {
  SHOAL_RETURN_IF_ERROR(CheckOwner(request));
  const uint64_t now = Tick();
  tracking::LeaveResponse response;
  if (request.lease_ids.empty()) {
    for (const auto& shard : shards_) response.ended += shard->LeaveAll(request.peer_id, now);
  }
  for (const tracking::LeaseId id : request.lease_ids) {
    const LeaseIds::Parts lease = lease_ids_.Open(id);
    RegistryShard* const shard = ShardOf(lease);
    if (shard != nullptr && shard->Leave(request.peer_id, lease, now)) ++response.ended;
  }
  return response;
}

void Registry::SetEndpoints(const PeerId& peer, const std::vector<Endpoint>& endpoints) {
  const uint64_t now = Tick();
  for (const auto& shard : shards_) shard->SetEndpoints(peer, endpoints, now);
}

absl::Status Registry::Watch(const ContentId& content, const std::shared_ptr<SwarmWatcher>& watcher) {
  return ShardOf(content).Watch(content, watcher, Tick());
}

void Registry::Unwatch(const ContentId& content, const SwarmWatcher* watcher) {
  ShardOf(content).Unwatch(content, watcher);
}

void Registry::Export(RegistrySink* sink) const {
  for (const auto& shard : shards_) shard->Export(sink);
}

absl::Status Registry::RestoreLease(const tracking::RegisterRequest& request, absl::Time first_seen,
                                    absl::Time published, const std::vector<PublisherSignature>& signatures) {
  SHOAL_RETURN_IF_ERROR(CheckRegister(request));
  RegistryShard& shard = ShardOf(request.content.id);
  SHOAL_ASSIGN_OR_RETURN(const auto registered, shard.Register(request, IpAddress(), Tick(), first_seen));
  shard.ShortenLease(request.peer_id, lease_ids_.Open(registered.lease_id),
                     static_cast<uint64_t>(absl::ToInt64Milliseconds(2 * heartbeat_interval())));
  shard.RestorePublished(request.content.id, published, signatures);
  return absl::OkStatus();
}

absl::Duration Registry::warming_up() const {
  if (warm_.load(std::memory_order_relaxed)) return absl::ZeroDuration();
  return std::max(absl::ZeroDuration(), options_.lease - (clock_->Uptime() - began_));
}

void Registry::SetLimits(const RegistryLimits& limits) {
  usage_.SetLimits(limits);
  new_contents_.SetRates(NewContentRates(limits));
}

void Registry::Advance() {
  for (const auto& shard : shards_) {
    while (!shard->Advance(Tick())) {
    }
  }
}

absl::Duration Registry::advance_interval() const {
  return std::clamp(options_.lease / 256, absl::Milliseconds(10), absl::Seconds(1));
}

Registry::Stats Registry::stats() const {
  Stats stats;
  for (const auto& shard : shards_) {
    const ShardTables::Counts counts = shard->counts();
    stats.contents += counts.contents;
    stats.complete_peers += counts.complete;
    stats.partial_peers += counts.partial;
  }
  stats.known_contents = usage_.contents.count();
  stats.chunk_set_bytes = usage_.chunk_set_bytes.count();
  stats.watchers = usage_.watchers.count();
  stats.lapsed_leases = usage_.lapsed.load(std::memory_order_relaxed);
  stats.left_leases = usage_.left.load(std::memory_order_relaxed);
  return stats;
}

uint64_t Registry::Tick() const {
  return static_cast<uint64_t>(absl::ToInt64Milliseconds(clock_->Uptime()));
}

RegistryShard& Registry::ShardOf(const ContentId& content) const {
  // A content id is a hash: its bytes are uniformly distributed.
  return *shards_[LoadBig<uint32_t>(content.bytes().data()) % shards_.size()];
}

std::vector<tracking::ContentStatus> Registry::WithName(const std::string& name) const {
  std::vector<tracking::ContentStatus> published;
  std::vector<tracking::ContentStatus> held;
  const std::shared_ptr<const ReservedNames> reserved = Reserved();
  for (const ContentId& id : names_.WithName(name)) {
    auto found = ShardOf(id).Lookup(id, std::nullopt, 0, kNoSite, Tick());
    if (!found.ok() || !HasPeers(found->content)) continue;
    // It was registered before the name was reserved.
    if (reserved != nullptr && !IsOfItsOwner(*reserved, found->content)) continue;
    (found->content.publishers > 0 ? published : held).push_back(std::move(found->content));
  }
  const bool is_published = !published.empty();
  std::vector<tracking::ContentStatus>& contents = is_published ? published : held;
  std::sort(contents.begin(), contents.end(),
            [](const tracking::ContentStatus& a, const tracking::ContentStatus& b) {
              const absl::Time a_time = std::max(a.first_seen, a.published);
              const absl::Time b_time = std::max(b.first_seen, b.published);
              return std::tie(b_time, a.summary.id) < std::tie(a_time, b.summary.id);
            });
  if (!is_published && contents.size() > 1) contents.resize(1);
  return std::move(contents);
}

absl::Status Registry::NotFound(absl::string_view what) const {
  const absl::Duration left = warming_up();
  if (left == absl::ZeroDuration()) {
    return absl::NotFoundError(absl::StrCat("no ", what, " is known to this tracker"));
  }
  return tracking::WithWarmUp(absl::NotFoundError(absl::StrCat(
                                  "no ", what,
                                  " is known to this tracker, which started recently and may not know all "
                                  "peers for another ",
                                  absl::FormatDuration(absl::Ceil(left, absl::Seconds(1))))),
                              left);
}

void Registry::SetReserved(std::shared_ptr<const ReservedNames> reserved) {
  MutexLock lock(&reserved_mutex_);
  has_reserved_.store(reserved != nullptr, std::memory_order_relaxed);
  reserved_ = std::move(reserved);
}

std::shared_ptr<const ReservedNames> Registry::Reserved() const {
  if (!has_reserved_.load(std::memory_order_relaxed)) return nullptr;
  MutexLock lock(&reserved_mutex_);
  return reserved_;
}

bool Registry::IsOfItsOwner(const ReservedNames& reserved, const ContentId& id) const {
  const auto found = ShardOf(id).Lookup(id, std::nullopt, 0, kNoSite, Tick());
  return found.ok() && IsOfItsOwner(reserved, found->content);
}

bool Registry::IsOfItsOwner(const ReservedNames& reserved, const tracking::ContentStatus& content) {
  if (reserved.Check(content.summary.name, nullptr).ok()) return true;
  return std::any_of(content.signatures.begin(), content.signatures.end(),
                     [&](const PublisherSignature& signature) {
                       return reserved.Check(content.summary.name, &signature.key).ok();
                     });
}

absl::Status Registry::CheckSignature(const tracking::RegisterRequest& request) const {
  if (const auto reserved = Reserved(); reserved != nullptr) {
    const absl::Status checked = reserved->Check(
        request.content.name, request.signature.has_value() ? &request.signature->key : nullptr);
    // A peer that passes a content on has its signature, or registers after one that has.
    if (!checked.ok() && (request.publishes || !IsOfItsOwner(*reserved, request.content.id))) return checked;
  }
  if (!request.signature.has_value() ||
      ShardOf(request.content.id).HasSignature(request.content.id, *request.signature) ||
      request.signature->Verifies(request.content.id, request.content.name)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("signature: is not of this content and name");
}

std::vector<ContentId> Registry::EndOtherPublications(const tracking::RegisterRequest& request) {
  std::vector<ContentId> ended;
  if (!request.publishes) return ended;
  const std::vector<ContentId> ids = names_.WithName(request.content.name);
  const bool only_this = ids.empty() || (ids.size() == 1 && ids[0] == request.content.id);
  if (only_this || ShardOf(request.content.id).Publishes(request.peer_id, request.content.id, Tick()))
    return ended;
  for (const ContentId& id : ids) {
    if (id != request.content.id && ShardOf(id).SetPublishes(request.peer_id, id, false, Tick()))
      ended.push_back(id);
  }
  return ended;
}

}  // namespace shoal::tracker
