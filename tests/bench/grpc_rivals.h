#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace shoal::tracker {

inline constexpr int kServerCore = 0;
inline constexpr int kLoadCore = 1;
inline constexpr int kPeersPerResponse = 50;

[[noreturn]] void Die(const std::string& why);
void PinTo(int core);

// A server in a process of its own on its own core, which ends with this one. It prints a line with its
// address ("...//127.0.0.1:PORT...").
class Server {
 public:
  explicit Server(const std::function<void()>& run);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  double cpu_seconds() const;
  double resident_mib() const;

 private:
  pid_t pid_ = 0;
  int port_ = 0;
};

Server StartTracker(const std::string& binary, const char* lease);

// Services of the tracker's API that answer Heartbeat and Lookup with ready-made responses of the tracker's
// sizes: one as gRPC generates it, and one behind the tracker's own listener.
Server StartGenerated();
Server StartBareListener();

}  // namespace shoal::tracker
