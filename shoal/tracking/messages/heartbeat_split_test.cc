#include "gtest/gtest.h"
#include "shoal/tracking/messages/datagram.h"
#include "shoal/tracking/messages/sample_messages.h"

namespace shoal::tracking {
namespace {

constexpr size_t kRoom = kMaxDatagramBytes - 48;

LeaseBeat LargestBeat(uint64_t lease, uint32_t ranges) {
  LeaseBeat beat{LeaseId(lease), {}, UINT32_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
  for (uint32_t i = 0; i < ranges; ++i) beat.gained.push_back({ChunkIndex(1'000'000 + 2 * i), 1});
  return beat;
}

// Every message fits into a datagram, and all together have the content of the request.
void ExpectWholeAndFitting(const HeartbeatRequest& request) {
  std::vector<LeaseBeat> joined;
  for (const HeartbeatRequest& message : SplitHeartbeat(request, kRoom)) {
    const DatagramRequest datagram{UINT64_MAX, std::string(kCookieBytes, 'c'), message};
    ASSERT_TRUE(datagram.Encode().ok()) << datagram.Encode().status();
    EXPECT_EQ(message.peer_id, request.peer_id);
    EXPECT_EQ(message.peer_secret, request.peer_secret);
    for (const LeaseBeat& beat : message.leases) {
      if (joined.empty() || joined.back().lease_id != beat.lease_id) {
        joined.push_back(beat);
      } else {
        joined.back().gained.insert(joined.back().gained.end(), beat.gained.begin(), beat.gained.end());
      }
    }
  }
  ASSERT_EQ(joined.size(), request.leases.size());
  for (size_t i = 0; i < joined.size(); ++i) {
    EXPECT_EQ(joined[i].lease_id, request.leases[i].lease_id);
    EXPECT_EQ(joined[i].gained, request.leases[i].gained);
    EXPECT_EQ(joined[i].sent_bytes, request.leases[i].sent_bytes);
    EXPECT_EQ(joined[i].free_slots, request.leases[i].free_slots);
  }
}

TEST(HeartbeatSplitTest, FewLeasesAreOneMessage) {
  EXPECT_EQ(SplitHeartbeat(sample::Heartbeat(), kRoom).size(), 1u);
  EXPECT_EQ(SplitHeartbeat({sample::Peer(1), sample::Secret(1), {}}, kRoom).size(), 1u);
}

TEST(HeartbeatSplitTest, EveryBeatArrivesAndEachMessageFits) {
  for (const uint32_t leases : {1u, 17u, 500u}) {
    for (const uint32_t ranges : {0u, 1u, 3u, 100u}) {
      HeartbeatRequest request{sample::Peer(1), sample::Secret(1), {}};
      for (uint32_t i = 0; i < leases; ++i) request.leases.push_back(LargestBeat(i + 1, ranges));
      ExpectWholeAndFitting(request);
    }
  }
}

TEST(HeartbeatSplitTest, ReportsFollowTheLeases) {
  HeartbeatRequest request{sample::Peer(1), sample::Secret(1), {}};
  for (uint32_t i = 0; i < 20; ++i) request.leases.push_back(LargestBeat(i + 1, 1));
  for (uint32_t i = 0; i < kMaxReportsPerHeartbeat; ++i) {
    request.reports.push_back({LeaseId(UINT64_MAX - i), sample::Peer(2), PeerReport::Reason::kLying});
  }
  ExpectWholeAndFitting(request);
  std::vector<PeerReport> joined;
  for (const HeartbeatRequest& message : SplitHeartbeat(request, kRoom)) {
    joined.insert(joined.end(), message.reports.begin(), message.reports.end());
  }
  EXPECT_EQ(joined, request.reports);
}

TEST(HeartbeatSplitTest, LeaveIsSplitUnlessItMeansAllLeases) {
  LeaveRequest request{sample::Peer(1), sample::Secret(1), {}};
  EXPECT_EQ(SplitLeave(request, kRoom).size(), 1u);
  for (uint64_t i = 1; i <= 1000; ++i) request.lease_ids.push_back(LeaseId(i));
  std::vector<LeaseId> joined;
  for (const LeaveRequest& message : SplitLeave(request, kRoom)) {
    EXPECT_FALSE(message.lease_ids.empty());
    EXPECT_EQ(message.peer_secret, request.peer_secret);
    EXPECT_TRUE((DatagramRequest{UINT64_MAX, std::string(kCookieBytes, 'c'), message}.Encode().ok()));
    joined.insert(joined.end(), message.lease_ids.begin(), message.lease_ids.end());
  }
  EXPECT_EQ(joined, request.lease_ids);
}

}  // namespace
}  // namespace shoal::tracking
