#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/leecher/download/model/download_reader.h"
#include "clients/leecher/download/policy/read_ahead.h"
#include "shoal/base/mutex.h"

namespace shoal::leecher {

// The readers of one download: carries what they need to the download's loop, and wakes them. It does not
// know which chunks are held, nor when one is due. Lives as long as the download or its last reader.
//
// Thread safety: all methods are thread-safe.
class DownloadReaders : public std::enable_shared_from_this<DownloadReaders> {
 public:
  static constexpr size_t kMaxReaders = 32;

  // `on_changed` is called when there is something for TakeChanges, until Close; it must not block, nor call
  // this.
  explicit DownloadReaders(std::function<void()> on_changed) : on_changed_(std::move(on_changed)) {}

  // See Download::OpenReader.
  absl::StatusOr<std::unique_ptr<DownloadReader>> Open(ChunkRange chunks, std::function<void()> wake);

  struct Changes {
    struct Needs {
      ReaderId reader;
      ChunkRange chunks;
    };
    std::vector<Needs> needs;  // new, or changed
    std::vector<ReaderId> gone;
  };
  // What changed since the last call; `all`: everything that is needed.
  Changes TakeChanges(bool all);
  void Wake(ReaderId reader);
  // This reader has ended; or all of them, and all that come later.
  void End(ReaderId reader);
  void EndAll();
  // EndAll; `on_changed` is not called any more.
  void Close();

 private:
  class Handle;
  struct Reader {
    ChunkRange needs;
    std::function<void()> wake;
    bool changed = true;
    bool ended = false;
  };

  void Need(ReaderId reader, ChunkRange chunks);
  bool Ended(ReaderId reader) const;
  void Remove(ReaderId reader);
  void Tell() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::function<void()> on_changed_ ABSL_GUARDED_BY(mutex_);  // null once closed
  std::map<ReaderId, Reader> readers_ ABSL_GUARDED_BY(mutex_);
  std::vector<ReaderId> gone_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  bool told_ ABSL_GUARDED_BY(mutex_) = false;  // on_changed was called, and TakeChanges not since
  bool all_ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace shoal::leecher
