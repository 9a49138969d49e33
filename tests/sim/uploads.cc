#include "tests/sim/uploads.h"

#include <algorithm>
#include <utility>

#include "tests/sim/downloads.h"

namespace shoal::sim {

Uploads::Uploads(VirtualTime& time, Network& network, NodeIndex node, ChunkSet held, const Options& options)
    : time_(time),
      network_(network),
      node_(node),
      options_(options),
      held_(std::move(held)),
      turns_(options.turns) {
  if (options.serves_any) fresh_ = std::make_unique<stream::FreshChunks>(held_.size(), options.random_seed);
}

void Uploads::Accept(Link& link) {
  link.server_open = true;
  link.uploader = turns_.Join();
  by_uploader_[link.uploader] = &link;
  if (fresh_ != nullptr) link.fresh_peer = fresh_->Join();
  links_.push_back(&link);
  network_.Tell(node_, link.client_node, link.to_client_not_before,
                [&link, held = held_, any = serves_any()] { link.client->Ready(link, held, any); });
}

void Uploads::Close(Link& link) {
  if (!link.server_open) return;
  link.server_open = false;
  link.queued.clear();
  link.credits = 0;
  std::erase(links_, &link);
  by_uploader_.erase(link.uploader);
  if (fresh_ != nullptr) fresh_->Leave(link.fresh_peer);
  if (link.moving.has_value()) network_.Abort(std::exchange(link.moving, std::nullopt)->transfer);
  BeginAll(turns_.Leave(link.uploader, time_.now()));
}

void Uploads::Request(Link& link, const std::vector<ChunkIndex>& chunks) {
  if (!link.server_open) return;
  link.queued.insert(link.queued.end(), chunks.begin(), chunks.end());
  Serve(link);
}

void Uploads::RequestAny(Link& link, uint32_t chunks) {
  if (!link.server_open) return;
  link.credits += chunks;
  Serve(link);
}

void Uploads::Cancel(Link& link, const std::vector<ChunkIndex>& chunks) {
  std::erase_if(link.queued, [&](ChunkIndex chunk) {
    return std::find(chunks.begin(), chunks.end(), chunk) != chunks.end();
  });
}

void Uploads::ClientGained(Link& link, const std::vector<ChunkRange>& gained) {
  if (link.server_open && fresh_ != nullptr) (void)fresh_->Holds(link.fresh_peer, gained);
}

void Uploads::Gained(ChunkIndex chunk) {
  held_.Insert(chunk);
  untold_gains_.push_back({chunk, 1});
  if (telling_gains_) return;
  telling_gains_ = true;
  time_.At(std::max(time_.now(), told_gains_at_ + options_.have_apart), [this] { TellGains(); });
}

void Uploads::TellGains() {
  telling_gains_ = false;
  told_gains_at_ = time_.now();
  for (Link* link : links_) TellGainsTo(*link, untold_gains_);
  untold_gains_.clear();
}

// A message can't overtake the chunk that is being sent on the same connection.
void Uploads::TellGainsTo(Link& link, std::vector<ChunkRange> gains) {
  if (link.moving.has_value()) {
    link.gains_behind.insert(link.gains_behind.end(), gains.begin(), gains.end());
    return;
  }
  network_.Tell(node_, link.client_node, link.to_client_not_before,
                [&link, gains = std::move(gains)] { link.client->ServerGained(link, gains); });
}

void Uploads::Look() {
  if (turns_.waiting() > 0) BeginAll(turns_.Look(time_.now()));
}

void Uploads::Serve(Link& link) {
  if (link.has_turn || (link.moving.has_value() && !link.moving->handed_over)) return;
  if (link.queued.empty() && link.credits == 0) return;
  if (turns_.Ask(link.uploader, options_.chunk_bytes, time_.now())) Begin(link);
}

// Called when the link's turn has come.
void Uploads::Begin(Link& link) {
  link.has_turn = true;
  if (link.moving.has_value()) return;  // continues when that chunk is sent
  if (!link.queued.empty()) {
    const ChunkIndex chunk = link.queued.front();
    link.queued.pop_front();
    if (fresh_ != nullptr) fresh_->Sent(link.fresh_peer, chunk);
    return Send(link, chunk);
  }
  if (link.credits > 0) {
    if (const std::optional<ChunkIndex> chunk = fresh_->Take(link.fresh_peer)) {
      --link.credits;
      return Send(link, *chunk);
    }
    link.credits = 0;
    network_.Tell(node_, link.client_node, link.to_client_not_before,
                  [&link] { link.client->NothingFresh(link); });
  }
  EndTurn(link);
}

void Uploads::Send(Link& link, ChunkIndex chunk) {
  link.moving.emplace(Link::Moving{});
  link.moving->chunk = chunk;
  link.moving->transfer = network_.Start(node_, link.client_node, options_.chunk_bytes,
                                         {.moved = [&link] { link.client->Moved(link); },
                                          .handed_over = [this, &link] { HandedOver(link); },
                                          .arrived = [this, &link] { Arrived(link); }});
  // By then another chunk may be in transit: it begins at the next check.
  network_.Tell(node_, link.client_node, link.to_client_not_before, [&link, chunk] {
    if (link.moving.has_value() && link.moving->chunk == chunk) link.client->ChunkBegan(link);
  });
}

void Uploads::HandedOver(Link& link) {
  link.moving->handed_over = true;
  EndTurn(link);
  Serve(link);
}

void Uploads::Arrived(Link& link) {
  if (!link.moving.has_value()) return;  // the connection broke since
  link.client->Arrived(link);
  link.moving.reset();
  if (!link.server_open) return;
  if (!link.gains_behind.empty()) TellGainsTo(link, std::exchange(link.gains_behind, {}));
  if (link.has_turn) Begin(link);
}

void Uploads::EndTurn(Link& link) {
  link.has_turn = false;
  BeginAll(turns_.Done(link.uploader, time_.now()));
}

void Uploads::BeginAll(const std::vector<stream::Uploader>& granted) {
  for (const stream::Uploader uploader : granted) {
    const auto found = by_uploader_.find(uploader);
    if (found != by_uploader_.end()) Begin(*found->second);
  }
}

}  // namespace shoal::sim
