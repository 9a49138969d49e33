#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// The datagrams of the tracker as plain values. Their bytes are defined in docs/wire_format.md, "Tracker
// datagrams": four magic bytes ("SHD1" from client to tracker, "SHR1" back), two bytes with the length of
// what follows, a protobuf envelope (protos/shoal/tracker/v1/datagram.proto), then padding of zeros, which is
// ignored. Ids are not repeated in hex.
//
// Decode accepts any bytes. Errors: INVALID_ARGUMENT with the reason.
//
// Thread safety: pure functions and plain values.

inline constexpr size_t kMaxDatagramBytes = 1200;
inline constexpr size_t kCookieBytes = 16;
// A request without a proven cookie is padded to this length, so that the response with a cookie is never
// larger.
inline constexpr size_t kMinRequestBytes = 64;

struct DatagramRequest {
  uint64_t transaction_id = 0;
  std::string cookie;  // kCookieBytes, or empty
  // A status: the envelope is valid but its body is not (INVALID_ARGUMENT with the reason).
  std::variant<RegisterRequest, HeartbeatRequest, LookupRequest, LeaveRequest, absl::Status> body;

  // Returns: the bytes, padded to `min_bytes`. Errors: RESOURCE_EXHAUSTED when they exceed kMaxDatagramBytes:
  // the caller uses gRPC.
  absl::StatusOr<std::string> Encode(size_t min_bytes = 0) const;
  static absl::StatusOr<DatagramRequest> Decode(ByteView bytes);
};

struct DatagramCookie {
  std::string cookie;
};

struct DatagramResponse {
  uint64_t transaction_id = 0;
  uint16_t grpc_port = 0;
  bool truncated = false;
  std::variant<DatagramCookie, RegisterResponse, HeartbeatResponse, LookupResponse, LeaveResponse,
               absl::Status>
      body;

  // Returns: at most `max_bytes` bytes. Leaves out peers from the end until the rest fits, and sets
  // `truncated`; a response that can't be shortened becomes a RESOURCE_EXHAUSTED error that names gRPC.
  // Requires: max_bytes >= 128.
  std::string Encode(size_t max_bytes = kMaxDatagramBytes) const;
  static absl::StatusOr<DatagramResponse> Decode(ByteView bytes);
};

// Whether the first four bytes are those of a request of this protocol.
bool LooksLikeDatagramRequest(ByteView bytes);

// Splits a heartbeat into several of at most `max_bytes` each as protobuf, in the same order. A beat with
// more gained chunks than one message holds is spread over several messages with the same numbers in each: a
// beat states totals, not increments, so the tracker ends up with the same state.
std::vector<HeartbeatRequest> SplitHeartbeat(const HeartbeatRequest& request, size_t max_bytes);

// The same for the leases of a Leave. One without leases, which means all of them, stays one.
std::vector<LeaveRequest> SplitLeave(const LeaveRequest& request, size_t max_bytes);

}  // namespace shoal::tracking
