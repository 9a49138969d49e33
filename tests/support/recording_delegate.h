#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "shoal/base/mutex.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/stream/chunk_session.h"

namespace shoal {

// A SessionDelegate that records all events, and lets the test's thread wait for them. Thread-safe.
class RecordingDelegate final : public stream::SessionDelegate {
 public:
  struct Record {
    std::optional<stream::Hello> hello;
    std::optional<std::string> manifest;
    std::vector<ChunkRange> have;
    std::vector<std::pair<ChunkIndex, std::string>> chunks;  // in the order of arrival
    std::vector<ChunkIndex> corrupt;
    std::vector<stream::Refuse> refused;
    uint32_t nothing_fresh = 0;  // times
    std::vector<absl::Status> source_failures;
    std::optional<absl::Status> closed;
    uint64_t progress_bytes = 0;
    uint32_t pauses = 0;  // times that no buffer was free
  };

  explicit RecordingDelegate(size_t buffer_bytes = 1024 * 1024, size_t max_buffers = 4)
      : pool_(ChunkBufferPool::Create(buffer_bytes, buffer_bytes * max_buffers)) {}

  // Set before the session starts: an action for OnReady, and the chunks that are not wanted.
  std::function<void()> on_ready;
  std::set<ChunkIndex> unwanted;
  // Keeps the buffers of the chunks that arrived, until Release().
  bool keep_buffers = false;

  // Blocks until `done` returns true for the record, and returns a copy of it.
  Record Wait(const std::function<bool(const Record&)>& done) {
    MutexLock lock(&mutex_);
    while (!done(record_)) changed_.Wait(&mutex_);
    return record_;
  }
  Record WaitClosed() {
    return Wait([](const Record& record) { return record.closed.has_value(); });
  }
  void Release() {
    std::vector<ChunkBuffer> kept;
    MutexLock lock(&mutex_);
    kept.swap(kept_);
  }

  void OnReady(const stream::Hello& theirs) override {
    Note([&](Record& record) { record.hello = theirs; });
    if (on_ready) on_ready();
  }
  void OnManifest(std::string canonical) override {
    Note([&](Record& record) { record.manifest = std::move(canonical); });
  }
  void OnHave(const stream::Have& have) override {
    Note([&](Record& record) {
      record.have.insert(record.have.end(), have.gained.begin(), have.gained.end());
    });
  }
  bool WantsChunk(ChunkIndex index, uint32_t length_bytes) override {
    return !unwanted.contains(index) && length_bytes <= pool_->max_chunk_bytes();
  }
  ChunkBuffer BufferFor(ChunkIndex, uint32_t length_bytes) override {
    ChunkBuffer buffer = pool_->TryAcquire(length_bytes);
    if (!buffer) Note([](Record& record) { ++record.pauses; });
    return buffer;
  }
  void OnProgress(ChunkIndex, uint32_t bytes) override {
    Note([&](Record& record) { record.progress_bytes += bytes; });
  }
  void OnChunk(ChunkIndex index, ChunkBuffer bytes, uint32_t crc32) override {
    EXPECT_EQ(crc32, Crc32(bytes.bytes()));
    std::string text(bytes.bytes().begin(), bytes.bytes().end());
    Note([&](Record& record) {
      record.chunks.emplace_back(index, std::move(text));
      if (keep_buffers) kept_.push_back(std::move(bytes));
    });
  }
  void OnCorruptFrame(ChunkIndex index) override {
    Note([&](Record& record) { record.corrupt.push_back(index); });
  }
  void OnRefused(const stream::Refuse& refuse) override {
    Note([&](Record& record) { record.refused.push_back(refuse); });
  }
  void OnNothingFresh() override {
    Note([](Record& record) { ++record.nothing_fresh; });
  }
  // Both record a new Status, not a copy, which shares its memory with the original: ThreadSanitizer does not
  // see the counting in Abseil's library, and would take the last one's delete for a race.
  void OnSourceFailure(const absl::Status& why) override {
    Note([&](Record& record) { record.source_failures.emplace_back(why.code(), why.message()); });
  }
  void OnClosed(const absl::Status& why) override {
    Note([&](Record& record) { record.closed = absl::Status(why.code(), why.message()); });
  }

 private:
  template <typename Change>
  void Note(const Change& change) {
    MutexLock lock(&mutex_);
    change(record_);
    changed_.NotifyAll();
  }

  const std::shared_ptr<ChunkBufferPool> pool_;
  Mutex mutex_;
  CondVar changed_;
  Record record_;
  std::vector<ChunkBuffer> kept_;
};

}  // namespace shoal
