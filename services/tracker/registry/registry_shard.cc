#include "services/tracker/registry/registry_shard.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/status_macros.h"

namespace shoal::tracker {
namespace {

// Leases that one call expires besides its own work, and that Advance expires under one hold of the lock.
constexpr uint32_t kLeasesPerCall = 16;
constexpr uint32_t kLeasesPerTick = 2048;

constexpr size_t kMaxPeersInSwarmResponse = 1000;
// Keeps a GetSwarm response below gRPC's usual 4 MiB, and its memory on the way below kMaxSwarmSetsBytes.
constexpr uint64_t kMaxSwarmResponseBytes = 3u << 20;
constexpr uint64_t kMaxSwarmSetsBytes = 64u << 20;

uint64_t BitmapBytes(uint32_t chunk_count) {
  return (uint64_t{chunk_count} + 63) / 64 * 8;
}
uint64_t ChunkSetBytes(uint32_t chunk_count) {
  return sizeof(ChunkSet) + BitmapBytes(chunk_count);
}

absl::Status LimitReached(absl::string_view what, uint64_t limit) {
  return absl::ResourceExhaustedError(
      absl::StrCat("this tracker's limit of ", limit, " ", what, " is reached: try again later"));
}

absl::Status OverBudget(const RateLimiter::Rates& rates) {
  return absl::ResourceExhaustedError(absl::StrCat(
      "this address has registered all the new contents that this tracker grants an address, ",
      rates.per_source_burst, " at once and ", rates.per_source_per_second,
      " a second: it is tried again later; the tracker's operator can raise --new-contents-burst and "
      "--new-contents-per-address"));
}

absl::Status UnknownContent(const ContentId& id) {
  return absl::NotFoundError(absl::StrCat("no content ", id.ToHex(), " is known to this tracker"));
}

}  // namespace

RegistryShard::RegistryShard(const Options& options, uint64_t now, const LeaseIds* lease_ids,
                             RegistryUsage* usage, NameIndex* names, SiteNames* sites)
    : options_(options),
      usage_(usage),
      names_(names),
      sites_(sites),
      random_(options.seed),
      tables_(options.number, lease_ids, options.lease_ticks, options.forget_ticks, now),
      watchers_(&usage->watchers) {}

absl::StatusOr<RegistryShard::Registered> RegistryShard::Register(const tracking::RegisterRequest& request,
                                                                  const IpAddress& source, uint64_t now,
                                                                  absl::Time wall) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, kLeasesPerCall, &wakeups);

  uint32_t content = tables_.FindContent(request.content.id);
  uint32_t lease = kNoSlot;
  const bool was_known = content != kNoSlot;
  if (content != kNoSlot && !tables_.content(content).summary.Agrees(request.content)) {
    // Peers that only pass a content on may be wrong about it, or lie. The caller may not be one that is told
    // which names there are.
    if (!request.publishes || tables_.content(content).published != absl::InfinitePast()) {
      return absl::AlreadyExistsError(absl::StrCat(
          "content ", request.content.id.ToHex(),
          " is known with another name, length or number of chunks than this registration says"));
    }
    RemoveContent(content, &wakeups);
    content = kNoSlot;
  }
  if (content != kNoSlot) {
    if (request.publishes) tables_.content(content).summary.left_out = request.content.left_out;
    lease = tables_.FindLease(request.peer_id, content);
  }
  if (lease != kNoSlot && !tables_.Alive(lease)) {
    EndLease(lease, &wakeups);
    lease = kNoSlot;
  }

  SHOAL_ASSIGN_OR_RETURN(std::unique_ptr<ChunkSet> held, KeepChunkSet(request.held));
  const bool is_new = lease == kNoSlot;
  if (is_new) {
    absl::Status added;
    if (content == kNoSlot) {
      auto slot = AddContent(request.content, was_known ? IpAddress() : source, now, wall);
      added = slot.status();
      if (slot.ok()) content = *slot;
    }
    if (added.ok()) {
      auto slot = AddLease(request.peer_id, content);
      added = slot.status();
      if (slot.ok()) lease = *slot;
    }
    if (!added.ok()) {
      DropChunkSet(std::move(held));
      return added;
    }
  }

  LeaseRecord& record = tables_.lease(lease);
  const tracking::PeerInfo before = tables_.Describe(lease);
  const SiteNumber site_before = record.site;
  const bool published_before = record.publishes;
  if (!is_new) tables_.LeaveSwarm(lease);
  DropChunkSet(std::exchange(record.held, std::move(held)));
  record.chunks_held = request.held.count();
  record.endpoint = request.endpoint;
  record.free_slots =
      static_cast<uint16_t>(std::min<uint32_t>(request.free_slots, std::numeric_limits<uint16_t>::max()));
  record.site = sites_->Add(request.site);
  record.publishes = request.publishes;
  if (request.publishes && !published_before) tables_.content(content).published = wall;
  if (request.signature.has_value()) KeepSignature(content, *request.signature);
  tables_.SetOtherEndpoints(lease, request.other_endpoints);
  record.shunned = false;
  record.lies = false;
  reports_.Forget(lease);
  tables_.Renew(lease);
  tables_.JoinSwarm(lease);

  const tracking::PeerInfo after = tables_.Describe(lease);
  if (is_new) {
    Publish(LeaseChange::Kind::kBegan, lease, &wakeups);
  } else if (after.endpoint != before.endpoint || after.other_endpoints != before.other_endpoints ||
             (before.complete && !after.complete)) {
    Publish(LeaseChange::Kind::kMoved, lease, &wakeups);
  } else if (!before.complete && after.complete) {
    Publish(LeaseChange::Kind::kCompleted, lease, &wakeups);
  } else if (record.site != site_before || record.publishes != published_before) {
    Publish(LeaseChange::Kind::kRelabeled, lease, &wakeups);
  }
  return Registered{tables_.IdOf(lease),
                    Select(content, request.peer_id, record.site, request.max_peers, &wakeups)};
}

