#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/seeder/folder/hash_cache.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/publish/manifest_builder.h"

namespace shoal::seeder {

// The result of examining an entry.
struct HashOutcome {
  enum class Kind {
    kBuilt,      // `built` is its manifest
    kUnchanged,  // it looks as the version that is published
    kEmpty,      // a folder with no file in it
    kUnsettled,  // written to a moment ago: look again in `settles_in`
    kGone,
    kGivenUp,  // GiveUp was called for it
    kFailed,   // `why`; ABORTED when it changed while it was read
  };
  std::string entry;
  Kind kind = Kind::kFailed;
  std::optional<BuiltManifest> built;
  bool from_cache = false;
  absl::Duration settles_in;
  absl::Status why;
};

// Builds manifests of entries, one at a time on its own thread, each with all cores: from the cache if the
// entry is unchanged, by hashing it otherwise. All methods are thread-safe.
class EntryHasher {
 public:
  struct Options {
    std::string folder;
    absl::Duration settle;
    const Clock* clock = nullptr;
    std::shared_ptr<const HashCache> cache;  // null: none
    // These are called from the hasher's threads and must not call back into it.
    std::function<void(const std::string& entry, uint64_t done_bytes, uint64_t total_bytes)> on_progress;
    std::function<void(HashOutcome)> on_outcome;             // once for each entry that was submitted
    std::function<void(const absl::Status&)> on_cache_lost;  // once, when the cache can't be written
  };

  explicit EntryHasher(Options options);
  // Cancels the entry in progress and drops the queue; no outcome follows.
  ~EntryHasher();

  // Queues `entry`. `published`: the fingerprint of the published version. Does nothing if the entry is
  // queued already.
  void Submit(const std::string& entry, std::optional<Sha256Digest> published);
  // Cancels hashing of `entry` if it is in progress: the entry has changed.
  void GiveUp(const std::string& entry);

 private:
  struct Job {
    std::string entry;
    std::optional<Sha256Digest> published;
  };

  void Run();
  HashOutcome Look(const Job& job);
  HashOutcome Build(const std::string& path, HashOutcome outcome, uint64_t length_bytes);
  void StoreInCache(const std::string& entry, const BuiltManifest& built);

  const Options options_;
  bool cache_lost_ = false;  // the hasher's thread
  std::atomic<bool> give_up_ = false;
  Mutex mutex_;
  CondVar wake_;
  std::deque<Job> waiting_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<std::string> waiting_names_ ABSL_GUARDED_BY(mutex_);
  std::string at_work_on_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace shoal::seeder
