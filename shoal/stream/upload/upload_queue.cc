#include "shoal/stream/upload/upload_queue.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace shoal::stream {

absl::StatusOr<std::vector<Refuse>> UploadQueue::Add(const Request& request, const ChunkSource& source) {
  const uint32_t chunk_count = source.manifest()->chunk_count();
  for (const ChunkRange& range : request.chunks) {
    if (range.count > chunk_count || range.first.value() > chunk_count - range.count) {
      return absl::InvalidArgumentError(absl::StrCat("asked for chunks from ", range.first.value(), " on, ",
                                                     range.count, " of them, of a content with ",
                                                     chunk_count));
    }
  }
  std::vector<ChunkIndex> not_held;
  std::vector<ChunkRange> too_many;
  // Chunks that are not held cost a look each, so they are bounded as well as those that are queued.
  uint32_t looks_left = 2 * max_chunks_;
  for (const ChunkRange& range : request.chunks) {
    for (uint32_t i = 0; i < range.count; ++i) {
      const ChunkIndex index(range.first.value() + i);
      if (IsFull() || looks_left == 0) {
        too_many.push_back({index, range.count - i});
        break;
      }
      --looks_left;
      if (!source.Holds(index)) {
        not_held.push_back(index);
      } else if (present_.insert(index).second) {
        queued_.push_back({index, source.manifest()->PlaceOf(index).length_bytes});
        queued_bytes_ += queued_.back().length_bytes;
      }
    }
  }
  std::vector<Refuse> refusals;
  if (!not_held.empty()) {
    refusals.push_back(
        {.reason = Refuse::Reason::kNotHeld, .chunks = RunsOf(not_held), .retry_after = {}, .detail = {}});
  }
  if (!too_many.empty()) {
    refusals.push_back({.reason = Refuse::Reason::kTooManyRequests,
                        .chunks = std::move(too_many),
                        .retry_after = {},
                        .detail = {}});
  }
  return refusals;
}

void UploadQueue::Cancel(const stream::Cancel& cancel) {
  if (queued_.empty()) return;
  // A stranger wrote the ranges, and there may be many: each queued chunk looks at few of them.
  std::vector<ChunkRange> ranges = cancel.chunks;
  std::sort(ranges.begin(), ranges.end(),
            [](const ChunkRange& a, const ChunkRange& b) { return a.first < b.first; });
  std::vector<ChunkRange> apart;
  for (const ChunkRange& range : ranges) {
    const uint32_t end = range.first.value() + range.count;
    if (apart.empty() || range.first.value() > apart.back().first.value() + apart.back().count) {
      apart.push_back(range);
    } else {
      apart.back().count = std::max(apart.back().count, end - apart.back().first.value());
    }
  }
  std::erase_if(queued_, [&](const Queued& queued) {
    const auto after =
        std::upper_bound(apart.begin(), apart.end(), queued.index,
                         [](ChunkIndex index, const ChunkRange& range) { return index < range.first; });
    if (after == apart.begin()) return false;
    const ChunkRange& range = *std::prev(after);
    if (queued.index.value() - range.first.value() >= range.count) return false;
    present_.erase(queued.index);
    queued_bytes_ -= queued.length_bytes;
    return true;
  });
}

std::optional<ChunkIndex> UploadQueue::Pop() {
  if (queued_.empty()) return std::nullopt;
  const Queued next = queued_.front();
  queued_.pop_front();
  present_.erase(next.index);
  queued_bytes_ -= next.length_bytes;
  return next.index;
}

std::vector<ChunkRange> RunsOf(const std::vector<ChunkIndex>& chunks) {
  std::vector<ChunkRange> runs;
  for (const ChunkIndex index : chunks) {
    if (!runs.empty() && index.value() == runs.back().first.value() + runs.back().count) {
      ++runs.back().count;
    } else {
      runs.push_back({index, 1});
    }
  }
  return runs;
}

}  // namespace shoal::stream