bool RegistryShard::Publishes(const PeerId& peer, const ContentId& id, uint64_t now) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, 0, &wakeups);
  const uint32_t content = tables_.FindContent(id);
  const uint32_t lease = content == kNoSlot ? kNoSlot : tables_.FindLease(peer, content);
  return lease != kNoSlot && tables_.Alive(lease) && tables_.lease(lease).publishes;
}

void RegistryShard::SetEndpoints(const PeerId& peer, const std::vector<Endpoint>& endpoints, uint64_t now) {
  const std::vector<Endpoint> others(endpoints.begin() + 1, endpoints.end());
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, 0, &wakeups);
  for (uint32_t lease = tables_.AnyLeaseOf(peer); lease != kNoSlot;
       lease = tables_.lease(lease).next_of_peer) {
    if (!tables_.Alive(lease)) continue;
    const tracking::PeerInfo before = tables_.Describe(lease);
    if (before.endpoint == endpoints[0] && before.other_endpoints == others) continue;
    tables_.lease(lease).endpoint = endpoints[0];
    tables_.SetOtherEndpoints(lease, others);
    Publish(LeaseChange::Kind::kMoved, lease, &wakeups);
  }
}

bool RegistryShard::SetPublishes(const PeerId& peer, const ContentId& id, bool publishes, uint64_t now) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, 0, &wakeups);
  const uint32_t content = tables_.FindContent(id);
  const uint32_t lease = content == kNoSlot ? kNoSlot : tables_.FindLease(peer, content);
  if (lease == kNoSlot || !tables_.Alive(lease) || tables_.lease(lease).publishes == publishes) return false;
  tables_.SetPublishes(lease, publishes);
  Publish(LeaseChange::Kind::kRelabeled, lease, &wakeups);
  return true;
}

bool RegistryShard::HasSignature(const ContentId& id, const PublisherSignature& signature) const {
  MutexLock lock(&mutex_);
  const uint32_t content = tables_.FindContent(id);
  if (content == kNoSlot) return false;
  const auto& known = tables_.content(content).signatures;
  return std::find(known.begin(), known.end(), signature) != known.end();
}

