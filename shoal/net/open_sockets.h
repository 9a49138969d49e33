#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace shoal::net {

// Counts how many of the sockets that were given away are still open, though their new owner does not tell:
// the kernel gives each socket a cookie that is never used again, so a descriptor that was closed (and even
// reused) is recognised. One thread.
class OpenSockets {
 public:
  explicit OpenSockets(size_t max) : max_(max) {}

  // Whether there is room for one more. Counts again only when the list is full, O(max) system calls.
  bool HasRoom();
  // Remembers an open socket. Called before it is given away.
  void Add(int socket);
  // As of the last time that the list was full.
  size_t listed() const { return sockets_.size(); }

 private:
  const size_t max_;
  std::vector<std::pair<int, uint64_t>> sockets_;  // descriptor and cookie
};

}  // namespace shoal::net
