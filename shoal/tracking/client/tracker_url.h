#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "shoal/base/endpoint.h"

namespace shoal::tracking {

// The address of a tracker and the protocol to use: "grpc://host:port", "udp://host:port", or "host:port"
// (gRPC). Immutable value.
struct TrackerUrl {
  enum class Protocol { kGrpc, kUdp };
  Protocol protocol = Protocol::kGrpc;
  HostPort address;

  // Errors: INVALID_ARGUMENT; the message shows the valid forms.
  static absl::StatusOr<TrackerUrl> Parse(absl::string_view text);
  // Comma-separated; at least one.
  static absl::StatusOr<std::vector<TrackerUrl>> ParseList(absl::string_view text);
  std::string ToString() const;  // always with the scheme

  friend bool operator==(const TrackerUrl& a, const TrackerUrl& b) { return a.ToString() == b.ToString(); }
};

}  // namespace shoal::tracking