void RegistryShard::RestorePublished(const ContentId& id, absl::Time published,
                                     const std::vector<PublisherSignature>& signatures) {
  MutexLock lock(&mutex_);
  const uint32_t content = tables_.FindContent(id);
  if (content == kNoSlot) return;
  tables_.content(content).published = published;
  for (const PublisherSignature& signature : signatures) KeepSignature(content, signature);
}

absl::Status RegistryShard::Beat(const PeerId& peer, const LeaseIds::Parts& id,
                                 const tracking::LeaseBeat& beat, uint64_t now) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, kLeasesPerCall, &wakeups);
  const uint32_t lease = tables_.FindLease(peer, id);
  if (lease == kNoSlot) return absl::NotFoundError("register again");

  LeaseRecord& record = tables_.lease(lease);
  if (record.shunned && !record.lies) return absl::NotFoundError("register again");
  tables_.Renew(lease);
  record.free_slots =
      static_cast<uint16_t>(std::min<uint32_t>(beat.free_slots, std::numeric_limits<uint16_t>::max()));
  record.sent_bytes = beat.sent_bytes;
  record.received_bytes = beat.received_bytes;
  record.send_rate = static_cast<float>(beat.send_rate_bytes_per_second);
  record.receive_rate = static_cast<float>(beat.receive_rate_bytes_per_second);
  return beat.gained.empty() ? absl::OkStatus() : AddHeld(lease, beat.gained, &wakeups);
}

absl::StatusOr<RegistryShard::Found> RegistryShard::Lookup(const ContentId& id,
                                                           const std::optional<PeerId>& exclude,
                                                           uint32_t max_peers, SiteNumber site,
                                                           uint64_t now) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, kLeasesPerCall, &wakeups);
  const uint32_t content = tables_.FindContent(id);
  if (content == kNoSlot) return UnknownContent(id);
  Found found;
  found.peers = Select(content, exclude, site, max_peers, &wakeups);
  found.content = tables_.Status(content);
  return found;
}

void RegistryShard::Report(const PeerId& reporter, const IpAddress& source, const LeaseIds::Parts& id,
                           const tracking::PeerReport& report, uint64_t now) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, 0, &wakeups);
  const uint32_t own = tables_.FindLease(reporter, id);
  if (own == kNoSlot || report.peer == reporter) return;
  const uint32_t reported = tables_.FindLease(report.peer, tables_.lease(own).content);
  if (reported == kNoSlot) return;
  LeaseRecord& record = tables_.lease(reported);
  if (report.reason == tracking::PeerReport::Reason::kLying) record.lies = true;
  record.shunned = reports_.Add(reported, OriginOf(reporter, source, record.endpoint.ip));
}

absl::StatusOr<tracking::GetSwarmResponse> RegistryShard::GetSwarm(const ContentId& id, uint64_t now,
                                                                   absl::Time started) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, kLeasesPerCall, &wakeups);
  const uint32_t content = tables_.FindContent(id);
  if (content == kNoSlot) return UnknownContent(id);

  const ContentRecord& record = tables_.content(content);
  tracking::GetSwarmResponse response;
  response.content = tables_.Status(content);
  const uint64_t set_bytes = ChunkSetBytes(record.summary.chunk_count);
  uint64_t response_bytes = 0;
  for (const std::vector<uint32_t>* list : {&record.complete, &record.partial}) {
    for (const uint32_t slot : *list) {
      if (!tables_.Alive(slot)) continue;
      const LeaseRecord& lease = tables_.lease(slot);
      response_bytes += 256 + (lease.held == nullptr ? 0 : set_bytes);
      if (response.peers.size() == kMaxPeersInSwarmResponse || response_bytes > kMaxSwarmResponseBytes ||
          (response.peers.size() + 1) * set_bytes > kMaxSwarmSetsBytes) {
        return response;
      }
      tracking::SwarmPeer peer = tables_.DescribeInFull(slot);
      peer.registered = started + absl::Seconds(lease.registered_seconds);
      peer.site = sites_->Name(lease.site);
      response.peers.push_back(std::move(peer));
    }
  }
  return response;
}

