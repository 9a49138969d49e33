#pragma once

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

 private:
  absl::StatusOr<DatagramResponse> TryAsk(const Body& body, bool cookie_is_enough, absl::Duration deadline);
  absl::Status Connect();
  // Waits until `until` for the response to `transaction_id`; nothing when none arrived. Drops other
  // datagrams.
  absl::StatusOr<std::optional<DatagramResponse>> Receive(uint64_t transaction_id, absl::Duration until);

  const TrackerUrl url_;
  std::mt19937_64 random_;
  FileDescriptor socket_;  // connected: the kernel drops what comes from elsewhere
  std::string cookie_;
  std::optional<uint16_t> grpc_port_;
};

}  // namespace shoal::tracking
