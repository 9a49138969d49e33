#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/datagram.h"

namespace shoal::tracking {

// Exchanges one request and its response with the UDP listener of a tracker, with what a lossy path and a
// cookie need: retries, transaction ids, the handshake. Blocks. Thread safety: one thread at a time.
//
// It does not decide what to do with a request that does not fit (see MakeUdpTrackerClient).
class DatagramExchange {
 public:
  explicit DatagramExchange(const TrackerUrl& url);

  using Body = decltype(DatagramRequest::body);

  // Returns the response to `body`; an error in the response is an error here. Errors: UNAVAILABLE (unknown
  // host, nothing listens), DEADLINE_EXCEEDED (no response), RESOURCE_EXHAUSTED (fits into no datagram).
  absl::StatusOr<DatagramResponse> Ask(const Body& body, absl::Duration timeout);

  // The gRPC port of the tracker, from its last response; requests a cookie when there was none yet.
  // NOT_FOUND when the tracker has no such listener.
  absl::StatusOr<uint16_t> GrpcPort(absl::Duration timeout);
  // The same without a request.
  std::optional<uint16_t> known_grpc_port() const { return grpc_port_; }
  // The address of the tracker that the last response came from; unspecified: there was none yet.
  const IpAddress& answering_ip() const { return answering_ip_; }

 private:
  absl::StatusOr<DatagramResponse> TryAsk(const Body& body, bool cookie_is_enough, absl::Duration deadline);
  // Connects to the first usable address of the host, from next_address_ on.
  absl::Status Connect();
  // Waits until `until` for the response to `transaction_id`; nothing when none arrived. Drops other
  // datagrams.
  absl::StatusOr<std::optional<DatagramResponse>> Receive(uint64_t transaction_id, absl::Duration until);

  const TrackerUrl url_;
  std::mt19937_64 random_;
  FileDescriptor socket_;  // connected: the kernel drops what comes from elsewhere
  std::string cookie_;
  std::optional<uint16_t> grpc_port_;
  IpAddress answering_ip_;
  IpAddress connected_ip_;
  // Which address of the host is tried next, and how many it had when it was last resolved. A name such as
  // localhost has an IPv6 and an IPv4 address, and the tracker may listen on one of them only.
  size_t next_address_ = 0;
  size_t address_count_ = 1;
};

}  // namespace shoal::tracking
