#include "services/tracker/registry_shard.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/status_macros.h"

namespace shoal::tracker {
namespace {

// How many leases a call that came for something else moves the expiry on by, and how many a tick does while
// it holds the lock.
constexpr uint32_t kLeasesPerCall = 16;
constexpr uint32_t kLeasesPerTick = 2048;

constexpr size_t kMaxPeersInSwarmReply = 1000;
// A swarm reply stays below gRPC's usual 4 MiB, and what it takes in memory on the way below this.
constexpr uint64_t kMaxSwarmReplyBytes = 3u << 20;
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

absl::Status UnknownContent(const ContentId& id) {
  return absl::NotFoundError(absl::StrCat("no content ", id.ToHex(), " is known to this tracker"));
}

}  // namespace

RegistryShard::RegistryShard(const Options& options, uint64_t now, RegistryUsage* usage, NameIndex* names,
                             SiteNames* sites)
    : options_(options),
      usage_(usage),
      names_(names),
      sites_(sites),
      random_(options.seed),
      lease_wheel_(&leases_, options.lease_ticks, now),
      forget_wheel_(&contents_, options.forget_ticks, now),
      content_by_id_(MakeSlotSet(KeyByContentId{&contents_})),
      lease_by_peer_(MakeSlotSet(KeyByPeerOfContent{&leases_})),
      first_of_peer_(MakeSlotSet(KeyByPeer{&leases_})) {
  leases_.now = now;
}

absl::StatusOr<RegistryShard::Registered> RegistryShard::Register(const RegisterRequest& request,
                                                                  uint64_t now, absl::Time wall) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, kLeasesPerCall, &wakeups);

  uint32_t content = FindContent(request.content.id);
  if (content != kNoSlot && contents_.table[content].summary != request.content) {
    return absl::AlreadyExistsError(absl::StrCat(
        "content ", request.content.id.ToHex(), " is known as \"", contents_.table[content].summary.name,
        "\", of ", contents_.table[content].summary.length_bytes, " bytes in ",
        contents_.table[content].summary.chunk_count, " chunks, which is not what this registration says"));
  }
  uint32_t lease = kNoSlot;
  if (content != kNoSlot) {
    const auto known = lease_by_peer_.find(PeerOfContent{request.peer_id, content});
    if (known != lease_by_peer_.end()) lease = *known;
  }
  if (lease != kNoSlot && !Alive(lease)) {
    EndLease(lease, &wakeups);
    lease = kNoSlot;
  }

  SHOAL_ASSIGN_OR_RETURN(std::unique_ptr<ChunkSet> held, KeepChunkSet(request.held));
  const bool is_new = lease == kNoSlot;
  if (is_new) {
    absl::Status added;
    if (content == kNoSlot) {
      auto slot = AddContent(request.content, wall);
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

  LeaseRecord& record = leases_.table[lease];
  const PeerInfo before = Describe(lease);
  if (!is_new) LeaveSwarm(lease, before.complete);
  DropChunkSet(std::exchange(record.held, std::move(held)));
  record.chunks_held = request.held.count();
  record.endpoint = request.endpoint;
  record.free_slots =
      static_cast<uint16_t>(std::min<uint32_t>(request.free_slots, std::numeric_limits<uint16_t>::max()));
  record.site = sites_->Add(request.site);
  record.shunned = false;
  record.lies = false;
  reports_.Forget(lease);
  Renew(lease);
  JoinSwarm(lease);

  const PeerInfo after = Describe(lease);
  if (is_new || after.endpoint != before.endpoint || after.complete != before.complete) {
    Tell(request.content.id, after, request.peer_id, &wakeups);
  }
  return Registered{LeaseIdParts{options_.number, record.nonce, lease}.Join(),
                    Select(content, request.peer_id, record.site, request.max_peers, &wakeups)};
}

absl::Status RegistryShard::Beat(const PeerId& peer, const LeaseBeat& beat, uint64_t now) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, kLeasesPerCall, &wakeups);
  const uint32_t lease = FindLease(peer, beat.lease_id);
  if (lease == kNoSlot) return absl::NotFoundError("register again");

  LeaseRecord& record = leases_.table[lease];
  if (record.shunned && !record.lies) return absl::NotFoundError("register again");
  Renew(lease);
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
  const uint32_t content = FindContent(id);
  if (content == kNoSlot) return UnknownContent(id);
  Found found;
  found.peers = Select(content, exclude, site, max_peers, &wakeups);
  found.content = Status(content);
  return found;
}

