#include "clients/leecher/download/policy/wanted_progress.h"

#include <utility>

namespace shoal::leecher {

WantedProgress::WantedProgress(std::shared_ptr<const Manifest> manifest, ChunkSet held)
    : manifest_(std::move(manifest)), resumed_(held), held_(std::move(held)) {
  Want(ChunkSet::All(manifest_->chunk_count()));
}

void WantedProgress::Want(ChunkSet wanted) {
  wanted_ = std::move(wanted);
  chunks_held_ = 0;
  held_bytes_ = 0;
  resumed_bytes_ = 0;
  in_order_bytes_ = 0;
  first_missing_ = ChunkIndex(0);
  held_.ForEach([&](ChunkIndex chunk) {
    if (!wanted_.Contains(chunk)) return;
    const uint32_t bytes = LengthOf(chunk);
    ++chunks_held_;
    held_bytes_ += bytes;
    if (resumed_.Contains(chunk)) resumed_bytes_ += bytes;
  });
  AdvanceInOrder();
}

void WantedProgress::Gained(ChunkIndex chunk) {
  if (!held_.Insert(chunk) || !wanted_.Contains(chunk)) return;
  ++chunks_held_;
  held_bytes_ += LengthOf(chunk);
  AdvanceInOrder();
}

void WantedProgress::AdvanceInOrder() {
  for (; first_missing_.value() < manifest_->chunk_count(); ++first_missing_) {
    if (!wanted_.Contains(first_missing_)) continue;
    if (!held_.Contains(first_missing_)) return;
    in_order_bytes_ += LengthOf(first_missing_);
  }
}

}  // namespace shoal::leecher
