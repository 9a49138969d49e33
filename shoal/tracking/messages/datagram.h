#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shoal/base/byte_order.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// The datagrams of the tracker as plain values. Their bytes are defined in docs/wire_format.md, "Tracker
// datagrams": four magic bytes ("SHD1" from client to tracker, "SHR1" back), two bytes with the length of
// what follows, a protobuf envelope (protos/shoal/tracker/v1/datagram.proto), then padding of zeros, which is
// ignored. Ids are not repeated in hex. Functions here are pure and thread-safe.

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

  // RESOURCE_EXHAUSTED when it does not fit into kMaxDatagramBytes: use gRPC. Padded to `min_bytes`.
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

  // Always fits `max_bytes` (>= 128): peers are left out from the end until it does, and `truncated` says so;
  // what can't be cut down becomes a RESOURCE_EXHAUSTED error that names gRPC.
  std::string Encode(size_t max_bytes = kMaxDatagramBytes) const;
  static absl::StatusOr<DatagramResponse> Decode(ByteView bytes);
};

// Whether these bytes claim to be a request of this protocol at all (their first four bytes).
bool LooksLikeDatagramRequest(ByteView bytes);

}  // namespace shoal::tracking
