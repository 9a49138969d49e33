#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "clients/leecher/download/model/download_status.h"
#include "shoal/base/mutex.h"
#include "shoal/content/publish/chunk_source.h"

namespace shoal::leecher {

// Where a download's loop leaves what other threads want to know: the latest status, the source, the outcome.
// Thread-safe.
class DownloadBoard {
 public:
  void PutStatus(DownloadStatus status) {
    MutexLock lock(&mutex_);
    status_ = std::move(status);
  }
  DownloadStatus status() const {
    MutexLock lock(&mutex_);
    return status_;
  }

  void PutSource(std::shared_ptr<const ChunkSource> source) {
    MutexLock lock(&mutex_);
    source_ = std::move(source);
  }
  std::shared_ptr<const ChunkSource> source() const {
    MutexLock lock(&mutex_);
    return source_;
  }

  void PutOutcome(absl::Status outcome) {
    MutexLock lock(&mutex_);
    outcome_ = std::move(outcome);
    over_.NotifyAll();
  }
  absl::Status WaitForOutcome() const {
    MutexLock lock(&mutex_);
    while (!outcome_.has_value()) over_.Wait(&mutex_);
    return *outcome_;
  }

 private:
  mutable Mutex mutex_;
  mutable CondVar over_;
  DownloadStatus status_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const ChunkSource> source_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> outcome_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::leecher