absl::Status RegistryShard::Watch(const ContentId& id, std::shared_ptr<SwarmWatcher> watcher, uint64_t now) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, kLeasesPerCall, &wakeups);
  std::vector<tracking::PeerInfo> peers;
  if (const uint32_t content = tables_.FindContent(id); content != kNoSlot) {
    const ContentRecord& record = tables_.content(content);
    if (record.complete.size() + record.partial.size() > options_.limits.max_watched_peers) {
      return LimitReached("peers in a swarm that is watched", options_.limits.max_watched_peers);
    }
    for (const std::vector<uint32_t>* list : {&record.complete, &record.partial}) {
      for (const uint32_t slot : *list) {
        const LeaseRecord& lease = tables_.lease(slot);
        if (tables_.Alive(slot) && !lease.shunned && lease.peer != watcher->exclude())
          peers.push_back(tables_.Describe(slot));
      }
    }
  }
  if (!watchers_.Add(id, watcher)) return LimitReached("watchers", usage_->watchers.limit());
  watcher->Begin(std::move(peers));
  wakeups.Add(std::move(watcher));
  return absl::OkStatus();
}

void RegistryShard::Unwatch(const ContentId& id, const SwarmWatcher* watcher) {
  MutexLock lock(&mutex_);
  watchers_.Remove(id, watcher);
}

bool RegistryShard::Leave(const PeerId& peer, const LeaseIds::Parts& id, uint64_t now) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, kLeasesPerCall, &wakeups);
  const uint32_t lease = tables_.FindLease(peer, id);
  if (lease == kNoSlot) return false;
  usage_->left.fetch_add(1, std::memory_order_relaxed);
  EndLease(lease, &wakeups);
  return true;
}

uint32_t RegistryShard::LeaveAll(const PeerId& peer, uint64_t now) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, kLeasesPerCall, &wakeups);
  uint32_t ended = 0;
  for (uint32_t lease = tables_.AnyLeaseOf(peer); lease != kNoSlot; lease = tables_.AnyLeaseOf(peer)) {
    if (tables_.Alive(lease)) {
      ++ended;
      usage_->left.fetch_add(1, std::memory_order_relaxed);
    }
    EndLease(lease, &wakeups);
  }
  return ended;
}

bool RegistryShard::Advance(uint64_t now) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, 0, &wakeups);
  const bool done = tables_.AdvanceLeases(kLeasesPerTick, [&](uint32_t lease) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    OnLeaseEnd(lease, &wakeups);
    tables_.RemoveLapsed(lease);
  });
  return tables_.AdvanceContents(kLeasesPerTick, [&](uint32_t content) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    ForgetContent(content);
  }) && done;
}

void RegistryShard::Export(RegistrySink* sink) const {
  MutexLock lock(&mutex_);
  tables_.ForEachContent([&](const ContentRecord& record) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (!record.has_peers()) return;
    sink->Content(record.summary, record.first_seen, record.published);
    for (const PublisherSignature& signature : record.signatures) sink->Signature(signature);
    for (const std::vector<uint32_t>* list : {&record.complete, &record.partial}) {
      for (const uint32_t slot : *list) {
        if (!tables_.Alive(slot)) continue;
        const LeaseRecord& lease = tables_.lease(slot);
        ExportedPeer peer{lease.peer,
                          lease.endpoint,
                          lease.free_slots,
                          std::nullopt,
                          sites_->Name(lease.site),
                          lease.publishes,
                          tables_.Describe(slot).other_endpoints};
        if (!tables_.Complete(slot))
          peer.held = lease.held ? *lease.held : ChunkSet(record.summary.chunk_count);
        sink->Peer(peer);
      }
    }
  });
}

void RegistryShard::ShortenLease(const PeerId& peer, const LeaseIds::Parts& id, uint64_t ticks) {
  MutexLock lock(&mutex_);
  const uint32_t lease = tables_.FindLease(peer, id);
  if (lease != kNoSlot) tables_.LetLapse(lease, ticks);
}

ShardTables::Counts RegistryShard::counts() const {
  MutexLock lock(&mutex_);
  return tables_.counts();
}

void RegistryShard::Step(uint64_t now, uint32_t max_leases, WatcherWakeups* wakeups) {
  tables_.MoveTo(now);
  if (max_leases == 0) return;
  tables_.AdvanceLeases(max_leases, [&](uint32_t lease) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    OnLeaseEnd(lease, wakeups);
    tables_.RemoveLapsed(lease);
  });
}

