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

// One request and its reply over a tracker's UDP listener, with all that a lossy way and a cookie need: retries,
// transaction ids, the handshake. Blocks. One thread at a time.
//
// What to ask, and what to do with what does not fit, is not its business (see MakeUdpTrackerClient).
class DatagramExchange {
 public:
  explicit DatagramExchange(const TrackerUrl& url);

  using Body = decltype(DatagramRequest::body);

  // The reply to `body`; an error in the reply is an error here. UNAVAILABLE (name not known, nothing
  // listens), DEADLINE_EXCEEDED (silence), RESOURCE_EXHAUSTED (the request fits into no datagram).
  absl::StatusOr<DatagramResponse> Ask(const Body& body, absl::Duration timeout);

  // The tracker's gRPC port, as its last reply said; asks for a cookie when there was none yet. NOT_FOUND
  // when the tracker has no such listener.
  absl::StatusOr<uint16_t> GrpcPort(absl::Duration timeout);
  // The same without asking.
  std::optional<uint16_t> known_grpc_port() const { return grpc_port_; }

 private:
  absl::StatusOr<DatagramResponse> TryAsk(const Body& body, bool cookie_is_enough, absl::Duration deadline);
  absl::Status Connect();
  // The reply to `transaction_id`, waiting until `until`; nothing when none came. Other datagrams are
  // dropped.
  absl::StatusOr<std::optional<DatagramResponse>> Receive(uint64_t transaction_id, absl::Duration until);

  const TrackerUrl url_;
  std::mt19937_64 random_;
  FileDescriptor socket_;  // connected: the kernel drops what comes from elsewhere
  std::string cookie_;
  std::optional<uint16_t> grpc_port_;
};

}  // namespace shoal::tracking