void RegistryShard::Report(const PeerId& reporter, const PeerReport& report, uint64_t now) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, 0, &wakeups);
  const uint32_t own = FindLease(reporter, report.lease_id);
  if (own == kNoSlot || report.peer == reporter) return;
  const auto found = lease_by_peer_.find(PeerOfContent{report.peer, leases_.table[own].content});
  if (found == lease_by_peer_.end()) return;
  LeaseRecord& record = leases_.table[*found];
  if (report.reason == PeerReport::Reason::kLying) record.lies = true;
  record.shunned = reports_.Add(*found, reporter);
}

absl::StatusOr<GetSwarmReply> RegistryShard::GetSwarm(const ContentId& id, uint64_t now, absl::Time started) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, kLeasesPerCall, &wakeups);
  const uint32_t content = FindContent(id);
  if (content == kNoSlot) return UnknownContent(id);

  const ContentRecord& record = contents_.table[content];
  GetSwarmReply reply;
  reply.content = Status(content);
  const uint64_t set_bytes = ChunkSetBytes(record.summary.chunk_count);
  uint64_t reply_bytes = 0;
  for (const std::vector<uint32_t>* list : {&record.complete, &record.partial}) {
    for (const uint32_t slot : *list) {
      if (!Alive(slot)) continue;
      const LeaseRecord& lease = leases_.table[slot];
      reply_bytes += 256 + (lease.held == nullptr ? 0 : set_bytes);
      if (reply.peers.size() == kMaxPeersInSwarmReply || reply_bytes > kMaxSwarmReplyBytes ||
          (reply.peers.size() + 1) * set_bytes > kMaxSwarmSetsBytes) {
        return reply;
      }
      SwarmPeer peer;
      peer.peer = Describe(slot);
      peer.lease_id = LeaseIdParts{options_.number, lease.nonce, slot}.Join();
      peer.held = peer.peer.complete ? ChunkSet::All(record.summary.chunk_count)
                  : lease.held       ? *lease.held
                                     : ChunkSet(record.summary.chunk_count);
      peer.lease_left = absl::Milliseconds(static_cast<int64_t>(leases_.deadline(slot) - leases_.now));
      peer.registered = started + absl::Seconds(lease.registered_seconds);
      peer.site = sites_->Name(lease.site);
      peer.totals.lease_id = peer.lease_id;
      peer.totals.free_slots = lease.free_slots;
      peer.totals.sent_bytes = lease.sent_bytes;
      peer.totals.received_bytes = lease.received_bytes;
      peer.totals.send_rate_bytes_per_second = static_cast<uint64_t>(lease.send_rate);
      peer.totals.receive_rate_bytes_per_second = static_cast<uint64_t>(lease.receive_rate);
      reply.peers.push_back(std::move(peer));
    }
  }
  return reply;
}

absl::Status RegistryShard::Watch(const ContentId& id, std::shared_ptr<SwarmWatcher> watcher, uint64_t now) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, kLeasesPerCall, &wakeups);
  std::vector<PeerInfo> peers;
  if (const uint32_t content = FindContent(id); content != kNoSlot) {
    const ContentRecord& record = contents_.table[content];
    if (record.complete.size() + record.partial.size() > options_.limits.max_watched_peers) {
      return LimitReached("peers in a swarm that is watched", options_.limits.max_watched_peers);
    }
    for (const std::vector<uint32_t>* list : {&record.complete, &record.partial}) {
      for (const uint32_t slot : *list) {
        const LeaseRecord& lease = leases_.table[slot];
        if (Alive(slot) && !lease.shunned && lease.peer != watcher->exclude())
          peers.push_back(Describe(slot));
      }
    }
  }
  if (!usage_->watchers.TryAdd(1)) return LimitReached("watchers", usage_->watchers.limit());
  watcher->Begin(std::move(peers));
  wakeups.Add(watcher);
  watchers_[id].push_back(std::move(watcher));
  return absl::OkStatus();
}

