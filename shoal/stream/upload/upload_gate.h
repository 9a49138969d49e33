#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"
#include "shoal/stream/upload/upload_turns.h"

namespace shoal::stream {

// The UploadTurns of a server, for its sessions on all loops. Thread-safe.
class UploadGate {
 public:
  // How often a waiting uploader should Look.
  static constexpr absl::Duration kLookEvery = absl::Milliseconds(250);

  explicit UploadGate(uint32_t parallel, const Clock& clock = Clock::Real());

  // `wake` is called when a turn that was waited for may have come, from the thread that made room; it
  // must not call back. It is never called again once Leave has returned, but for a call that is under way.
  Uploader Join(std::function<void()> wake);
  void Leave(Uploader uploader);

  // As in UploadTurns, whose calls wake those that they name.
  bool Ask(Uploader uploader, uint64_t bytes);
  void Done(Uploader uploader);
  void Look();

 private:
  using Wakes = std::vector<std::shared_ptr<const std::function<void()>>>;

  Wakes WakesOf(const std::vector<Uploader>& uploaders) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock& clock_;
  mutable Mutex mutex_;
  UploadTurns turns_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<Uploader, std::shared_ptr<const std::function<void()>>> wakes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::stream
