#include "tests/sim/player.h"

#include <algorithm>
#include <utility>

namespace shoal::sim {
namespace {

// How often a place that is not held is looked for: a seek to one that is waits for nothing.
constexpr uint32_t kTries = 100;

std::shared_ptr<const Manifest> ManifestOf(uint32_t chunks, uint32_t chunk_bytes) {
  return std::make_shared<const Manifest>(Manifest::Create(Manifest::Kind::kFile, "film", chunk_bytes,
                                                           {{"film", uint64_t{chunks} * chunk_bytes, false}},
                                                           std::vector<ChunkChecksums>(chunks))
                                              .value());
}

}  // namespace

Player::Player(VirtualTime& time, leecher::RequestPlanner& planner, uint32_t chunk_bytes,
               const Options& options, std::function<void()> plan)
    : time_(time),
      planner_(planner),
      options_(options),
      plan_(std::move(plan)),
      manifest_(ManifestOf(planner.picker().size(), chunk_bytes)),
      held_(planner.picker().size()),
      ahead_(manifest_),
      random_(options.random_seed) {}

void Player::Tick() {
  planner_.SetUrgent(ahead_.Due(time_.now(), [this](ChunkIndex chunk) { return planner_.IsMissing(chunk); }));
}

void Player::Stored(ChunkIndex chunk) {
  held_.Insert(chunk);
  (void)ahead_.Gained(chunk, time_.now());
  if (waits_ && chunk == at_) Read();
}

void Player::Begin() {
  planner_.SetRead(true, time_.now());
  SeekAnywhere();
}

void Player::SeekAnywhere() {
  const double chunk_seconds = manifest_->chunk_size_bytes() * 8.0 / options_.bits_per_second;
  const auto played = static_cast<uint32_t>(absl::ToDoubleSeconds(options_.play) / chunk_seconds) + 1;
  ahead_.Remove(leecher::ReaderId(reader_++));
  Tick();
  sought_ = time_.now();
  due_ = sought_;
  started_ = false;
  seek_ = Seek();
  ChunkIndex place;
  for (uint32_t tries = 0; tries < kTries; ++tries) {
    place = ChunkIndex(static_cast<uint32_t>(random_() % (manifest_->chunk_count() - played)));
    if (!held_.Contains(place)) break;
  }
  Need(place);
}

void Player::Need(ChunkIndex chunk) {
  at_ = chunk;
  const bool holds = held_.Contains(chunk);
  ahead_.Set(leecher::ReaderId(reader_), {chunk, manifest_->chunk_count() - chunk.value()}, holds,
             time_.now());
  waits_ = !holds;
  if (holds) return Read();
  Tick();
  plan_();
}

// The chunk is held, and its time has come.
void Player::Read() {
  waits_ = false;
  const absl::Duration late = time_.now() - due_;
  if (!started_) {
    started_ = true;
    seek_.wait = late;
    ends_ = time_.now() + options_.play;
  } else {
    seek_.stall = std::max(seek_.stall, late);
  }
  if (time_.now() >= ends_) {
    seeks_.push_back(seek_);
    return SeekAnywhere();
  }
  // What was late delays all that comes after it.
  due_ = time_.now() + absl::Seconds(manifest_->chunk_size_bytes() * 8.0 / options_.bits_per_second);
  time_.At(due_, [this, reader = reader_] {
    if (reader == reader_) Need(ChunkIndex(at_.value() + 1));
  });
}

}  // namespace shoal::sim