absl::StatusOr<uint32_t> RegistryShard::AddContent(const tracking::ContentSummary& summary,
                                                   const IpAddress& source, uint64_t now, absl::Time wall) {
  if (!usage_->contents.TryAdd(1)) return LimitReached("contents", usage_->contents.limit());
  if (!names_->Add(summary.name, summary.id)) {
    usage_->contents.Subtract(1);
    return LimitReached(absl::StrCat("contents of the name \"", summary.name, "\""),
                        options_.limits.max_contents_per_name);
  }
  // Last: what another limit refuses is offered again and again, and would use up the budget.
  if (options_.new_contents != nullptr && !source.is_unspecified() &&
      !options_.new_contents->Admit(source, absl::Milliseconds(now))) {
    names_->Remove(summary.name, summary.id);
    usage_->contents.Subtract(1);
    return OverBudget(options_.new_contents->rates());
  }
  return tables_.AddContent(summary, wall);
}

void RegistryShard::KeepSignature(uint32_t content, const PublisherSignature& signature) {
  std::vector<PublisherSignature>& known = tables_.content(content).signatures;
  const auto same = std::find_if(known.begin(), known.end(),
                                 [&](const PublisherSignature& other) { return other.key == signature.key; });
  const size_t room =
      std::min(usage_->max_signatures.load(std::memory_order_relaxed), tracking::kMaxSignaturesPerContent);
  if (same != known.end()) {
    if (same->time < signature.time) *same = signature;
  } else if (known.size() < room) {
    known.push_back(signature);
  } else {
    usage_->unkept_signatures.fetch_add(1, std::memory_order_relaxed);
  }
}

void RegistryShard::ForgetContent(uint32_t content) {
  const tracking::ContentSummary& summary = tables_.content(content).summary;
  names_->Remove(summary.name, summary.id);
  tables_.ForgetContent(content);
  usage_->contents.Subtract(1);
}

void RegistryShard::RemoveContent(uint32_t content, WatcherWakeups* wakeups) {
  const ContentRecord& record = tables_.content(content);
  while (record.has_peers())
    EndLease((record.complete.empty() ? record.partial : record.complete).back(), wakeups);
  tables_.StopForgetting(content);
  ForgetContent(content);
}

absl::StatusOr<uint32_t> RegistryShard::AddLease(const PeerId& peer, uint32_t content) {
  const ContentRecord& swarm = tables_.content(content);
  const uint32_t most = usage_->max_peers_per_content.load(std::memory_order_relaxed);
  if (swarm.complete.size() + swarm.partial.size() >= most) {
    usage_->full_contents.fetch_add(1, std::memory_order_relaxed);
    return LimitReached("peers of one content", most);
  }
  if (!usage_->leases.TryAdd(1)) return LimitReached("leases", usage_->leases.limit());
  uint32_t nonce = 0;
  while (nonce == 0) nonce = static_cast<uint32_t>(random_.Next());
  const uint32_t lease = tables_.AddLease(peer, content, nonce);
  if (lease == kNoSlot) {
    usage_->leases.Subtract(1);
    return LimitReached("leases in one shard", LeaseIds::kMaxSlots);
  }
  return lease;
}

void RegistryShard::Publish(LeaseChange::Kind kind, uint32_t lease, WatcherWakeups* wakeups) {
  if (options_.observer == nullptr && watchers_.empty()) return;
  const LeaseRecord& record = tables_.lease(lease);
  const LeaseChange change{kind,
                           options_.number,
                           options_.observer == nullptr ? 0 : ++changes_,
                           tables_.IdOf(lease),
                           tables_.content(record.content).summary,
                           tables_.Describe(lease),
                           options_.observer == nullptr ? std::string() : sites_->Name(record.site),
                           record.publishes};
  if (options_.observer != nullptr) options_.observer->OnChange(change);
  watchers_.Tell(change, wakeups);
}

void RegistryShard::EndLease(uint32_t lease, WatcherWakeups* wakeups) {
  OnLeaseEnd(lease, wakeups);
  tables_.RemoveLease(lease);
}

