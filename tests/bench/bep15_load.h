#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "shoal/content/manifest/ids.h"
#include "tests/bench/datagram_load.h"

namespace shoal::tracker {

// Announces of BitTorrent peers: peer `number` is the (number / swarms)th of swarm number % swarms, and
// listens at the port after that; every tenth of a swarm is a seeder. Checks every response: the number of
// peers, peers of that swarm only, each once, the caller not among them, leechers only for a seeder; and as
// long as no peer joins or leaves (`steady`), the counts of the swarm.
class Bep15Load final : public DatagramDialect {
 public:
  struct Options {
    uint32_t peers = 100'000;
    uint32_t swarms = 1000;
    bool seeders = true;  // false: all are leechers
    bool steady = true;
    bool lenient = false;  // for other trackers: check the kind and length of a response only
  };
  explicit Bep15Load(const Options& options);

  static InfoHash HashOf(uint32_t swarm);
  double peers_per_response() const {
    return announces_ == 0 ? 0 : static_cast<double>(told_) / static_cast<double>(announces_);
  }

  size_t WriteGreeting(uint32_t tag, uint8_t* to) override;
  bool TakeProof(uint32_t socket, ByteView response) override;
  size_t WriteRequest(uint32_t socket, uint32_t tag, uint32_t number, bool filling, uint8_t* to) override;
  uint32_t TagOf(ByteView response) const override;
  bool Right(uint32_t number, bool filling, ByteView response) override;

 private:
  bool Seeder(uint32_t number) const { return options_.seeders && number / options_.swarms % 10 == 0; }
  // The peers that were there from the beginning.
  uint32_t SizeOf(uint32_t swarm) const {
    return (options_.peers - swarm + options_.swarms - 1) / options_.swarms;
  }
  bool RightPeers(uint32_t number, ByteView peers);

  const Options options_;
  std::vector<InfoHash> hashes_;
  std::vector<uint64_t> connection_ids_;  // by socket
  // By place in a swarm: the last response that named it.
  std::vector<uint64_t> named_;
  uint64_t announces_ = 0;
  uint64_t told_ = 0;
};

}  // namespace shoal::tracker
