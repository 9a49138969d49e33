#include "shoal/net/tcp_counts.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace shoal::net {

TcpCounts CountsOf(int socket) {
  // The structure of the kernel goes on where that of libc ends.
  struct {
    tcp_info known;
    uint64_t pacing_rate;
    uint64_t max_pacing_rate;
    uint64_t bytes_acked;
    uint64_t bytes_received;
    uint32_t segs_out;
    uint32_t segs_in;
    uint32_t notsent_bytes;
    uint32_t min_rtt;
    uint32_t data_segs_in;
    uint32_t data_segs_out;
  } info{};
  static_assert(sizeof(tcp_info) == 104);
  socklen_t size = sizeof(info);
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  return {.acknowledged_bytes = info.bytes_acked,
          .received_bytes = info.bytes_received,
          .sent_segments = info.data_segs_out,
          .repeated_segments = info.known.tcpi_total_retrans,
          .least_round_trip = absl::Microseconds(info.min_rtt)};
}

}  // namespace shoal::net
