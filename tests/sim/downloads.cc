#include "tests/sim/downloads.h"

#include <algorithm>
#include <utility>

namespace shoal::sim {
namespace {

// Events within this time of each other are planned for together, as those of one read from a socket are.
constexpr absl::Duration kPlanTogether = absl::Microseconds(500);

}  // namespace

Downloads::Downloads(VirtualTime& time, Network& network, Uploads& uploads, const Options& options,
                     std::function<bool(Downloads&)> dial, std::function<void()> finished)
    : time_(time),
      network_(network),
      uploads_(uploads),
      options_(options),
      dial_(std::move(dial)),
      finished_(std::move(finished)),
      planner_(ChunkSet(options.chunk_count), options.planner) {
  planner_.SetSequential(options.sequential);
  if (!options.player.has_value()) return;
  player_ = std::make_unique<Player>(time, planner_, options.planner.chunk_bytes, *options.player,
                                     [this] { PlanSoon(); });
}

void Downloads::Begin() {
  Tick();
  if (player_ != nullptr) player_->Begin();
}

void Downloads::End() {
  done_ = true;
  for (Link* link : links_) link->client_open = false;
  links_.clear();
  by_slot_.clear();
}

void Downloads::Add(Link& link) {
  links_.push_back(&link);
  TellServer(link, [&link] { link.server->Accept(link); });
}

bool Downloads::IsLinkedTo(NodeIndex server) const {
  return std::any_of(links_.begin(), links_.end(),
                     [&](const Link* link) { return link->server_node == server; });
}

void Downloads::Ready(Link& link, const ChunkSet& held, bool serves_any) {
  if (!link.client_open) return;
  link.ready = true;
  by_slot_[SlotOf(link)] = &link;
  planner_.PeerJoined(SlotOf(link), held, serves_any, /*on_probation=*/false, time_.now());
  if (serves_any && !uploads_.held().empty()) {
    TellServer(link,
               [&link, held_here = uploads_.held().Ranges()] { link.server->ClientGained(link, held_here); });
  }
  PlanSoon();
}

void Downloads::ServerGained(Link& link, const std::vector<ChunkRange>& gained) {
  if (!link.client_open) return;
  (void)planner_.Gained(SlotOf(link), gained);
  PlanSoon();
}

void Downloads::NothingFresh(Link& link) {
  if (!link.client_open) return;
  planner_.NothingFresh(SlotOf(link), time_.now());
  PlanSoon();
}

void Downloads::ChunkBegan(Link& link) {
  if (!link.client_open || link.moving->began) return;
  link.moving->began = true;
  link.moving->wanted = planner_.ChunkBegan(SlotOf(link), link.moving->chunk, time_.now());
  PlanSoon();
}

void Downloads::Moved(Link& link) {
  if (!link.client_open) return;
  const uint32_t bytes = network_.TakeProgress(link.moving->transfer);
  ChunkBegan(link);
  link.moving->told_bytes += bytes;
  if (link.moving->wanted) planner_.Progress(SlotOf(link), link.moving->chunk, bytes, time_.now());
  PlanSoon();
}

void Downloads::Arrived(Link& link) {
  if (!link.client_open) return;
  ChunkBegan(link);
  const Link::Moving moving = *link.moving;
  const uint32_t chunk_bytes = options_.planner.chunk_bytes;
  bool wanted = moving.wanted;
  if (wanted) {
    planner_.Progress(SlotOf(link), moving.chunk, chunk_bytes - std::min(chunk_bytes, moving.told_bytes),
                      time_.now());
    wanted = planner_.Arrived(SlotOf(link), moving.chunk, time_.now());
  }
  PlanSoon();
  if (wanted) {
    time_.After(options_.verify, [this, chunk = moving.chunk] { Stored(chunk); });
  } else {
    wasted_bytes_ += chunk_bytes;
  }
}

void Downloads::Stored(ChunkIndex chunk) {
  if (done_ || network_.IsFrozen(uploads_.node())) return;
  planner_.Stored(chunk);
  uploads_.Gained(chunk);
  if (player_ != nullptr) player_->Stored(chunk);
  for (Link* link : links_) {
    if (!link->ready || !link->server->serves_any()) continue;
    TellServer(*link, [link, chunk] { link->server->ClientGained(*link, {{chunk, 1}}); });
  }
  if (!planner_.done()) return PlanSoon();
  finished_();
  const std::vector<Link*> links = links_;
  for (Link* link : links) Drop(*link);
  done_ = true;
}

void Downloads::Lost(Link& link) {
  if (!link.client_open) return;
  link.client_open = false;
  std::erase(links_, &link);
  by_slot_.erase(SlotOf(link));
  planner_.PeerLeft(SlotOf(link));
  PlanSoon();
}

void Downloads::Drop(Link& link) {
  TellServer(link, [&link] { link.server->Close(link); });
  Lost(link);
}

void Downloads::Tick() {
  if (done_ || network_.IsFrozen(uploads_.node())) return;
  time_.After(kTick, [this] { Tick(); });
  for (const leecher::PeerSlot slot : planner_.Frozen(time_.now())) Drop(*by_slot_[slot]);
  while (links_.size() < options_.neighbours && dial_(*this)) {
  }
  if (const std::optional<leecher::PeerSlot> useless = planner_.Useless(time_.now())) {
    Link* link = by_slot_[*useless];
    if (dial_(*this)) Drop(*link);
  }
  if (player_ != nullptr) player_->Tick();
  planner_.Plan(time_.now(), *this);
}

void Downloads::PlanSoon() {
  if (planning_ || done_) return;
  planning_ = true;
  time_.After(kPlanTogether, [this] {
    planning_ = false;
    if (!done_ && !network_.IsFrozen(uploads_.node())) planner_.Plan(time_.now(), *this);
  });
}

template <typename Handle>
void Downloads::TellServer(Link& link, Handle handle) {
  network_.Tell(link.client_node, link.server_node, link.to_server_not_before, std::move(handle));
}

void Downloads::Request(leecher::PeerSlot peer, std::span<const ChunkIndex> chunks) {
  Link& link = *by_slot_[peer];
  TellServer(link, [&link, asked = std::vector<ChunkIndex>(chunks.begin(), chunks.end())] {
    link.server->Request(link, asked);
  });
}

void Downloads::RequestAny(leecher::PeerSlot peer, uint32_t chunks) {
  Link& link = *by_slot_[peer];
  TellServer(link, [&link, chunks] { link.server->RequestAny(link, chunks); });
}

void Downloads::Cancel(leecher::PeerSlot peer, std::span<const ChunkIndex> chunks) {
  Link& link = *by_slot_[peer];
  TellServer(link, [&link, cancelled = std::vector<ChunkIndex>(chunks.begin(), chunks.end())] {
    link.server->Cancel(link, cancelled);
  });
}

}  // namespace shoal::sim
