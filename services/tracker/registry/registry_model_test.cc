// Compares the registry with a naive model that scans everything on each call.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "services/tracker/registry/registry.h"
#include "services/tracker/registry/test_requests.h"
#include "services/tracker/tables/random_source.h"
#include "shoal/base/manual_clock.h"

namespace shoal::tracker {
namespace {

constexpr uint32_t kPeers = 12;
constexpr uint32_t kContents = 6;
constexpr uint32_t kChunks = 10;

struct NaiveLease {
  tracking::LeaseId id;
  absl::Duration deadline;
  std::set<uint32_t> held;
};

// The leases that an observer knows from the changes alone.
class Replayed final : public RegistryObserver {
 public:
  struct Lease {
    ContentId content;
    PeerId peer;
    bool complete = false;
    friend bool operator==(const Lease&, const Lease&) = default;
  };

  void OnChange(const LeaseChange& change) override {
    ASSERT_EQ(change.sequence, ++sequences[change.shard]);
    const bool known = leases.contains(change.lease);
    ASSERT_EQ(known, change.kind != LeaseChange::Kind::kBegan);
    if (change.kind == LeaseChange::Kind::kEnded) {
      leases.erase(change.lease);
    } else {
      leases[change.lease] = {change.content.id, change.peer.id, change.peer.complete};
    }
  }

  std::map<uint32_t, uint64_t> sequences;
  std::map<tracking::LeaseId, Lease> leases;
};

class RegistryModelTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  using Key = std::pair<uint32_t, uint32_t>;  // peer, content

  Registry::Options FewShards() {
    Registry::Options options;
    options.observer = &replayed_;
    options.shards = 4;
    options.seed = GetParam();
    return options;
  }

  void DropLapsed() {
    std::erase_if(model_, [&](const auto& entry) { return entry.second.deadline <= clock_.Uptime(); });
  }

  void Register(uint32_t peer, uint32_t content) {
    tracking::RegisterRequest request = TestRegister(peer, TestContent(content), 0, 50);
    const uint32_t many = random_.Below(3);
    for (uint32_t chunk = 0; chunk < kChunks; ++chunk) {
      if (many == 2 || (many == 1 && random_.Below(2) == 0)) request.held.Insert(ChunkIndex(chunk));
    }
    const auto response = registry_.Register(request);
    ASSERT_TRUE(response.ok()) << response.status();
    const auto known = model_.find({peer, content});
    if (known != model_.end()) {
      ASSERT_EQ(response->lease_id, known->second.id);
    }
    NaiveLease& lease = model_[{peer, content}];
    lease.id = response->lease_id;
    lease.deadline = clock_.Uptime() + absl::Seconds(30);
    lease.held.clear();
    request.held.ForEach([&](ChunkIndex chunk) { lease.held.insert(chunk.value()); });
    past_.push_back({peer, lease.id});
    CheckPeers(content, response->peers, peer);
  }

  void Heartbeat(uint32_t peer) {
    tracking::HeartbeatRequest request;
    request.peer_id = TestPeerId(peer);
    request.peer_secret = TestPeerSecret(peer);
    std::vector<tracking::LeaseId> unknown;
    for (int i = 0; i < 4 && !past_.empty(); ++i) {
      const auto& [owner, id] = past_[random_.Below(static_cast<uint32_t>(past_.size()))];
      tracking::LeaseBeat beat;
      beat.lease_id = id;
      const uint32_t first = random_.Below(kChunks);
      beat.gained = {{ChunkIndex(first), 1 + random_.Below(kChunks - first)}};
      const auto lease = std::find_if(model_.begin(), model_.end(), [&](const auto& entry) {
        return entry.first.first == peer && entry.second.id == id;
      });
      if (lease == model_.end()) {
        unknown.push_back(id);
      } else {
        lease->second.deadline = clock_.Uptime() + absl::Seconds(30);
        for (uint32_t i2 = 0; i2 < beat.gained[0].count; ++i2) lease->second.held.insert(first + i2);
      }
      request.leases.push_back(beat);
    }
    const auto response = registry_.Heartbeat(request);
    ASSERT_TRUE(response.ok()) << response.status();
    ASSERT_EQ(response->register_again, unknown);
  }

