// Puts load on a tracker's UDP port and checks the responses (bep15_load.h, shoal_datagram_load.h); over
// loopback, one JSON line for each stretch of time, exit code 1 when a response was wrong.
//
//   taskset -c 0 shoal-tracker --grpc=127.0.0.1:0 --udp=127.0.0.1:6969 --http=none &
//   taskset -c 1 udp_tracker_bench --port=6969 --pid=$! --peers=1000000 --swarms=10000
//
// Against another tracker: --other (it may name the caller and seeders to seeders); --whitelist=FILE writes
// the info hashes for one that wants them beforehand, and ends.
//
// Under a flood: --rate=100000 --window=20000 --flood=200000 --flood-kind=connect.
//
// With peers that lapse: a tracker with --bittorrent-interval=24s forgets a peer after 60 s, and
//   udp_tracker_bench --peers=950000 --swarms=10000 --rate=30000 --in-turn --new=833 --seconds=120 --every=10
// keeps 950,000 peers alive, each announcing every 32 s, while 833 a second come that announce once. In the
// first minute no peer lapses; from then on 833 a second do: 5 % of a million each minute.
//
// Shoal's own datagrams: --shoal [--lookups=SHARE in 1000], with --swarms contents.

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "services/tracker/tables/random_source.h"
#include "tests/bench/bep15_load.h"
#include "tests/bench/datagram_flood.h"
#include "tests/bench/datagram_load.h"
#include "tests/bench/shoal_datagram_load.h"

