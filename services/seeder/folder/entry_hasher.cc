#include "services/seeder/folder/entry_hasher.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/seeder/folder/entry_scan.h"

namespace shoal::seeder {
namespace {

// Below this, starting threads costs more than they save.
constexpr uint64_t kWorthThreadsBytes = 8 * 1024 * 1024;

HashOutcome Failed(HashOutcome outcome, const absl::Status& why) {
  outcome.kind = absl::IsCancelled(why)  ? HashOutcome::Kind::kGivenUp
                 : absl::IsNotFound(why) ? HashOutcome::Kind::kGone
                                         : HashOutcome::Kind::kFailed;
  outcome.why = why;
  return outcome;
}

}  // namespace

EntryHasher::EntryHasher(Options options) : options_(std::move(options)), thread_([this] { Run(); }) {}

EntryHasher::~EntryHasher() {
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    give_up_ = true;
  }
  wake_.NotifyAll();
  thread_.join();
}

void EntryHasher::Submit(const std::string& entry, std::optional<Sha256Digest> published) {
  {
    MutexLock lock(&mutex_);
    if (!waiting_names_.insert(entry).second) return;
    waiting_.push_back({entry, published});
  }
  wake_.NotifyAll();
}

void EntryHasher::GiveUp(const std::string& entry) {
  MutexLock lock(&mutex_);
  if (at_work_on_ == entry) give_up_ = true;
}

void EntryHasher::Run() {
  for (;;) {
    Job job;
    {
      MutexLock lock(&mutex_);
      at_work_on_.clear();
      while (waiting_.empty() && !stopped_) wake_.Wait(&mutex_);
      if (stopped_) return;
      give_up_ = false;
      job = std::move(waiting_.front());
      waiting_.pop_front();
      waiting_names_.erase(job.entry);
      at_work_on_ = job.entry;
    }
    HashOutcome outcome = Look(job);
    {
      MutexLock lock(&mutex_);
      if (stopped_) return;
    }
    options_.on_outcome(std::move(outcome));
  }
}

HashOutcome EntryHasher::Look(const Job& job) {
  HashOutcome outcome;
  outcome.entry = job.entry;
  const std::string path = absl::StrCat(options_.folder, "/", job.entry);
  const absl::StatusOr<EntryScan> scan = ScanEntry(path);
  if (!scan.ok()) return Failed(std::move(outcome), scan.status());
  if (job.published == scan->fingerprint) {
    outcome.kind = HashOutcome::Kind::kUnchanged;
    return outcome;
  }
  if (scan->file_count == 0) {
    outcome.kind = HashOutcome::Kind::kEmpty;
    return outcome;
  }
  // A time that lies ahead says nothing about when the entry will have been left alone.
  const absl::Duration age = options_.clock->Now() - scan->written;
  if (age >= absl::ZeroDuration() && age < options_.settle) {
    outcome.kind = HashOutcome::Kind::kUnsettled;
    outcome.settles_in = options_.settle - age;
    return outcome;
  }
  if (options_.cache != nullptr) outcome.built = options_.cache->Find(job.entry, scan->fingerprint);
  if (outcome.built.has_value()) {
    outcome.kind = HashOutcome::Kind::kBuilt;
    outcome.from_cache = true;
    return outcome;
  }
  return Build(path, std::move(outcome), scan->length_bytes);
}

HashOutcome EntryHasher::Build(const std::string& path, HashOutcome outcome, uint64_t length_bytes) {
  ManifestBuilderOptions build;
  build.threads = length_bytes < kWorthThreadsBytes ? 1 : 0;
  build.cancelled = &give_up_;
  build.on_progress = [this, &outcome](uint64_t done_bytes, uint64_t total_bytes) {
    options_.on_progress(outcome.entry, done_bytes, total_bytes);
  };
  absl::StatusOr<BuiltManifest> built = BuildManifest(path, build);
  if (!built.ok()) return Failed(std::move(outcome), built.status());
  StoreInCache(outcome.entry, *built);
  outcome.kind = HashOutcome::Kind::kBuilt;
  outcome.built = *std::move(built);
  return outcome;
}

void EntryHasher::StoreInCache(const std::string& entry, const BuiltManifest& built) {
  if (options_.cache == nullptr || cache_lost_) return;
  const absl::Status stored = options_.cache->Store(entry, built);
  if (stored.ok()) return;
  cache_lost_ = true;
  options_.on_cache_lost(stored);
}

}  // namespace shoal::seeder
