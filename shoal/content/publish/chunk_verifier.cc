#include "shoal/content/publish/chunk_verifier.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/publish/chunk_hasher.h"
#include "shoal/content/publish/worker_threads.h"

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

// Calls on_wrong, from several threads, for each of `chunks` that is wrong, until it returns an error.
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

// Checks the length too.
bool HasItsCrc(const Manifest& manifest, const ArrivedChunk& chunk) {
  return chunk.index.value() < manifest.chunk_count() &&
         chunk.bytes.size() == manifest.PlaceOf(chunk.index).length_bytes &&
         chunk.crc32 == manifest.checksums(chunk.index).crc32;
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

std::vector<bool> AreRight(const Manifest& manifest, std::span<const ArrivedChunk> chunks) {
  std::vector<bool> right(chunks.size());
  std::vector<size_t> by_length;
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (HasItsCrc(manifest, chunks[i])) by_length.push_back(i);
  }
  std::sort(by_length.begin(), by_length.end(),
            [&](size_t a, size_t b) { return chunks[a].bytes.size() < chunks[b].bytes.size(); });
  const auto has_its_sha256 = [&](size_t i, const Sha256Digest& found) {
    return manifest.checksums(chunks[i].index).sha256 == found;
  };
  for (size_t i = 0; i + 1 < by_length.size(); i += 2) {
    const size_t first = by_length[i];
    const size_t second = by_length[i + 1];
    const auto digests = Sha256OfTwo(chunks[first].bytes, chunks[second].bytes);
    right[first] = has_its_sha256(first, digests[0]);
    right[second] = has_its_sha256(second, digests[1]);
  }
  if (by_length.size() % 2 == 1) {
    const size_t last = by_length.back();
    right[last] = has_its_sha256(last, Sha256::Of(chunks[last].bytes));
  }
  return right;
}

bool AreRight(const Manifest& manifest, const ChunkSet& chunks, const OpenChunk& open) {
  return FindWrong(manifest, ListOf(chunks), open,
                   [](ChunkIndex) { return absl::DataLossError("a chunk is wrong"); })
      .ok();
}

}  // namespace shoal
