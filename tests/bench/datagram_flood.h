#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace shoal::tracker {

// Sends hostile datagrams to a port of this machine, at a rate, on a thread of its own, each from a different
// forged source address (127.0.0.0/8) and port. Needs the right to open raw sockets
// (root); ends the program without it.
class DatagramFlood {
 public:
  // garbage: up to 1,200 bytes of noise; unproven: announces with made-up connection ids; connect: connects,
  // which are answered; mixed: a third of each.
  static bool Known(const std::string& kind);

  DatagramFlood(uint16_t port, double per_second, const std::string& kind);
  ~DatagramFlood() { Stop(); }
  void Stop();
  uint64_t sent() const { return sent_; }

 private:
  void Send(uint16_t port, double per_second, const std::string& kind);

  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> sent_{0};
  std::thread thread_;
};

}  // namespace shoal::tracker
