#include "shoal/content/chunk_verifier.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/chunk_hasher.h"
#include "shoal/content/worker_threads.h"

namespace shoal {
namespace {

using OpenChunk = std::function<absl::StatusOr<FileRegion>(ChunkIndex)>;

bool IsRight(const Manifest& manifest, ChunkIndex index, const OpenChunk& open, ChunkHasher* hasher) {
  const absl::StatusOr<FileRegion> region = open(index);
  if (!region.ok()) return false;
  const absl::StatusOr<ChunkChecksums> found =
      hasher->Hash(region->file->get(), region->offset_bytes, region->length_bytes);
  return found.ok() && *found == manifest.checksums(index);
}

// Calls on_wrong, from several threads, for each of `chunks` that is not right, until that returns an error.
absl::Status FindWrong(const Manifest& manifest, const std::vector<ChunkIndex>& chunks, const OpenChunk& open,
                       const std::function<absl::Status(ChunkIndex)>& on_wrong) {
  std::atomic<size_t> next{0};
  const auto threads =
      static_cast<unsigned>(std::min<size_t>(WorkerThreads(0), std::max<size_t>(chunks.size(), 1)));
  return RunOnWorkerThreads(threads, [&](const std::atomic<bool>& stop) -> absl::Status {
    ChunkHasher hasher;
    while (!stop.load(std::memory_order_relaxed)) {
      const size_t i = next.fetch_add(1, std::memory_order_relaxed);
      if (i >= chunks.size()) break;
      if (!IsRight(manifest, chunks[i], open, &hasher)) SHOAL_RETURN_IF_ERROR(on_wrong(chunks[i]));
    }
    return absl::OkStatus();
  });
}

std::vector<ChunkIndex> ListOf(const ChunkSet& set) {
  std::vector<ChunkIndex> chunks;
  chunks.reserve(set.count());
  set.ForEach([&](ChunkIndex index) { chunks.push_back(index); });
  return chunks;
}

}  // namespace

ChunkSet VerifyChunks(const Manifest& manifest, const ChunkSet& claimed, const OpenChunk& open) {
  ChunkSet right = claimed;
  Mutex mutex;
  const absl::Status status = FindWrong(manifest, ListOf(claimed), open, [&](ChunkIndex index) {
    MutexLock lock(&mutex);
    right.Erase(index);
    return absl::OkStatus();
  });
  return status.ok() ? right : ChunkSet(claimed.size());
}

bool SamplesAreRight(const Manifest& manifest, const ChunkSet& chunks, uint64_t max_bytes,
                     const OpenChunk& open) {
  std::vector<ChunkIndex> left = ListOf(chunks);
  std::minstd_rand random{std::random_device{}()};
  ChunkHasher hasher;
  uint64_t read_bytes = 0;
  while (!left.empty()) {
    std::swap(left[random() % left.size()], left.back());
    const ChunkIndex chunk = left.back();
    left.pop_back();
    const uint32_t length = manifest.PlaceOf(chunk).length_bytes;
    if (read_bytes > 0 && read_bytes + length > max_bytes) return true;
    read_bytes += length;
    if (!IsRight(manifest, chunk, open, &hasher)) return false;
  }
  return true;
}

bool AreRight(const Manifest& manifest, const ChunkSet& chunks, const OpenChunk& open) {
  return FindWrong(manifest, ListOf(chunks), open,
                   [](ChunkIndex) { return absl::DataLossError("a chunk is wrong"); })
      .ok();
}

}  // namespace shoal
