#include "shoal/tracking/client/heartbeat_split.h"

#include <algorithm>
#include <span>

namespace shoal::tracking {
namespace {

// What protobuf takes at most, with tags and lengths: the peer id; a beat without its runs (fixed64, a uint32
// and four uint64 of at most 5 and 10 bytes, the beat's own tag and length); a run of chunks (two uint32); a
// lease id.
constexpr size_t kPeerIdBytes = 18;
constexpr size_t kBeatBytes = 9 + 6 + 4 * 11 + 4;
constexpr size_t kRangeBytes = 2 + 2 * 6;
constexpr size_t kLeaseIdBytes = 8;
constexpr size_t kListBytes = 4;
// A report: fixed64, a peer id, an enum; its tag and length.
constexpr size_t kReportBytes = 9 + kPeerIdBytes + 2 + 2;

size_t Room(size_t max_bytes, size_t least) {
  return std::max(max_bytes, kPeerIdBytes + least) - kPeerIdBytes;
}

}  // namespace

std::vector<HeartbeatRequest> SplitHeartbeat(const HeartbeatRequest& request, size_t max_bytes) {
  const size_t room = Room(max_bytes, kBeatBytes + kRangeBytes);
  std::vector<HeartbeatRequest> messages;
  size_t left = 0;
  for (const LeaseBeat& beat : request.leases) {
    std::span<const ChunkRange> gained = beat.gained;
    do {
      if (left < kBeatBytes + (gained.empty() ? 0 : kRangeBytes)) {
        messages.push_back({request.peer_id, {}});
        left = room;
      }
      left -= kBeatBytes;
      const size_t taken = std::min(gained.size(), left / kRangeBytes);
      left -= taken * kRangeBytes;
      LeaseBeat& out = messages.back().leases.emplace_back();
      out.lease_id = beat.lease_id;
      out.gained.assign(gained.begin(), gained.begin() + static_cast<std::ptrdiff_t>(taken));
      out.free_slots = beat.free_slots;
      out.sent_bytes = beat.sent_bytes;
      out.received_bytes = beat.received_bytes;
      out.send_rate_bytes_per_second = beat.send_rate_bytes_per_second;
      out.receive_rate_bytes_per_second = beat.receive_rate_bytes_per_second;
      gained = gained.subspan(taken);
    } while (!gained.empty());
  }
  for (const PeerReport& report : request.reports) {
    if (left < kReportBytes) {
      messages.push_back({request.peer_id, {}});
      left = room;
    }
    left -= kReportBytes;
    messages.back().reports.push_back(report);
  }
  if (messages.empty()) messages.push_back(request);
  return messages;
}

std::vector<LeaveRequest> SplitLeave(const LeaveRequest& request, size_t max_bytes) {
  const size_t per_message = (Room(max_bytes, kListBytes + kLeaseIdBytes) - kListBytes) / kLeaseIdBytes;
  if (request.lease_ids.size() <= per_message) return {request};
  std::vector<LeaveRequest> messages;
  for (size_t i = 0; i < request.lease_ids.size(); i += per_message) {
    const auto begin = request.lease_ids.begin() + static_cast<std::ptrdiff_t>(i);
    const auto count = std::min(per_message, request.lease_ids.size() - i);
    messages.push_back({request.peer_id, {begin, begin + static_cast<std::ptrdiff_t>(count)}});
  }
  return messages;
}

}  // namespace shoal::tracking