void RegistryShard::Unwatch(const ContentId& id, const SwarmWatcher* watcher) {
  MutexLock lock(&mutex_);
  const auto watched = watchers_.find(id);
  if (watched == watchers_.end()) return;
  usage_->watchers.Subtract(
      std::erase_if(watched->second, [&](const auto& one) { return one.get() == watcher; }));
  if (watched->second.empty()) watchers_.erase(watched);
}

bool RegistryShard::Leave(const PeerId& peer, LeaseId id, uint64_t now) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, kLeasesPerCall, &wakeups);
  const uint32_t lease = FindLease(peer, id);
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
  for (auto first = first_of_peer_.find(peer); first != first_of_peer_.end();
       first = first_of_peer_.find(peer)) {
    if (Alive(*first)) {
      ++ended;
      usage_->left.fetch_add(1, std::memory_order_relaxed);
    }
    EndLease(*first, &wakeups);
  }
  return ended;
}

bool RegistryShard::Advance(uint64_t now) {
  WatcherWakeups wakeups;
  MutexLock lock(&mutex_);
  Step(now, 0, &wakeups);
  const bool done = lease_wheel_.Advance(
      leases_.now, kLeasesPerTick,
      [&](uint32_t lease) ABSL_NO_THREAD_SAFETY_ANALYSIS { EndUnwheeledLease(lease, &wakeups); });
  return forget_wheel_.Advance(leases_.now, kLeasesPerTick,
                               [&](uint32_t content)
                                   ABSL_NO_THREAD_SAFETY_ANALYSIS { ForgetContent(content); }) &&
         done;
}

void RegistryShard::Export(StateSink* sink) const {
  MutexLock lock(&mutex_);
  for (const uint32_t content : content_by_id_) {
    const ContentRecord& record = contents_.table[content];
    if (!record.has_peers()) continue;
    sink->Content(record.summary, record.first_seen);
    for (const std::vector<uint32_t>* list : {&record.complete, &record.partial}) {
      for (const uint32_t slot : *list) {
        if (!Alive(slot)) continue;
        const LeaseRecord& lease = leases_.table[slot];
        StatePeer peer{lease.peer, lease.endpoint, lease.free_slots, std::nullopt};
        if (!Complete(lease)) peer.held = lease.held ? *lease.held : ChunkSet(record.summary.chunk_count);
        sink->Peer(peer);
      }
    }
  }
}

void RegistryShard::ShortenLease(const PeerId& peer, LeaseId id, uint64_t ticks) {
  MutexLock lock(&mutex_);
  const uint32_t lease = FindLease(peer, id);
  if (lease != kNoSlot) leases_.table[lease].deadline = static_cast<uint32_t>(leases_.now + ticks);
}

RegistryShard::Counts RegistryShard::counts() const {
  MutexLock lock(&mutex_);
  return counts_;
}

void RegistryShard::Step(uint64_t now, uint32_t max_leases, WatcherWakeups* wakeups) {
  leases_.now = std::max(leases_.now, now);
  if (max_leases == 0) return;
  lease_wheel_.Advance(leases_.now, max_leases, [&](uint32_t lease) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    EndUnwheeledLease(lease, wakeups);
  });
}

uint32_t RegistryShard::FindContent(const ContentId& id) const {
  const auto found = content_by_id_.find(id);
  return found == content_by_id_.end() ? kNoSlot : *found;
}

uint32_t RegistryShard::FindLease(const PeerId& peer, LeaseId id) const {
  const LeaseIdParts parts = LeaseIdParts::Split(id);
  if (parts.shard != options_.number || parts.nonce == 0 || !leases_.table.Reaches(parts.slot))
    return kNoSlot;
  const LeaseRecord& record = leases_.table[parts.slot];
  return record.nonce == parts.nonce && record.peer == peer && Alive(parts.slot) ? parts.slot : kNoSlot;
}

bool RegistryShard::Alive(uint32_t lease) const {
  return leases_.deadline(lease) > leases_.now;
}

void RegistryShard::Renew(uint32_t lease) {
  leases_.table[lease].deadline = static_cast<uint32_t>(leases_.now + options_.lease_ticks);
}

