#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace shoal::net {

// What the kernel counted of one TCP connection since it began (TCP_INFO of tcp(7)). Value type.
struct TcpCounts {
  uint64_t acknowledged_bytes = 0;  // sent, and acknowledged by the peer
  uint64_t received_bytes = 0;
  uint32_t sent_segments = 0;  // with data, those that were sent again included
  uint32_t repeated_segments = 0;
  absl::Duration least_round_trip;
};

// Returns the counts of a connected socket; zeros where the kernel does not tell (before Linux 4.6). One
// system call.
TcpCounts CountsOf(int socket);

}  // namespace shoal::net
