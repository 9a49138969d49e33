// How fast the tracker's BitTorrent swarms take announces when nothing but the memory is in the way, and what
// threads cost each other: one thread, several that share the swarms (each shard under its lock), and as many
// that have swarms of their own, which is the most that giving each core its swarms could gain.
//
//   bittorrent_swarms_bench [PEERS [SWARMS [THREADS]]]      one JSON line

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "services/tracker/bittorrent/bittorrent_swarms.h"
#include "shoal/base/byte_order.h"

namespace shoal::tracker {
namespace {

constexpr uint32_t kAnnouncesPerThread = 300'000;
constexpr int kRounds = 9;
constexpr uint32_t kWanted = 50;

struct Load {
  uint32_t peers = 1'000'000;
  uint32_t swarms = 10'000;
  uint32_t threads = 2;
};

// The `number`th peer: a seeder is one in ten.
BitTorrentAnnounce PeerOf(const Load& load, uint32_t number, uint64_t salt) {
  BitTorrentAnnounce announce;
  const uint32_t swarm = number % load.swarms;
  std::array<uint8_t, 20> hash;
  RandomSource random(swarm + salt);
  StoreBig(random.Next(), hash.data());
  StoreBig(random.Next(), hash.data() + 8);
  StoreBig(swarm, hash.data() + 16);
  announce.info_hash = InfoHash(hash);
  const uint32_t place = number / load.swarms;
  std::array<uint8_t, 4> ip;
  StoreBig(0x0a000000u + place, ip.data());
  announce.peer = {IpAddress::V4(ip), 6881};
  announce.seeder = place % 10 == 0;
  announce.wanted = kWanted;
  return announce;
}

std::unique_ptr<BitTorrentSwarms> Filled(const Load& load, uint64_t salt) {
  auto swarms = std::make_unique<BitTorrentSwarms>(BitTorrentSwarms::Options());
  std::array<uint8_t, kWanted * 18> peers;
  for (uint32_t number = 0; number < load.peers; ++number) {
    swarms->Announce(PeerOf(load, number, salt), absl::ZeroDuration(), peers.data());
  }
  return swarms;
}

// Announces a second of all threads together; thread i announces to swarms[i % swarms.size()].
double Run(const Load& load, const std::vector<BitTorrentSwarms*>& swarms, uint32_t threads) {
  std::vector<std::thread> running;
  const auto began = std::chrono::steady_clock::now();
  for (uint32_t thread = 0; thread < threads; ++thread) {
    running.emplace_back([&, thread] {
      RandomSource random(thread);
      std::array<uint8_t, kWanted * 18> peers;
      const size_t own = thread % swarms.size();
      for (uint32_t i = 0; i < kAnnouncesPerThread; ++i) {
        swarms[own]->Announce(PeerOf(load, random.Below(load.peers), own << 32), absl::Seconds(1),
                              peers.data());
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  return double{kAnnouncesPerThread} * threads / took.count();
}

uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t all = 0;
  uint64_t resident = 0;
  statm >> all >> resident;
  return resident * 4096;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Main(const Load& load) {
  const uint64_t before = ResidentBytes();
  const auto shared = Filled(load, 0);
  const double bytes_per_peer = static_cast<double>(ResidentBytes() - before) / load.peers;
  // The same swarms, dealt out.
  const Load share{load.peers / load.threads, load.swarms / load.threads, load.threads};
  std::vector<std::unique_ptr<BitTorrentSwarms>> filled;
  std::vector<BitTorrentSwarms*> owned;
  for (uint32_t thread = 0; thread < load.threads; ++thread) {
    filled.push_back(Filled(share, uint64_t{thread} << 32));
    owned.push_back(filled.back().get());
  }
  std::vector<double> alone;
  std::vector<double> together;
  std::vector<double> apart;
  // In turn, so that what else the machine does falls on all of them.
  for (int round = 0; round < kRounds; ++round) {
    alone.push_back(Run(load, {shared.get()}, 1));
    together.push_back(Run(load, {shared.get()}, load.threads));
    apart.push_back(Run(share, owned, load.threads));
  }
  std::printf(
      "{\"peers\": %u, \"swarms\": %u, \"threads\": %u, \"bytes_per_peer\": %.1f, "
      "\"announces_per_s_one_thread\": %.0f, "
      "\"shared\": %.0f, \"owned\": %.0f}\n",
      load.peers, load.swarms, load.threads, bytes_per_peer, Median(alone), Median(together), Median(apart));
  return 0;
}

}  // namespace
}  // namespace shoal::tracker

int main(int argc, char** argv) {
  shoal::tracker::Load load;
  if (argc > 1) load.peers = static_cast<uint32_t>(std::max(1, std::atoi(argv[1])));
  if (argc > 2) load.swarms = static_cast<uint32_t>(std::max(1, std::atoi(argv[2])));
  if (argc > 3) load.threads = static_cast<uint32_t>(std::max(1, std::atoi(argv[3])));
  return shoal::tracker::Main(load);
}
