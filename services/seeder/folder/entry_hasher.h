#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/seeder/folder/entry_scan.h"
#include "services/seeder/folder/hash_cache.h"
#include "services/seeder/folder/open_writers.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"
#include "shoal/content/publish/manifest_builder.h"

namespace shoal::seeder {

// The result of examining an entry.
struct HashOutcome {
  enum class Kind {
    kBuilt,       // `built` is its manifest
    kUnchanged,   // the published version is current
    kInProgress,  // the entry is being hashed as it is now; that outcome follows
    kEmpty,       // a folder without files
    kUnsettled,   // a file changes or is open for writing, see `why`: examine the entry again in `settles_in`
    kGone,
    kGivenUp,  // GiveUp was called for it
    kFailed,   // `why`; ABORTED if it changed while it was read
  };
  std::string entry;
  Kind kind = Kind::kFailed;
  std::optional<BuiltManifest> built;
  bool from_cache = false;
  // kBuilt and kUnchanged: files that do not settle, which the version therefore does not have.
  std::set<std::string> left_out;
  // kBuilt and kUnchanged: all that the entry has and the version has not, those files included. kEmpty: all
  // that it has, but for empty folders and links.
  std::vector<LeftOut> all_left_out;
  absl::Duration settles_in;
  // kUnsettled: it has been so for longer than the patience.
  bool overdue = false;
  // kUnsettled: a file is open for writing, so there is no telling how long it takes.
  bool open_for_writing = false;
  absl::Status why;
  // The time that the scan took.
  absl::Duration scan_time;
};

// What is known about an entry before it is examined.
struct HashJob {
  std::string entry;
  std::shared_ptr<const HashedVersion> published = nullptr;  // null: none
  // Paths (empty: the entry itself) that were renamed into place. Renaming is how a finished file appears, so
  // these need not settle, provided that no process has them open for writing.
  std::set<std::string> moved_in = {};
  // Paths that were written to and not closed since. Counts only where FindOpenWriters does not know.
  std::set<std::string> written = {};
  // The cache is not to be trusted: the files could not be read.
  bool rehash = false;
};

// Whether all of the file at `path` can be read. It reads all of it.
bool CanBeRead(const std::string& path);

// Examines entries one after another on its own thread, and builds their manifests with all cores: from the
// cache if the entry is unchanged, by hashing it otherwise. Long hashing runs on a second thread, so that a
// small entry does not wait for a large one.
//
// An entry is hashed once all its files have settled: they have been unchanged for the settle time, and no
// process has them open for writing. A folder whose other files have settled waits for a file that does not
// for as long as the patience, and is then built without it.
//
// Thread safety: all methods are thread-safe.
class EntryHasher {
 public:
  struct Options {
    std::string folder;
    absl::Duration settle;
    absl::Duration patience = absl::Seconds(30);
    LinkPolicy links = LinkPolicy::kKeepInside;
    const Clock* clock = nullptr;
    std::shared_ptr<const HashCache> cache;  // null: none
    std::function<OpenWriters(const std::string& path)> find_open_writers = FindOpenWriters;
    std::function<bool(const std::string& path)> can_be_read = CanBeRead;
    // These are called from the hasher's threads and must not call back into it.
    std::function<void(const std::string& entry, uint64_t done_bytes, uint64_t total_bytes)> on_progress;
    // Once for each entry that was submitted.
    std::function<void(HashOutcome)> on_outcome;
    // The published version of a job can't be served any more, since the file at `path` is another one or
    // gone. Called before the outcome.
    std::function<void(const HashJob& job, const std::string& path)> on_outdated;
    std::function<void(const absl::Status&)> on_cache_lost;  // once, when the cache can't be written
  };

  explicit EntryHasher(Options options);
  // Cancels the entries in progress and drops the queue; no outcome follows.
  ~EntryHasher();

  // Queues `job`. Returns: false if it replaces an earlier one for the entry that still waits.
  bool Submit(HashJob job);
  // Cancels hashing of `entry` if it is in progress: the entry has changed.
  void GiveUp(const std::string& entry);

  // Returns: whether the version of `entry` that is published or being hashed was built without the file at
  // `path`, because the file does not settle. Its changes need not restart anything.
  bool LeavesOut(const std::string& entry, const std::string& path) const;

 private:
  // A file that has not settled, and since when (in the clock's uptime).
  using Unsettled = std::map<std::string, absl::Duration>;

  // What is hashed, after it was examined.
  struct Build {
    HashOutcome outcome;
    EntryScan scan;
    bool given_up = false;
  };
  // A thread, its queue and what it works on.
  template <typename Work>
  struct Lane {
    std::deque<Work> waiting;
    std::string entry;  // in progress; empty: none
    std::atomic<bool> give_up = false;
    std::thread thread;
  };

  void RunExaminer();
  void RunBuilder();
  // Returns: the outcome, or nothing if the entry was queued for the builder's thread.
  std::optional<HashOutcome> Examine(const HashJob& job);
  std::optional<HashOutcome> BuildNowOrLater(Build build);
  // Returns: how long the entry must wait for its files to settle; zero if it need not. Sets the outcome's
  // `left_out`, or its `overdue` and `why`. `news`: the files that are not as in the published version.
  absl::Duration TimeToSettle(const HashJob& job, const EntryScan& scan, const std::vector<size_t>& news,
                              HashOutcome* outcome);
  HashOutcome Run(Build build, std::atomic<bool>* give_up, bool with_progress);
  void NoteLeftOut(const std::string& entry, const std::set<std::string>& left_out);
  // Retries the unreadable files of `entry` whose next_attempt has passed. A file may become readable (for
  // example when a disk is back) without a change event.
  void TryUnreadable(const std::string& entry);
  // Leaves out the files of `scan` that could not be read when they were hashed, and have not changed since.
  void LeaveOutUnreadable(const std::string& entry, EntryScan* scan);
  // Notes files that could not be read: those in `scan` that `built` has left out for another reason.
  void NoteUnreadable(const std::string& entry, const EntryScan& scan, const BuiltManifest& built);
  void StoreInCache(const std::string& entry, const BuiltManifest& built);

  const Options options_;
  std::atomic<bool> cache_lost_ = false;
  // Used by the examiner's thread only.
  absl::flat_hash_map<std::string, Unsettled> unsettled_;

  mutable Mutex mutex_;
  CondVar wake_;
  Lane<HashJob> examiner_ ABSL_GUARDED_BY(mutex_);
  Lane<Build> builder_ ABSL_GUARDED_BY(mutex_);
  Sha256Digest building_ ABSL_GUARDED_BY(mutex_){};  // the fingerprint of what the builder hashes
  absl::flat_hash_set<std::string> waiting_names_ ABSL_GUARDED_BY(mutex_);  // of the examiner's queue
  absl::flat_hash_map<std::string, std::set<std::string>> left_out_ ABSL_GUARDED_BY(mutex_);  // by entry
  // By entry: the files that could not be read, as they were then, and why.
  struct Unreadable {
    ListedFile file;
    std::string reason;
    bool leave_out = true;                        // false: it was read since, and is to be hashed
    absl::Duration delay = absl::ZeroDuration();  // between the last two attempts
    absl::Duration next_attempt = absl::ZeroDuration();
  };
  absl::flat_hash_map<std::string, std::vector<Unreadable>> unreadable_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace shoal::seeder