absl::StatusOr<uint32_t> RegistryShard::AddContent(const ContentSummary& summary, absl::Time wall) {
  if (!usage_->contents.TryAdd(1)) return LimitReached("contents", usage_->contents.limit());
  if (!names_->Add(summary.name, summary.id)) {
    usage_->contents.Subtract(1);
    return LimitReached(absl::StrCat("contents of the name \"", summary.name, "\""),
                        options_.limits.max_contents_per_name);
  }
  const uint32_t content = *contents_.table.Take();  // never out of slots: they outnumber what memory holds
  ContentRecord& record = contents_.table[content];
  record.summary = summary;
  record.first_seen = wall;
  record.forget_at = leases_.now + options_.forget_ticks;
  content_by_id_.insert(content);
  forget_wheel_.Insert(content);
  return content;
}

void RegistryShard::ForgetContent(uint32_t content) {
  const ContentSummary& summary = contents_.table[content].summary;
  names_->Remove(summary.name, summary.id);
  content_by_id_.erase(content);
  contents_.table.Give(content);
  usage_->contents.Subtract(1);
}

absl::StatusOr<uint32_t> RegistryShard::AddLease(const PeerId& peer, uint32_t content) {
  const ContentRecord& swarm = contents_.table[content];
  const uint32_t most = usage_->max_peers_per_content.load(std::memory_order_relaxed);
  if (swarm.complete.size() + swarm.partial.size() >= most) {
    usage_->full_contents.fetch_add(1, std::memory_order_relaxed);
    return LimitReached("peers of one content", most);
  }
  if (!usage_->leases.TryAdd(1)) return LimitReached("leases", usage_->leases.limit());
  const std::optional<uint32_t> lease = leases_.table.Take();
  if (!lease) {
    usage_->leases.Subtract(1);
    return LimitReached("leases in one shard", LeaseIdParts::kMaxSlots);
  }
  LeaseRecord& record = leases_.table[*lease];
  record.peer = peer;
  record.content = content;
  record.registered_seconds = static_cast<uint32_t>(leases_.now / 1000);
  do {
    record.nonce = static_cast<uint32_t>(random_.Next());
  } while (record.nonce == 0);
  Renew(*lease);
  lease_by_peer_.insert(*lease);
  if (const auto first = first_of_peer_.find(peer); first != first_of_peer_.end()) {
    // Second in the chain: the set goes on naming the first.
    record.previous_of_peer = *first;
    record.next_of_peer = std::exchange(leases_.table[*first].next_of_peer, *lease);
    if (record.next_of_peer != kNoSlot) leases_.table[record.next_of_peer].previous_of_peer = *lease;
  } else {
    first_of_peer_.insert(*lease);
  }
  lease_wheel_.Insert(*lease);
  return *lease;
}

void RegistryShard::EndLease(uint32_t lease, WatcherWakeups* wakeups) {
  lease_wheel_.Remove(lease);
  EndUnwheeledLease(lease, wakeups);
}

void RegistryShard::EndUnwheeledLease(uint32_t lease, WatcherWakeups* wakeups) {
  LeaseRecord& record = leases_.table[lease];
  if (!Alive(lease)) usage_->lapsed.fetch_add(1, std::memory_order_relaxed);
  LeaveSwarm(lease, Complete(record));
  lease_by_peer_.erase(lease);
  if (record.previous_of_peer == kNoSlot) {
    first_of_peer_.erase(lease);
    if (record.next_of_peer != kNoSlot) {
      leases_.table[record.next_of_peer].previous_of_peer = kNoSlot;
      first_of_peer_.insert(record.next_of_peer);
    }
  } else {
    leases_.table[record.previous_of_peer].next_of_peer = record.next_of_peer;
    if (record.next_of_peer != kNoSlot) {
      leases_.table[record.next_of_peer].previous_of_peer = record.previous_of_peer;
    }
  }
  reports_.Forget(lease);
  DropChunkSet(std::move(record.held));
  Tell(contents_.table[record.content].summary.id, record.peer, record.peer, wakeups);
  leases_.table.Give(lease);
  usage_->leases.Subtract(1);
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
  LeaseRecord& record = leases_.table[lease];
  const ContentSummary& summary = contents_.table[record.content].summary;
  if (Complete(record)) return absl::OkStatus();
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
    LeaveSwarm(lease, false);
    DropChunkSet(std::move(record.held));
    record.chunks_held = count;
    JoinSwarm(lease);
    Tell(summary.id, Describe(lease), record.peer, wakeups);
  }
  record.chunks_held = count;
  return absl::OkStatus();
}

