#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "shoal/base/clock.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/mutex.h"
#include "shoal/stream/upload/upload_turns.h"

namespace shoal::stream {

// The UploadTurns of a server, shared by its sessions on all loops, which it wakes when their turn comes. The
// order of the turns is the business of UploadTurns alone.
//
// Thread safety: all methods are thread-safe. `clock` must outlive it.
class UploadGate {
 public:
  // The time between two calls of Look by a waiting uploader.
  static constexpr absl::Duration kLookEvery = absl::Milliseconds(250);

  explicit UploadGate(uint32_t parallel, const Clock& clock = Clock::Real());

  // `wake` is called when a turn that was requested may have come, on the thread that made room. It must not
  // call this object. Once Leave has returned it is not called again, except for a call in progress.
  Uploader Join(std::function<void()> wake, std::optional<IpAddress> source = std::nullopt);
  void Leave(Uploader uploader);

  // As in UploadTurns; the uploaders that its calls return are woken.
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
