#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "shoal/net/tcp_counts.h"

namespace shoal::net {

// Replaces BBR by CUBIC on a connection that loses many packets.
//
// The first version of BBR, the default of some systems, sends what it believes that the path carries,
// whatever is lost. Where many connections share a link with a short queue, as in a swarm, each believes too
// much, and a tenth of all packets is dropped and sent again (Hock, Bless, Zitterbart: Experimental
// Evaluation of BBR Congestion Control, ICNP 2017). CUBIC sends less when packets are lost. Where few are,
// BBR stays: a path that loses a few packets by chance slows CUBIC down.
//
// Not responsible for connections that receive: the sender's congestion control counts.
// Thread safety: one thread at a time.
class CongestionWatch {
 public:
  // BBR is replaced after two consecutive windows in which more than kMostRepeated of the segments were
  // retransmitted. CUBIC's own losses are a tenth of that. A window lasts at least kWindow, kWindowRoundTrips
  // and kWindowSegments, because a new connection may lose many segments at once.
  static constexpr double kMostRepeated = 0.03;
  static constexpr absl::Duration kWindow = absl::Milliseconds(300);
  static constexpr int kWindowRoundTrips = 8;
  static constexpr uint32_t kWindowSegments = 64;

  // What the system counted of a connection.
  using Counts = TcpCounts (*)(int socket);

  // Watches nothing if the connection of `socket` does not use BBR.
  CongestionWatch(int socket, absl::Duration now, Counts counts = CountsOf);

  // Looks at the losses once a window is over, and replaces BBR when they are too many: by CUBIC, or by Reno
  // where the system does not let this process use CUBIC. Called while the connection sends, with its socket.
  // Costs no system call until a window may be over.
  void Look(int socket, absl::Duration now);

  bool watching() const { return watching_; }

  // Returns whether `counts` ends a window that is the second consecutive one with too many losses. Makes no
  // system call.
  bool LosesTooMuch(const TcpCounts& counts, absl::Duration now);

  // Replaces the congestion control, whatever it is. Returns whether the system allowed it.
  static bool Replace(int socket);

 private:
  Counts counts_;
  bool watching_;
  bool lost_before_ = false;  // in the last window
  absl::Duration window_at_;
  TcpCounts at_window_;  // when it began
};

}  // namespace shoal::net
