#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "shoal/base/endpoint.h"

namespace shoal::tracking {

// The address of a tracker and the protocol to use: "grpc://host:port", "udp://host:port", or "host:port"
// (gRPC). The host is a name or an address; an IPv6 address stands in brackets. Parsing resolves no name and
// opens no connection: a client resolves the host whenever it connects, so that a tracker may move.
//
// Thread safety: plain value.
struct TrackerUrl {
  enum class Protocol { kGrpc, kUdp };
  Protocol protocol = Protocol::kGrpc;
  HostPort address;

  // Errors: INVALID_ARGUMENT for an unknown scheme, a missing or zero port, or text behind the port; the
  // message shows the valid forms.
  static absl::StatusOr<TrackerUrl> Parse(absl::string_view text);
  // Parses a comma-separated list. Errors: those of Parse, and INVALID_ARGUMENT for an empty list.
  static absl::StatusOr<std::vector<TrackerUrl>> ParseList(absl::string_view text);
  // Whether one of them is reached over gRPC.
  static bool AnyOverGrpc(const std::vector<TrackerUrl>& trackers);
  // Returns: the URL with its scheme, which Parse accepts.
  std::string ToString() const;

  friend bool operator==(const TrackerUrl& a, const TrackerUrl& b) { return a.ToString() == b.ToString(); }
};

}  // namespace shoal::tracking
