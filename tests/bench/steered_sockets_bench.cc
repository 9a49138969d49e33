// Measures the gain of a tracker on two cores when the kernel steers each announce to the thread that its
// swarm belongs to: the most that swarms owned by cores can gain over swarms that all threads share. The
// same server answers announces in turns with the kernel's usual choice of socket (by the sender's address
// and port) and with a program of ours (SO_ATTACH_REUSEPORT_CBPF) that chooses by the info hash, so that no
// shard's lock or memory is ever touched by two threads. The load runs in the same process and on the same
// cores: its own CPU time is taken off.
//
//   steered_sockets_bench [PEERS [SWARMS [ROUNDS]]]      one JSON line of medians

#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "services/tracker/bittorrent/bittorrent_swarms.h"
#include "services/tracker/udp/bep15_datagrams.h"
#include "services/tracker/udp/datagram_server.h"
#include "shoal/base/clock.h"
#include "shoal/net/sockaddr.h"
#include "tests/bench/bep15_load.h"
#include "tests/bench/datagram_load.h"

namespace shoal::tracker {
namespace {

constexpr uint32_t kThreads = 2;
constexpr double kSeconds = 2;

class Bep15Handler final : public DatagramHandler {
 public:
  explicit Bep15Handler(BitTorrentSwarms* swarms) : datagrams_(swarms, &ids_, &limiter_) {}
  void Answer(std::span<IncomingDatagram> batch, bool overloaded) const override {
    const absl::Duration now = Clock::Real().Uptime();
    for (IncomingDatagram& datagram : batch) datagrams_.Answer(now, overloaded, addresses_, &datagram);
  }

 private:
  const PeerAddresses addresses_{std::vector<IpAddress>()};
  const ConnectionIds ids_{SipHashKey{1}};
  RateLimiter limiter_{{}, 1};
  const Bep15Datagrams datagrams_;
};

// The socket by the first byte of the info hash, as the shard is chosen by it. Connects go to the first one.
void SteerByInfoHash(uint16_t port) {
  sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 98, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 16),
      BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, kThreads),
      BPF_STMT(BPF_RET | BPF_A, 0),
  };
  const sock_fprog program{std::size(steps), steps};
  // The server does not expose its sockets; the program applies to the group of any of them.
  for (int fd = 0; fd < 1024; ++fd) {
    if (net::LocalPort(fd) != port) continue;
    if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) == 0) return;
  }
  std::perror("SO_ATTACH_REUSEPORT_CBPF");
  std::exit(2);
}

double CpuSeconds(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Round {
  double responses_per_s = 0;
  double cpu_us_per_response = 0;
};

Round Run(BitTorrentSwarms* swarms, const Bep15Load::Options& peers, bool steered) {
  const Bep15Handler handler(swarms);
  DatagramServer::Options options;
  options.listen = {IpAddress::V4({127, 0, 0, 1}), 0};
  options.sockets = kThreads;
  const auto server = DatagramServer::Start(options, &handler);
  if (!server.ok()) std::exit(2);
  if (steered) SteerByInfoHash((*server)->port());
  std::array<double, kThreads> used{};
  std::array<double, kThreads> responses{};
  const double cpu = CpuSeconds(RUSAGE_SELF);
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Bep15Load dialect(peers);
      DatagramLoad::Options load_options;
      load_options.port = (*server)->port();
      load_options.window = 128;
      DatagramLoad load(load_options, &dialect);
      RandomSource random(i + 1);
      const DatagramLoad::Result result = load.Run(kSeconds, 0, [&] { return random.Below(peers.peers); });
      if (result.wrong > 0) std::exit(1);
      responses[i] = static_cast<double>(result.responses);
      used[i] = CpuSeconds(RUSAGE_THREAD);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double server_cpu = CpuSeconds(RUSAGE_SELF) - cpu - used[0] - used[1];
  const double all = responses[0] + responses[1];
  return {all / kSeconds, server_cpu * 1e6 / all};
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Main(uint32_t peers, uint32_t swarms, int rounds) {
  BitTorrentSwarms shared{BitTorrentSwarms::Options()};
  const Bep15Load::Options load{peers, swarms};
  std::array<uint8_t, 18> none;
  for (uint32_t number = 0; number < peers; ++number) {
    BitTorrentAnnounce announce;
    announce.info_hash = Bep15Load::HashOf(number % swarms);
    announce.peer = {IpAddress::V4({127, 0, 0, 1}), static_cast<uint16_t>(1 + number / swarms)};
    announce.seeder = number / swarms % 10 == 0;
    shared.Announce(announce, Clock::Real().Uptime(), none.data());
  }
  std::array<std::vector<double>, 2> rates;
  std::array<std::vector<double>, 2> costs;
  for (int round = 0; round < rounds; ++round) {
    for (const bool steered : {false, true}) {
      const Round one = Run(&shared, load, steered);
      rates[steered].push_back(one.responses_per_s);
      costs[steered].push_back(one.cpu_us_per_response);
    }
  }
  std::printf(
      "{\"peers\": %u, \"swarms\": %u, \"rounds\": %d, \"shared_replies_per_s\": %.0f, "
      "\"steered_replies_per_s\": %.0f, \"shared_cpu_us_per_reply\": %.2f, \"steered_cpu_us_per_reply\": "
      "%.2f}\n",
      peers, swarms, rounds, Median(rates[0]), Median(rates[1]), Median(costs[0]), Median(costs[1]));
  return 0;
}

}  // namespace
}  // namespace shoal::tracker

int main(int argc, char** argv) {
  const auto argument = [&](int at, int otherwise) {
    return argc > at ? std::max(1, std::atoi(argv[at])) : otherwise;
  };
  return shoal::tracker::Main(static_cast<uint32_t>(argument(1, 1'000'000)),
                              static_cast<uint32_t>(argument(2, 10'000)), argument(3, 5));
}
