#include "shoal/net/transport/congestion_watch.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "absl/strings/string_view.h"

namespace shoal::net {
namespace {

bool UsesBbr(int socket) {
  std::array<char, 16> name{};  // TCP_CA_NAME_MAX
  socklen_t size = name.size() - 1;
  return getsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name.data(), &size) == 0 &&
         absl::string_view(name.data()) == "bbr";
}

bool Use(int socket, absl::string_view name) {
  return setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name.data(), static_cast<socklen_t>(name.size())) ==
         0;
}

}  // namespace

CongestionWatch::CongestionWatch(int socket, absl::Duration now, Counts counts)
    : counts_(counts), watching_(UsesBbr(socket)), window_at_(now) {}

void CongestionWatch::Look(int socket, absl::Duration now) {
  if (!watching_ || now - window_at_ < kWindow) return;
  if (!LosesTooMuch(counts_(socket), now)) return;
  (void)Replace(socket);
  watching_ = false;
}

bool CongestionWatch::LosesTooMuch(const TcpCounts& counts, absl::Duration now) {
  const uint32_t sent = counts.sent_segments - at_window_.sent_segments;
  const absl::Duration window = std::max(kWindow, kWindowRoundTrips * counts.least_round_trip);
  if (now - window_at_ < window || sent < kWindowSegments) return false;
  const uint32_t repeated = counts.repeated_segments - at_window_.repeated_segments;
  const bool lost = repeated > kMostRepeated * sent;
  const bool again = lost && lost_before_;
  lost_before_ = lost;
  window_at_ = now;
  at_window_ = counts;
  return again;
}

bool CongestionWatch::Replace(int socket) {
  // Reno is always allowed; the other one where it is the system's default, or by its administrator.
  return Use(socket, "cubic") || Use(socket, "reno");
}

}  // namespace shoal::net