void RegistryShard::OnLeaseEnd(uint32_t lease, WatcherWakeups* wakeups) {
  LeaseRecord& record = tables_.lease(lease);
  if (!tables_.Alive(lease)) usage_->lapsed.fetch_add(1, std::memory_order_relaxed);
  usage_->leases.Subtract(1);
  reports_.Forget(lease);
  DropChunkSet(std::move(record.held));
  Publish(LeaseChange::Kind::kEnded, lease, wakeups);
}

absl::StatusOr<std::unique_ptr<ChunkSet>> RegistryShard::KeepChunkSet(const ChunkSet& held) {
  if (held.empty() || held.full()) return nullptr;
  if (!usage_->chunk_set_bytes.TryAdd(ChunkSetBytes(held.size()))) {
    return LimitReached("bytes of partial peers' chunk sets", usage_->chunk_set_bytes.limit());
  }
  return std::make_unique<ChunkSet>(held);
}

void RegistryShard::DropChunkSet(std::unique_ptr<ChunkSet> held) {
  if (held) usage_->chunk_set_bytes.Subtract(ChunkSetBytes(held->size()));
}

absl::Status RegistryShard::AddHeld(uint32_t lease, const std::vector<ChunkRange>& gained,
                                    WatcherWakeups* wakeups) {
  LeaseRecord& record = tables_.lease(lease);
  const tracking::ContentSummary& summary = tables_.content(record.content).summary;
  if (tables_.Complete(lease)) return absl::OkStatus();
  ChunkSet first_chunks(record.held ? 0 : summary.chunk_count);
  ChunkSet& held = record.held ? *record.held : first_chunks;
  if (const absl::Status added = held.InsertRanges(gained); !added.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("leases.gained: content ", summary.id.ToHex(), " has ",
                                                   summary.chunk_count, " chunks: ", added.message()));
  }
  const uint32_t count = held.count();
  const bool full = held.full();
  if (!record.held) {
    SHOAL_ASSIGN_OR_RETURN(record.held, KeepChunkSet(first_chunks));
  }
  if (full) {
    tables_.LeaveSwarm(lease);
    DropChunkSet(std::move(record.held));
    record.chunks_held = count;
    tables_.JoinSwarm(lease);
    Publish(LeaseChange::Kind::kCompleted, lease, wakeups);
  }
  record.chunks_held = count;
  return absl::OkStatus();
}

std::vector<tracking::PeerInfo> RegistryShard::Select(uint32_t content, const std::optional<PeerId>& exclude,
                                                      SiteNumber site, uint32_t max_peers,
                                                      WatcherWakeups* wakeups) {
  const ContentRecord& swarm = tables_.content(content);
  absl::InlinedVector<uint32_t, 16> lapsed;
  const auto look = [&](PeerPlace place) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const uint32_t slot = (place.complete ? swarm.complete : swarm.partial)[place.place];
    if (!tables_.Alive(slot)) {
      lapsed.push_back(slot);
      return Candidate::kUnfit;
    }
    const LeaseRecord& lease = tables_.lease(slot);
    if (lease.peer == exclude || lease.shunned) return Candidate::kUnfit;
    const bool near = site != kNoSite && lease.site == site;
    if (lease.free_slots > 0) return near ? Candidate::kFreeNear : Candidate::kFree;
    return near ? Candidate::kBusyNear : Candidate::kBusy;
  };
  const PeerChoice choice =
      SelectPeers(static_cast<uint32_t>(swarm.complete.size()), static_cast<uint32_t>(swarm.partial.size()),
                  std::min(max_peers, tracking::kMaxPeersPerResponse), look, &random_);
  std::vector<tracking::PeerInfo> peers;
  peers.reserve(choice.size());
  for (const PeerPlace& place : choice) {
    peers.push_back(tables_.Describe((place.complete ? swarm.complete : swarm.partial)[place.place]));
  }
  // Ends leases that were found lapsed without waiting for the wheel, so that the counts in this response are
  // right.
  for (const uint32_t slot : lapsed) EndLease(slot, wakeups);
  return peers;
}

}  // namespace shoal::tracker
