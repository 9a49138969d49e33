#include "services/tracker/registry/shard_tables.h"

#include <optional>

namespace shoal::tracker {
namespace {

template <typename Set, typename Key>
uint32_t FindSlot(const Set& set, const Key& key) {
  const auto found = set.find(key);
  return found == set.end() ? kNoSlot : *found;
}

}  // namespace

ShardTables::ShardTables(uint32_t shard, const LeaseIds* lease_ids, uint64_t lease_ticks,
                         uint64_t forget_ticks, uint64_t now)
    : shard_(shard),
      lease_ids_(lease_ids),
      lease_ticks_(lease_ticks),
      forget_ticks_(forget_ticks),
      lease_wheel_(&leases_, lease_ticks, now),
      forget_wheel_(&contents_, forget_ticks, now),
      content_by_id_(MakeSlotSet(KeyByContentId{&contents_})),
      lease_by_peer_(MakeSlotSet(KeyByPeerOfContent{&leases_})),
      first_of_peer_(MakeSlotSet(KeyByPeer{&leases_})) {
  leases_.now = now;
}

uint32_t ShardTables::FindContent(const ContentId& id) const {
  return FindSlot(content_by_id_, id);
}

uint32_t ShardTables::FindLease(const PeerId& peer, const LeaseIds::Parts& id) const {
  if (id.nonce == 0 || !leases_.table.Reaches(id.slot)) return kNoSlot;
  const LeaseRecord& record = lease(id.slot);
  return record.nonce == id.nonce && record.peer == peer && Alive(id.slot) ? id.slot : kNoSlot;
}

uint32_t ShardTables::FindLease(const PeerId& peer, uint32_t content) const {
  return FindSlot(lease_by_peer_, PeerOfContent{peer, content});
}

uint32_t ShardTables::AnyLeaseOf(const PeerId& peer) const {
  return FindSlot(first_of_peer_, peer);
}

tracking::LeaseId ShardTables::IdOf(uint32_t slot) const {
  return lease_ids_->Make({shard_, lease(slot).nonce, slot});
}

bool ShardTables::Complete(uint32_t slot) const {
  const LeaseRecord& record = lease(slot);
  return record.chunks_held == content(record.content).summary.chunk_count;
}

tracking::PeerInfo ShardTables::Describe(uint32_t slot) const {
  const LeaseRecord& record = lease(slot);
  tracking::PeerInfo peer{record.peer, record.endpoint, Complete(slot), record.chunks_held,
                          record.free_slots};
  if (record.has_others) peer.other_endpoints = other_endpoints_.at(slot);
  return peer;
}

tracking::SwarmPeer ShardTables::DescribeInFull(uint32_t slot) const {
  const LeaseRecord& record = lease(slot);
  const uint32_t chunk_count = content(record.content).summary.chunk_count;
  tracking::SwarmPeer peer;
  peer.peer = Describe(slot);
  peer.held = peer.peer.complete ? ChunkSet::All(chunk_count)
              : record.held      ? *record.held
                                 : ChunkSet(chunk_count);
  peer.lease_left = absl::Milliseconds(static_cast<int64_t>(TicksLeft(slot)));
  peer.totals.free_slots = record.free_slots;
  peer.totals.sent_bytes = record.sent_bytes;
  peer.totals.received_bytes = record.received_bytes;
  peer.totals.send_rate_bytes_per_second = static_cast<uint64_t>(record.send_rate);
  peer.totals.receive_rate_bytes_per_second = static_cast<uint64_t>(record.receive_rate);
  peer.publishes = record.publishes;
  return peer;
}

tracking::ContentStatus ShardTables::Status(uint32_t slot) const {
  const ContentRecord& record = content(slot);
  return {record.summary,
          record.first_seen,
          static_cast<uint32_t>(record.complete.size()),
          static_cast<uint32_t>(record.partial.size()),
          record.publishers,
          record.published,
          record.signatures};
}

uint32_t ShardTables::AddContent(const tracking::ContentSummary& summary, absl::Time first_seen) {
  const uint32_t slot = *contents_.table.Take();  // never fails: memory runs out before slots do
  ContentRecord& record = content(slot);
  record.summary = summary;
  record.first_seen = first_seen;
  record.forget_at = leases_.now + forget_ticks_;
  content_by_id_.insert(slot);
  forget_wheel_.Insert(slot);
  return slot;
}

void ShardTables::ForgetContent(uint32_t slot) {
  content_by_id_.erase(slot);
  contents_.table.Give(slot);
}

uint32_t ShardTables::AddLease(const PeerId& peer, uint32_t content, uint32_t nonce) {
  const std::optional<uint32_t> slot = leases_.table.Take();
  if (!slot) return kNoSlot;
  LeaseRecord& record = lease(*slot);
  record.peer = peer;
  record.content = content;
  record.registered_seconds = static_cast<uint32_t>(leases_.now / 1000);
  record.nonce = nonce;
  Renew(*slot);
  lease_by_peer_.insert(*slot);
  if (const auto first = first_of_peer_.find(peer); first != first_of_peer_.end()) {
    // Inserted as the second of the chain, so that the set keeps naming the first.
    record.previous_of_peer = *first;
    record.next_of_peer = std::exchange(lease(*first).next_of_peer, *slot);
    if (record.next_of_peer != kNoSlot) lease(record.next_of_peer).previous_of_peer = *slot;
  } else {
    first_of_peer_.insert(*slot);
  }
  lease_wheel_.Insert(*slot);
  return *slot;
}

void ShardTables::RemoveLease(uint32_t slot) {
  lease_wheel_.Remove(slot);
  RemoveLapsed(slot);
}

void ShardTables::RemoveLapsed(uint32_t slot) {
  const LeaseRecord& record = lease(slot);
  LeaveSwarm(slot);
  lease_by_peer_.erase(slot);
  if (record.previous_of_peer == kNoSlot) {
    first_of_peer_.erase(slot);
    if (record.next_of_peer != kNoSlot) {
      lease(record.next_of_peer).previous_of_peer = kNoSlot;
      first_of_peer_.insert(record.next_of_peer);
    }
  } else {
    lease(record.previous_of_peer).next_of_peer = record.next_of_peer;
    if (record.next_of_peer != kNoSlot) lease(record.next_of_peer).previous_of_peer = record.previous_of_peer;
  }
  if (record.has_others) other_endpoints_.erase(slot);
  leases_.table.Give(slot);
}

void ShardTables::JoinSwarm(uint32_t slot) {
  LeaseRecord& record = lease(slot);
  ContentRecord& swarm = content(record.content);
  if (!swarm.has_peers()) {
    forget_wheel_.Remove(record.content);
    ++counts_.contents;
  }
  const bool complete = Complete(slot);
  std::vector<uint32_t>& list = complete ? swarm.complete : swarm.partial;
  ++(complete ? counts_.complete : counts_.partial);
  record.place = static_cast<uint32_t>(list.size());
  list.push_back(slot);
  if (record.publishes) ++swarm.publishers;
}

void ShardTables::LeaveSwarm(uint32_t slot) {
  const LeaseRecord& record = lease(slot);
  ContentRecord& swarm = content(record.content);
  const bool complete = Complete(slot);
  std::vector<uint32_t>& list = complete ? swarm.complete : swarm.partial;
  --(complete ? counts_.complete : counts_.partial);
  // The last slot fills the gap.
  lease(list.back()).place = record.place;
  list[record.place] = list.back();
  list.pop_back();
  if (list.size() < list.capacity() / 4) list.shrink_to_fit();
  if (record.publishes) --swarm.publishers;
  if (!swarm.has_peers()) {
    swarm.forget_at = leases_.now + forget_ticks_;
    forget_wheel_.Insert(record.content);
    --counts_.contents;
  }
}

void ShardTables::SetPublishes(uint32_t slot, bool publishes) {
  LeaseRecord& record = lease(slot);
  if (record.publishes == publishes) return;
  record.publishes = publishes;
  content(record.content).publishers += publishes ? 1 : -1;
}

void ShardTables::SetOtherEndpoints(uint32_t slot, const std::vector<Endpoint>& others) {
  LeaseRecord& record = lease(slot);
  if (others.empty()) {
    if (record.has_others) other_endpoints_.erase(slot);
  } else {
    other_endpoints_[slot] = others;
  }
  record.has_others = !others.empty();
}

}  // namespace shoal::tracker
