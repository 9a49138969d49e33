#include "tests/sim/swarm.h"

#include <algorithm>

namespace shoal::sim {
namespace {

constexpr double kPeriods = 20;   // per bound
constexpr double kLongPast = 20;  // bounds
constexpr absl::Duration kLookEvery = absl::Milliseconds(250);

}  // namespace

Swarm::Swarm(const Scenario& scenario)
    : scenario_(scenario),
      bound_(scenario.FluidBound()),
      network_(time_, scenario.network, bound_ / kPeriods, scenario.random_seed),
      random_(scenario.random_seed) {
  for (uint32_t i = 0; i < scenario.seeders; ++i) {
    const NodeIndex node = network_.AddNode(scenario.seeder_up_bps, scenario.down_bps, /*receives=*/false);
    seeders_.push_back(std::make_unique<Uploads>(time_, network_, node, ChunkSet::All(scenario.chunk_count),
                                                 Uploads::Options{.chunk_bytes = scenario.chunk_bytes,
                                                                  .turns = scenario.seeder_turns,
                                                                  .serves_any = scenario.serves_any,
                                                                  .have_apart = scenario.have_apart,
                                                                  .random_seed = random_()}));
  }
  const auto on_time = scenario.leechers - static_cast<uint32_t>(scenario.late_joins.size());
  for (uint32_t i = 0; i < scenario.leechers; ++i) {
    AddLeecher(i < on_time ? scenario.join_within * (static_cast<double>(random_() % 1000) / 1000)
                           : scenario.late_joins[i - on_time]);
  }
  for (const Scenario::Trouble& trouble : scenario.troubles) {
    Leecher& leecher = *leechers_[trouble.leecher];
    leecher.in_trouble = true;
    --unfinished_;
    time_.At(trouble.at, [this, &leecher, frozen = trouble.frozen] {
      frozen ? network_.Freeze(leecher.node) : Vanish(leecher);
    });
  }
  time_.At(kLookEvery, [this] { LookAfterTurns(); });
  time_.At(bound_ / kPeriods, [this] { Sample(); });
}

void Swarm::AddLeecher(absl::Duration join) {
  auto owned = std::make_unique<Leecher>();
  Leecher& leecher = *owned;
  leecher.node = network_.AddNode(scenario_.leecher_up_bps, scenario_.down_bps, /*receives=*/true);
  leecher.uploads = std::make_unique<Uploads>(time_, network_, leecher.node, ChunkSet(scenario_.chunk_count),
                                              Uploads::Options{.chunk_bytes = scenario_.chunk_bytes,
                                                               .turns = scenario_.leecher_turns,
                                                               .have_apart = scenario_.have_apart,
                                                               .random_seed = random_()});
  Downloads::Options options;
  options.chunk_count = scenario_.chunk_count;
  options.neighbours = scenario_.neighbours;
  options.verify = scenario_.verify;
  options.planner.credit = scenario_.credit;
  options.planner.chunk_bytes = scenario_.chunk_bytes;
  options.planner.seed = random_();
  if (leechers_.size() < scenario_.players) {
    options.player = scenario_.player;
    options.player->random_seed = options.planner.seed;
  } else {
    options.sequential = leechers_.size() < scenario_.players + scenario_.sequential;
  }
  leecher.downloads = std::make_unique<Downloads>(
      time_, network_, *leecher.uploads, options, [this](Downloads& client) { return DialAny(client); },
      [this, &leecher] {
        leecher.finished = time_.now();
        if (!leecher.in_trouble) --unfinished_;
      });
  ++unfinished_;
  time_.At(join, [&leecher] {
    leecher.joined = true;
    leecher.downloads->Begin();
  });
  leechers_.push_back(std::move(owned));
}

bool Swarm::DialAny(Downloads& client) {
  for (const auto& seeder : seeders_) {
    if (client.IsLinkedTo(seeder->node())) continue;
    Dial(client, *seeder);
    return true;
  }
  // A few random tries succeed in all but the smallest swarms; then every node is tried.
  const size_t start = random_() % leechers_.size();
  for (size_t i = 0; i < leechers_.size(); ++i) {
    const size_t at = i < 8 ? random_() % leechers_.size() : (start + i) % leechers_.size();
    Leecher& other = *leechers_[at];
    if (!other.joined || other.gone || other.downloads.get() == &client || client.IsLinkedTo(other.node))
      continue;
    Dial(client, *other.uploads);
    return true;
  }
  return false;
}

void Swarm::Dial(Downloads& client, Uploads& server) {
  auto link = std::make_unique<Link>();
  link->index = LinkIndex(static_cast<uint32_t>(links_.size()));
  link->client_node = client.uploads().node();
  link->server_node = server.node();
  link->client = &client;
  link->server = &server;
  links_.push_back(std::move(link));
  client.Add(*links_.back());
}

void Swarm::Vanish(Leecher& leecher) {
  leecher.gone = true;
  const absl::Duration noticed = scenario_.network.latency;
  for (const auto& owned : links_) {
    Link* link = owned.get();
    if (link->client_node == leecher.node && link->server_open) {
      time_.After(noticed, [link] { link->server->Close(*link); });
    }
    if (link->server_node == leecher.node && link->client_open) {
      link->server->Close(*link);
      time_.After(noticed, [link] { link->client->Lost(*link); });
    }
  }
  leecher.downloads->End();
}

void Swarm::LookAfterTurns() {
  for (const auto& seeder : seeders_) seeder->Look();
  for (const auto& leecher : leechers_) leecher->uploads->Look();
  time_.After(kLookEvery, [this] { LookAfterTurns(); });
}

bool Swarm::CouldHelp(const Leecher& leecher) const {
  for (const Link* link : leecher.uploads->links()) {
    if (link->client->done()) continue;
    ChunkSet lacked = leecher.uploads->held();
    lacked.Remove(link->client->uploads().held());
    if (!lacked.empty()) return true;
  }
  return false;
}

void Swarm::Sample() {
  SwarmReport::Period period;
  for (const auto& leecher : leechers_) {
    if (network_.IsSending(leecher->node)) continue;
    period.idle += 1;
    if (CouldHelp(*leecher)) period.could_help += 1;
  }
  period.idle /= static_cast<double>(leechers_.size());
  period.could_help /= static_cast<double>(leechers_.size());
  report_.periods.push_back(period);
  time_.After(bound_ / kPeriods, [this] { Sample(); });
}

SwarmReport Swarm::Run() {
  while (unfinished_ > 0 && time_.Step(bound_ * kLongPast)) {
  }
  report_.bound = bound_;
  const double content = static_cast<double>(scenario_.chunk_count) * scenario_.chunk_bytes;
  double wasted = 0;
  for (const auto& leecher : leechers_) {
    wasted += static_cast<double>(leecher->downloads->wasted_bytes());
    if (const Player* player = leecher->downloads->player()) {
      report_.seeks.insert(report_.seeks.end(), player->seeks().begin(), player->seeks().end());
    }
    if (leecher->in_trouble) continue;
    ++report_.leechers;
    if (!leecher->finished.has_value()) continue;
    ++report_.finished;
    report_.last = std::max(report_.last, *leecher->finished);
    report_.mean += *leecher->finished;
  }
  if (report_.finished > 0) report_.mean /= report_.finished;
  report_.wasted = wasted / (content * report_.leechers);
  for (const auto& seeder : seeders_) {
    report_.seeder_copies += static_cast<double>(network_.SentBytes(seeder->node())) / content;
  }
  report_.events = time_.events();
  const double period_seconds = absl::ToDoubleSeconds(bound_ / kPeriods);
  const auto use = [&](NodeIndex node, size_t at) {
    const std::vector<double>& sent = network_.SentPerPeriod(node);
    return at < sent.size() ? sent[at] / (period_seconds * network_.UplinkRate(node)) : 0;
  };
  for (size_t i = 0; i < report_.periods.size(); ++i) {
    for (const auto& seeder : seeders_) {
      report_.periods[i].seeder_use += use(seeder->node(), i) / static_cast<double>(seeders_.size());
    }
    for (const auto& leecher : leechers_) {
      report_.periods[i].leechers_use += use(leecher->node, i) / static_cast<double>(leechers_.size());
    }
  }
  return report_;
}

}  // namespace shoal::sim
