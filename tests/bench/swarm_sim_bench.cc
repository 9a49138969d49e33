// Runs one scenario of the swarm simulator (tests/sim) with some seeds and prints how far the last leecher
// was from the fluid bound. See --help.

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/sim/scenario.h"
#include "tests/sim/swarm.h"
#include "tests/sim/swarm_report.h"

int main(int argc, char** argv) {
  using shoal::sim::Scenario;
  using shoal::sim::SwarmReport;

  Scenario scenario;
  uint32_t runs = 5;
  double mebibytes = 64;
  double seeder_mbps = 20;
  double leecher_mbps = 20;
  double down_mbps = 200;
  uint32_t turns = 0;
  double late_at = 0;  // parts of the bound
  uint32_t late = 0;
  uint32_t frozen = 0;
  uint32_t vanished = 0;
  double trouble_at = 0.3;
  int64_t queue_ms = 50;
  int64_t latency_us = 300;
  int64_t have_ms = 20;
  bool asks_by_name = false;
  bool periods = false;
  double play_mbps = 40;

  CLI::App app(
      "One seeder and many leechers in virtual time, with the policies of the real programs.\n"
      "Examples:\n"
      "  swarm_sim_bench --leechers=16 --chunks=128\n"
      "  swarm_sim_bench --leechers=1000 --runs=1 --periods\n"
      "  swarm_sim_bench --leechers=17 --late=1 --late-at=0.5");
  app.add_option("--seeders", scenario.seeders)->capture_default_str();
  app.add_option("--leechers", scenario.leechers, "the late ones and those in trouble among them")
      ->capture_default_str();
  app.add_option("--chunks", scenario.chunk_count, "of the content")->capture_default_str();
  app.add_option("--mebibytes", mebibytes, "length of the content")->capture_default_str();
  app.add_option("--seeder-mbps", seeder_mbps, "the uplink of each")->capture_default_str();
  app.add_option("--leecher-mbps", leecher_mbps, "the uplink of each")->capture_default_str();
  app.add_option("--down-mbps", down_mbps, "the downlink of each")->capture_default_str();
  app.add_option("--turns", turns, "parallel uploads of seeder and leechers (instead of the next two)");
  app.add_option("--seeder-turns", scenario.seeder_turns)->capture_default_str();
  app.add_option("--leecher-turns", scenario.leecher_turns)->capture_default_str();
  app.add_option("--neighbours", scenario.neighbours, "peers that a leecher asks")->capture_default_str();
  app.add_flag("--by-name", asks_by_name, "the seeder is asked for chunks by name, and chooses none");
  app.add_option("--have-ms", have_ms, "between two messages about gained chunks")->capture_default_str();
  app.add_option("--queue-ms", queue_ms, "a packet's wait behind a busy uplink")->capture_default_str();
  app.add_option("--latency-us", latency_us, "one way, of an idle link")->capture_default_str();
  app.add_option("--unevenness", scenario.network.unevenness, "of connections that share an uplink")
      ->capture_default_str();
  app.add_option("--kernel-bytes", scenario.network.kernel_bytes, "that leave after their chunk looks sent")
      ->capture_default_str();
  app.add_option("--late", late, "leechers that join late");
  app.add_option("--late-at", late_at, "in parts of the bound without them");
  app.add_option("--frozen", frozen, "leechers that freeze");
  app.add_option("--vanished", vanished, "leechers that vanish");
  app.add_option("--trouble-at", trouble_at, "in parts of the bound")->capture_default_str();
  app.add_option("--runs", runs, "with a seed each")->capture_default_str();
  app.add_option("--random-seed", scenario.random_seed, "of the first run")->capture_default_str();
  app.add_option("--players", scenario.players, "leechers that are read while they fetch");
  app.add_option("--play-mbps", play_mbps, "the speed of a player")->capture_default_str();
  app.add_option("--sequential", scenario.sequential, "leechers that fetch in order, and are not read");
  app.add_flag("--periods", periods, "print how the uplinks are used over time, for each run");
  CLI11_PARSE(app, argc, argv);

  scenario.chunk_bytes = static_cast<uint32_t>(mebibytes * 1024 * 1024 / scenario.chunk_count);
  scenario.seeder_up_bps = seeder_mbps * 1e6;
  scenario.leecher_up_bps = leecher_mbps * 1e6;
  scenario.down_bps = down_mbps * 1e6;
  if (turns > 0) scenario.seeder_turns = scenario.leecher_turns = turns;
  scenario.player.bits_per_second = play_mbps * 1e6;
  scenario.serves_any = !asks_by_name;
  scenario.have_apart = absl::Milliseconds(have_ms);
  scenario.network.queue = absl::Milliseconds(queue_ms);
  scenario.network.latency = absl::Microseconds(latency_us);
  const absl::Duration bound = scenario.FluidBound();
  scenario.late_joins.assign(late, bound * late_at);
  for (uint32_t i = 0; i < frozen + vanished; ++i) {
    scenario.troubles.push_back({.leecher = i, .at = bound * trouble_at, .frozen = i < frozen});
  }

  std::vector<double> ratios;
  const absl::Time began = absl::Now();
  uint64_t events = 0;
  for (uint32_t run = 0; run < runs; ++run) {
    const SwarmReport report = shoal::sim::Swarm(scenario).Run();
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(scenario.random_seed),
                report.ToString().c_str());
    if (!report.seeks.empty()) std::printf("  %s\n", report.SeeksToString().c_str());
    if (periods) std::printf("%s", report.PeriodsToString().c_str());
    std::fflush(stdout);
    ratios.push_back(report.LastRatio());
    events += report.events;
    ++scenario.random_seed;
  }
  std::sort(ratios.begin(), ratios.end());
  std::printf("last finisher over the bound: median %.3f, %.3f to %.3f (%.1f s for %.1f million events)\n",
              ratios[ratios.size() / 2], ratios.front(), ratios.back(),
              absl::ToDoubleSeconds(absl::Now() - began), static_cast<double>(events) / 1e6);
  return 0;
}