  void Leave(uint32_t peer) {
    tracking::LeaveRequest request = TestLeave(peer);
    uint32_t ended = 0;
    if (random_.Below(4) != 0 && !past_.empty()) {
      request.lease_ids = {past_[random_.Below(static_cast<uint32_t>(past_.size()))].second};
      ended = static_cast<uint32_t>(std::erase_if(model_, [&](const auto& entry) {
        return entry.first.first == peer && entry.second.id == request.lease_ids[0];
      }));
    } else {
      ended = static_cast<uint32_t>(
          std::erase_if(model_, [&](const auto& entry) { return entry.first.first == peer; }));
    }
    ASSERT_EQ(registry_.Leave(request)->ended, ended);
  }

  // A swarm this small is returned whole.
  void CheckPeers(uint32_t content, const std::vector<tracking::PeerInfo>& peers, uint32_t exclude) {
    std::map<PeerId, size_t> expected;
    for (const auto& [key, lease] : model_) {
      if (key.second == content && key.first != exclude) expected[TestPeerId(key.first)] = lease.held.size();
    }
    std::map<PeerId, size_t> actual;
    for (const tracking::PeerInfo& peer : peers) {
      actual[peer.id] = peer.chunks_held;
      ASSERT_EQ(peer.complete, peer.chunks_held == kChunks);
    }
    ASSERT_EQ(actual, expected);
    ASSERT_EQ(actual.size(), peers.size());
  }

  void Lookup(uint32_t content, uint32_t exclude) {
    const auto response = registry_.Lookup({TestContentId(content), TestPeerId(exclude), 50});
    if (!response.ok()) {
      ASSERT_EQ(response.status().code(), absl::StatusCode::kNotFound);
      CheckPeers(content, {}, exclude);
      return;
    }
    CheckPeers(content, response->peers, exclude);
  }

  void CheckTotals() {
    registry_.Advance();
    // A lapsed record may exist for one more bucket; a lookup of each swarm removes it.
    for (uint32_t content = 0; content < kContents; ++content) Lookup(content, kPeers);
    const Registry::Stats stats = registry_.stats();
    std::set<uint32_t> contents;
    size_t partial = 0;
    for (const auto& [key, lease] : model_) {
      contents.insert(key.second);
      partial += lease.held.size() < kChunks;
    }
    ASSERT_EQ(stats.contents, contents.size());
    ASSERT_EQ(stats.partial_peers, partial);
    ASSERT_EQ(stats.complete_peers, model_.size() - partial);
    std::map<tracking::LeaseId, Replayed::Lease> leases;
    for (const auto& [key, lease] : model_) {
      leases[lease.id] = {TestContentId(key.second), TestPeerId(key.first), lease.held.size() == kChunks};
    }
    ASSERT_EQ(replayed_.leases, leases);
  }

  RandomSource random_{GetParam()};
  ManualClock clock_;
  Replayed replayed_;
  Registry registry_{FewShards(), &clock_};
  std::map<Key, NaiveLease> model_;
  std::vector<std::pair<uint32_t, tracking::LeaseId>> past_;
};

TEST_P(RegistryModelTest, AgreesWithANaiveRegistry) {
  for (int step = 0; step < 6'000; ++step) {
    DropLapsed();
    const uint32_t peer = random_.Below(kPeers);
    const uint32_t content = random_.Below(kContents);
    switch (random_.Below(8)) {
      case 0:
      case 1:
        ASSERT_NO_FATAL_FAILURE(Register(peer, content));
        break;
      case 2:
      case 3:
        ASSERT_NO_FATAL_FAILURE(Heartbeat(peer));
        break;
      case 4:
        if (random_.Below(3) == 0) {
          ASSERT_NO_FATAL_FAILURE(Leave(peer));
        }
        break;
      case 5:
        ASSERT_NO_FATAL_FAILURE(Lookup(content, peer));
        break;
      case 6:
        clock_.Advance(absl::Milliseconds(random_.Below(random_.Below(60) == 0 ? 700'000 : 6'000)));
        break;
      default:
        if (random_.Below(2) == 0) {
          ASSERT_NO_FATAL_FAILURE(CheckTotals());
        }
        break;
    }
    if (past_.size() > 60) past_.erase(past_.begin(), past_.begin() + 20);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RegistryModelTest, ::testing::Range(uint64_t{1}, uint64_t{9}));

}  // namespace
}  // namespace shoal::tracker
