#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "services/tracker/tables/random_source.h"
#include "shoal/base/endpoint.h"
#include "shoal/tracking/messages/datagram.h"
#include "tests/bench/datagram_load.h"

namespace shoal::tracker {

// Shoal's own peers: number is that of the peer, which has the content number % contents. Filling registers
// them; then come heartbeats, and `lookups` of a thousand requests ask for 50 peers of the content. Checks
// every response: a heartbeat knows its lease, a lookup names the content and peers of it only, each once,
// the caller not among them, as many as fit.
class ShoalDatagramLoad final : public DatagramDialect {
 public:
  struct Options {
    uint32_t peers = 100'000;
    uint32_t contents = 1000;
    uint32_t lookups = 0;
  };
  explicit ShoalDatagramLoad(const Options& options) : options_(options), leases_(options.peers) {}

  size_t WriteGreeting(uint32_t tag, uint8_t* to) override;
  bool TakeProof(uint32_t socket, ByteView response) override;
  size_t WriteRequest(uint32_t socket, uint32_t tag, uint32_t number, bool filling, uint8_t* to) override;
  uint32_t TagOf(ByteView response) const override;
  bool Right(uint32_t number, bool filling, ByteView response) override;

 private:
  bool RightPeers(uint32_t number, const tracking::LookupResponse& response, bool truncated) const;

  const Options options_;
  RandomSource random_{7};
  std::vector<std::string> cookies_;       // by socket
  std::vector<tracking::LeaseId> leases_;  // by peer
};

}  // namespace shoal::tracker