bool RegistryShard::Complete(const LeaseRecord& lease) const {
  return lease.chunks_held == contents_.table[lease.content].summary.chunk_count;
}

void RegistryShard::JoinSwarm(uint32_t lease) {
  LeaseRecord& record = leases_.table[lease];
  ContentRecord& swarm = contents_.table[record.content];
  if (!swarm.has_peers()) {
    forget_wheel_.Remove(record.content);
    ++counts_.contents;
  }
  const bool complete = Complete(record);
  std::vector<uint32_t>& list = complete ? swarm.complete : swarm.partial;
  ++(complete ? counts_.complete : counts_.partial);
  record.place = static_cast<uint32_t>(list.size());
  list.push_back(lease);
}

void RegistryShard::LeaveSwarm(uint32_t lease, bool complete) {
  LeaseRecord& record = leases_.table[lease];
  ContentRecord& swarm = contents_.table[record.content];
  std::vector<uint32_t>& list = complete ? swarm.complete : swarm.partial;
  --(complete ? counts_.complete : counts_.partial);
  // The last takes the place that becomes free.
  leases_.table[list.back()].place = record.place;
  list[record.place] = list.back();
  list.pop_back();
  if (list.size() < list.capacity() / 4) list.shrink_to_fit();
  if (!swarm.has_peers()) {
    swarm.forget_at = leases_.now + options_.forget_ticks;
    forget_wheel_.Insert(record.content);
    --counts_.contents;
  }
}

std::vector<PeerInfo> RegistryShard::Select(uint32_t content, const std::optional<PeerId>& exclude,
                                            SiteNumber site, uint32_t max_peers, WatcherWakeups* wakeups) {
  const ContentRecord& swarm = contents_.table[content];
  absl::InlinedVector<uint32_t, 16> lapsed;
  const auto look = [&](PeerPlace place) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const uint32_t slot = (place.complete ? swarm.complete : swarm.partial)[place.place];
    if (!Alive(slot)) {
      lapsed.push_back(slot);
      return Candidate::kUnfit;
    }
    const LeaseRecord& lease = leases_.table[slot];
    if (lease.peer == exclude || lease.shunned) return Candidate::kUnfit;
    const bool near = site != kNoSite && lease.site == site;
    if (lease.free_slots > 0) return near ? Candidate::kFreeNear : Candidate::kFree;
    return near ? Candidate::kBusyNear : Candidate::kBusy;
  };
  const PeerChoice choice =
      SelectPeers(static_cast<uint32_t>(swarm.complete.size()), static_cast<uint32_t>(swarm.partial.size()),
                  std::min(max_peers, kMaxPeersPerReply), look, &random_);
  std::vector<PeerInfo> peers;
  peers.reserve(choice.size());
  for (const PeerPlace& place : choice) {
    peers.push_back(Describe((place.complete ? swarm.complete : swarm.partial)[place.place]));
  }
  // Whoever was found lapsed need not wait for the wheel: the counts that go with this answer are then right
  // as well.
  for (const uint32_t slot : lapsed) EndLease(slot, wakeups);
  return peers;
}

PeerInfo RegistryShard::Describe(uint32_t lease) const {
  const LeaseRecord& record = leases_.table[lease];
  return {record.peer, record.endpoint, Complete(record), record.chunks_held, record.free_slots};
}

ContentStatus RegistryShard::Status(uint32_t content) const {
  const ContentRecord& record = contents_.table[content];
  return {record.summary, record.first_seen, static_cast<uint32_t>(record.complete.size()),
          static_cast<uint32_t>(record.partial.size())};
}

void RegistryShard::Tell(const ContentId& content, const SwarmEvent& event, const PeerId& about,
                         WatcherWakeups* wakeups) {
  if (watchers_.empty()) return;
  const auto watched = watchers_.find(content);
  if (watched == watchers_.end()) return;
  const size_t lost = std::erase_if(watched->second, [&](const std::shared_ptr<SwarmWatcher>& watcher) {
    if (about == watcher->exclude()) return false;
    const bool reads_on = watcher->Add(event);
    wakeups->Add(watcher);
    return !reads_on;
  });
  usage_->watchers.Subtract(lost);
  if (watched->second.empty()) watchers_.erase(watched);
}

}  // namespace shoal::tracker