namespace shoal::tracker {
namespace {

struct Flags {
  DatagramLoad::Options load;
  int pid = 0;
  uint32_t peers = 100'000;
  uint32_t swarms = 1000;
  double seconds = 5;
  double every = 0;
  double rate = 0;
  bool in_turn = false;
  double new_per_second = 0;
  bool no_fill = false;
  bool leechers_only = false;
  bool other = false;
  std::string whitelist;
  double flood = 0;
  std::string flood_kind = "mixed";
  bool shoal = false;
  uint32_t lookups = 0;
};

double ResidentMib(int pid) {
  std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
  uint64_t all = 0;
  uint64_t resident = 0;
  statm >> all >> resident;
  return static_cast<double>(resident) / 256;
}

double CpuSeconds(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string field;
  double ticks = 0;
  for (int i = 1; i <= 15 && stat >> field; ++i) {
    if (i >= 14) ticks += std::stod(field);
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// The peers of the requests: the known ones at random or in turn, and now and then a new one.
class Numbers {
 public:
  Numbers(const Flags& flags, double per_second)
      : peers_(flags.peers),
        in_turn_(flags.in_turn),
        new_share_(per_second > 0 ? flags.new_per_second / per_second : 0),
        next_new_(flags.peers) {}

  uint32_t Next() {
    new_due_ += new_share_;
    if (new_due_ >= 1) {
      new_due_ -= 1;
      return next_new_++;
    }
    if (!in_turn_) return random_.Below(peers_);
    next_ = next_ + 1 == peers_ ? 0 : next_ + 1;
    return next_;
  }

 private:
  const uint32_t peers_;
  const bool in_turn_;
  const double new_share_;
  RandomSource random_{3};
  uint32_t next_ = 0;
  uint32_t next_new_;
  double new_due_ = 0;
};

int WriteWhitelist(const Flags& flags) {
  std::ofstream file(flags.whitelist);
  for (uint32_t swarm = 0; swarm < flags.swarms; ++swarm) file << Bep15Load::HashOf(swarm).ToHex() << '\n';
  return file.flush() ? 0 : 2;
}

int Main(const Flags& flags) {
  if (!flags.whitelist.empty()) return WriteWhitelist(flags);
  const double empty = ResidentMib(flags.pid);
  Bep15Load bep15({flags.peers, flags.swarms, !flags.leechers_only, flags.new_per_second == 0, flags.other});
  ShoalDatagramLoad shoal({flags.peers, flags.swarms, flags.lookups});
  DatagramDialect* const dialect = flags.shoal ? static_cast<DatagramDialect*>(&shoal) : &bep15;
  DatagramLoad load(flags.load, dialect);
  if (!flags.no_fill) load.Fill(flags.peers);
  const double filled = ResidentMib(flags.pid);
  std::optional<DatagramFlood> flood;
  if (flags.flood > 0) flood.emplace(flags.load.port, flags.flood, flags.flood_kind);
  Numbers numbers(flags, flags.rate);
  uint64_t wrong = 0;
  uint64_t flooded = 0;
  const double stretch = flags.every > 0 ? flags.every : flags.seconds;
  for (double at = 0; at < flags.seconds; at += stretch) {
    const double cpu = CpuSeconds(flags.pid);
    const DatagramLoad::Result result = load.Run(stretch, flags.rate, [&] { return numbers.Next(); });
    const double used = CpuSeconds(flags.pid) - cpu;
    const uint64_t flooded_before = std::exchange(flooded, flood ? flood->sent() : 0);
    wrong += result.wrong;
    std::printf(
        "{\"from_s\": %.0f, \"sent_per_s\": %.0f, \"replies_per_s\": %.0f, \"p50_us\": %.0f, \"p99_us\": "
        "%.0f, "
        "\"p999_us\": %.0f, \"lost\": %llu, \"wrong\": %llu, \"cpu_us_per_reply\": %.2f, "
        "\"peers_per_reply\": %.1f, \"bytes_per_peer\": %.1f, \"mib_filled\": %.1f, \"mib\": %.1f, "
        "\"flood_per_s\": %.0f}\n",
        at, static_cast<double>(result.sent) / result.seconds,
        static_cast<double>(result.responses) / result.seconds, result.Percentile(0.5),
        result.Percentile(0.99), result.Percentile(0.999), static_cast<unsigned long long>(result.lost),
        static_cast<unsigned long long>(result.wrong),
        used * 1e6 / static_cast<double>(std::max<uint64_t>(result.responses, 1)), bep15.peers_per_response(),
        (filled - empty) * 1048576 / flags.peers, filled, ResidentMib(flags.pid),
        static_cast<double>(flooded - flooded_before) / result.seconds);
    std::fflush(stdout);
  }
  return wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace shoal::tracker

int main(int argc, char** argv) {
  shoal::tracker::Flags flags;
  CLI::App app("Measures a tracker's UDP listener, and checks its responses.", "udp_tracker_bench");
  app.add_option("--port", flags.load.port)->capture_default_str();
  app.add_option("--pid", flags.pid, "The tracker's, for its CPU and memory");
  app.add_option("--peers", flags.peers)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--swarms", flags.swarms)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--seconds", flags.seconds)->capture_default_str();
  app.add_option("--every", flags.every, "A line each so many seconds; 0: one");
  app.add_option("--sockets", flags.load.sockets)->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_option("--window", flags.load.window, "Requests in flight")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  app.add_option("--greetings", flags.load.greetings, "Share of connects among the requests");
  app.add_option("--rate", flags.rate, "Requests a second; 0: as many as go")->capture_default_str();
  app.add_flag("--in-turn", flags.in_turn, "Peers one after the other, not at random");
  app.add_option("--new", flags.new_per_second, "Peers a second that come once; needs --rate");
  app.add_flag("--no-fill", flags.no_fill, "The peers are there already");
  app.add_flag("--leechers-only", flags.leechers_only);
  app.add_flag("--other", flags.other, "Another tracker: check the form of the responses only");
  app.add_option("--whitelist", flags.whitelist, "Write the info hashes to this file, and end");
  app.add_option("--flood", flags.flood, "Bad datagrams a second meanwhile, under forged addresses (root)");
  app.add_option("--flood-kind", flags.flood_kind, "mixed, garbage, unproven or connect")
      ->check([](const std::string& kind) {
        return shoal::tracker::DatagramFlood::Known(kind) ? std::string() : "unknown kind: " + kind;
      })
      ->capture_default_str();
  app.add_flag("--shoal", flags.shoal, "Shoal's own datagrams: heartbeats");
  app.add_option("--lookups", flags.lookups, "Of 1,000 of Shoal's requests, so many are lookups");
  CLI11_PARSE(app, argc, argv);
  return shoal::tracker::Main(flags);
}
