#include "services/seeder/folder/entry_hasher.h"

#include <fcntl.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/file_io.h"

namespace shoal::seeder {
namespace {

// The length from which several threads save more time than starting them costs.
constexpr uint64_t kWorthThreadsBytes = 8 * 1024 * 1024;
// The length from which an entry is hashed on the builder's thread.
constexpr uint64_t kLongBuildBytes = 64 * 1024 * 1024;
// File systems advance their time stamps in steps of up to 10 ms. A file must be older than that, since a
// later change within the same step leaves the stamp as it is.
constexpr absl::Duration kStampStep = absl::Milliseconds(20);
// The interval at which a file that is open for writing is examined, where no event reports that it was
// closed.
constexpr absl::Duration kMinOpenCheck = absl::Seconds(1);
constexpr absl::Duration kMaxOpenCheck = absl::Seconds(5);
// After which a file of a folder that could not be read is tried again. It doubles each time.
constexpr absl::Duration kFirstReadDelay = absl::Seconds(1);
constexpr absl::Duration kMaxReadDelay = absl::Minutes(10);
constexpr size_t kReadBytes = 1024 * 1024;

HashOutcome Failed(HashOutcome outcome, const absl::Status& why) {
  outcome.kind = absl::IsCancelled(why)  ? HashOutcome::Kind::kGivenUp
                 : absl::IsNotFound(why) ? HashOutcome::Kind::kGone
                                         : HashOutcome::Kind::kFailed;
  outcome.why = why;
  return outcome;
}

// Whether `paths` has `path` or a folder above it.
bool HasPathOrFolder(const std::set<std::string>& paths, std::string path) {
  if (paths.empty()) return false;
  for (;;) {
    if (paths.contains(path)) return true;
    if (path.empty()) return false;
    const size_t slash = path.rfind('/');
    path.resize(slash == std::string::npos ? 0 : slash);
  }
}

}  // namespace

bool CanBeRead(const std::string& path) {
  const absl::StatusOr<FileDescriptor> file = FileDescriptor::Open(path, O_RDONLY | O_NONBLOCK);
  if (!file.ok()) return false;
  std::vector<uint8_t> bytes(kReadBytes);
  for (uint64_t offset = 0;; offset += kReadBytes) {
    const absl::Status read = ReadAt(file->get(), bytes, offset);
    if (absl::IsOutOfRange(read)) return true;
    if (!read.ok()) return false;
  }
}

EntryHasher::EntryHasher(Options options) : options_(std::move(options)) {
  MutexLock lock(&mutex_);
  examiner_.thread = std::thread([this] { RunExaminer(); });
  builder_.thread = std::thread([this] { RunBuilder(); });
}

EntryHasher::~EntryHasher() {
  std::thread threads[2];
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    examiner_.give_up = builder_.give_up = true;
    threads[0] = std::move(examiner_.thread);
    threads[1] = std::move(builder_.thread);
  }
  wake_.NotifyAll();
  for (std::thread& thread : threads) thread.join();
}

bool EntryHasher::Submit(HashJob job) {
  {
    MutexLock lock(&mutex_);
    if (!waiting_names_.insert(job.entry).second) {
      const auto waiting = std::find_if(examiner_.waiting.begin(), examiner_.waiting.end(),
                                        [&](const HashJob& other) { return other.entry == job.entry; });
      *waiting = std::move(job);
      return false;
    }
    examiner_.waiting.push_back(std::move(job));
  }
  wake_.NotifyAll();
  return true;
}

void EntryHasher::GiveUp(const std::string& entry) {
  MutexLock lock(&mutex_);
  if (examiner_.entry == entry) examiner_.give_up = true;
  if (builder_.entry == entry) builder_.give_up = true;
  for (Build& build : builder_.waiting) {
    if (build.outcome.entry == entry) build.given_up = true;
  }
}

bool EntryHasher::LeavesOut(const std::string& entry, const std::string& path) const {
  MutexLock lock(&mutex_);
  const auto found = left_out_.find(entry);
  return found != left_out_.end() && found->second.contains(path);
}

void EntryHasher::NoteLeftOut(const std::string& entry, const std::set<std::string>& left_out) {
  MutexLock lock(&mutex_);
  if (left_out.empty()) {
    left_out_.erase(entry);
  } else {
    left_out_[entry] = left_out;
  }
}

void EntryHasher::RunExaminer() {
  for (;;) {
    HashJob job;
    {
      MutexLock lock(&mutex_);
      examiner_.entry.clear();
      while (examiner_.waiting.empty() && !stopped_) wake_.Wait(&mutex_);
      if (stopped_) return;
      examiner_.give_up = false;
      job = std::move(examiner_.waiting.front());
      examiner_.waiting.pop_front();
      waiting_names_.erase(job.entry);
      examiner_.entry = job.entry;
    }
    std::optional<HashOutcome> outcome = Examine(job);
    {
      MutexLock lock(&mutex_);
      if (stopped_) return;
    }
    if (outcome.has_value()) options_.on_outcome(*std::move(outcome));
  }
}

void EntryHasher::RunBuilder() {
  for (;;) {
    Build build;
    std::atomic<bool>* give_up = nullptr;
    {
      MutexLock lock(&mutex_);
      builder_.entry.clear();
      while (builder_.waiting.empty() && !stopped_) wake_.Wait(&mutex_);
      if (stopped_) return;
      build = std::move(builder_.waiting.front());
      builder_.waiting.pop_front();
      builder_.entry = build.outcome.entry;
      builder_.give_up = build.given_up;
      building_ = build.scan.fingerprint;
      give_up = &builder_.give_up;
    }
    HashOutcome outcome = Run(std::move(build), give_up, /*with_progress=*/true);
    {
      MutexLock lock(&mutex_);
      if (stopped_) return;
    }
    options_.on_outcome(std::move(outcome));
  }
}

std::optional<HashOutcome> EntryHasher::Examine(const HashJob& job) {
  HashOutcome outcome;
  outcome.entry = job.entry;
  const absl::Duration began = options_.clock->Uptime();
  absl::StatusOr<EntryScan> scan = ScanEntry(absl::StrCat(options_.folder, "/", job.entry), options_.links);
  outcome.scan_time = options_.clock->Uptime() - began;
  if (!scan.ok()) {
    unsettled_.erase(job.entry);
    NoteLeftOut(job.entry, {});
    return Failed(std::move(outcome), scan.status());
  }
  TryUnreadable(job.entry);
  LeaveOutUnreadable(job.entry, &*scan);
  outcome.all_left_out = scan->left_out;
  const auto is_published = [&](const Sha256Digest& fingerprint) {
    return job.published != nullptr && job.published->fingerprint == fingerprint;
  };
  const auto is_cached = [&](const Sha256Digest& fingerprint) {
    if (options_.cache != nullptr && !job.rehash)
      outcome.built = options_.cache->Find(job.entry, fingerprint);
    outcome.from_cache = outcome.built.has_value();
    if (outcome.from_cache) {
      outcome.built->links = options_.links;
      outcome.built->left_out = scan->left_out;
    }
    return outcome.from_cache;
  };
  if (is_published(scan->fingerprint)) {
    unsettled_.erase(job.entry);
    NoteLeftOut(job.entry, {});
    outcome.kind = HashOutcome::Kind::kUnchanged;
    return outcome;
  }
  VersionComparison comparison;
  if (job.published != nullptr) {
    comparison = CompareWith(*job.published, *scan);
    if (comparison.outdated) options_.on_outdated(job, comparison.outdated_path);
  } else {
    comparison.news.resize(scan->files.size());
    std::iota(comparison.news.begin(), comparison.news.end(), size_t{0});
  }
  if (scan->files.empty()) {
    unsettled_.erase(job.entry);
    NoteLeftOut(job.entry, {});
    outcome.kind = HashOutcome::Kind::kEmpty;
    outcome.all_left_out = std::move(scan->left_out);
    return outcome;
  }
  // A cached version with these change times was hashed after its files had settled.
  if (is_cached(scan->fingerprint)) {
    unsettled_.erase(job.entry);
    NoteLeftOut(job.entry, {});
    outcome.kind = HashOutcome::Kind::kBuilt;
    return outcome;
  }
  outcome.settles_in = TimeToSettle(job, *scan, comparison.news, &outcome);
  if (outcome.settles_in > absl::ZeroDuration()) {
    outcome.kind = HashOutcome::Kind::kUnsettled;
    return outcome;
  }
  NoteLeftOut(job.entry, outcome.left_out);
  if (!outcome.left_out.empty()) {
    scan = scan->Without(outcome.left_out);
    outcome.all_left_out = scan->left_out;
    if (is_published(scan->fingerprint)) {
      outcome.kind = HashOutcome::Kind::kUnchanged;
      return outcome;
    }
    if (is_cached(scan->fingerprint)) {
      outcome.kind = HashOutcome::Kind::kBuilt;
      return outcome;
    }
  }
  return BuildNowOrLater({std::move(outcome), *std::move(scan)});
}

absl::Duration EntryHasher::TimeToSettle(const HashJob& job, const EntryScan& scan,
                                         const std::vector<size_t>& news, HashOutcome* outcome) {
  struct Waiting {
    std::string path;  // below the entry; empty: the entry itself
    absl::Duration settles_in;
    bool open;
  };
  const bool is_folder = scan.kind == Manifest::Kind::kFolder;
  const absl::Time now = options_.clock->Now();
  const absl::Duration uptime = options_.clock->Uptime();
  const absl::Duration settle = std::max(options_.settle, kStampStep);
  const Unsettled before = std::exchange(unsettled_[job.entry], {});
  const auto since = [&](const std::string& path) {
    const auto known = before.find(path);
    return known == before.end() ? uptime : known->second;
  };
  const auto patience_left = [&](const std::string& path) {
    return is_folder ? options_.patience - (uptime - since(path)) : absl::InfiniteDuration();
  };
  const auto path_of = [&](size_t file) { return is_folder ? scan.files[file].entry.path : std::string(); };
  // By the change time, which is set by each write and by no program. One in the future does not tell when
  // the file settles.
  const auto time_left = [&](size_t file, absl::Duration needed) {
    const absl::Duration age = now - absl::FromUnixNanos(scan.files[file].stamp.changed_ns);
    return age < absl::ZeroDuration() ? absl::ZeroDuration() : needed - age;
  };

  std::vector<Waiting> waiting;
  std::vector<size_t> quiet;
  bool all_overdue = true;
  for (const size_t file : news) {
    const std::string path = path_of(file);
    const bool moved_in = HasPathOrFolder(job.moved_in, path);
    const absl::Duration left = time_left(file, moved_in ? kStampStep : settle);
    if (left <= absl::ZeroDuration()) {
      quiet.push_back(file);
    } else {
      all_overdue = all_overdue && patience_left(path) <= absl::ZeroDuration();
      waiting.push_back({path, left, false});
    }
  }
  // Writers are looked for last: that takes opening each file.
  const std::string root = absl::StrCat(options_.folder, "/", job.entry);
  for (size_t i = 0; all_overdue && i < quiet.size(); ++i) {
    const std::string path = path_of(quiet[i]);
    const OpenWriters writers =
        options_.find_open_writers(path.empty() ? root : absl::StrCat(root, "/", path));
    if (writers == OpenWriters::kSome) {
      waiting.push_back({path, std::clamp(options_.settle, kMinOpenCheck, kMaxOpenCheck), true});
    } else if (writers == OpenWriters::kUnknown) {
      const bool written = job.written.contains(path);
      const absl::Duration left = time_left(quiet[i], written ? options_.patience : settle);
      if (left > absl::ZeroDuration()) waiting.push_back({path, std::min(left, kMaxOpenCheck), written});
    }
  }
  if (waiting.empty()) {
    unsettled_.erase(job.entry);
    return absl::ZeroDuration();
  }

  const bool others_settled = waiting.size() < scan.files.size();
  absl::Duration longest = kStampStep;
  for (const Waiting& file : waiting) {
    unsettled_[job.entry][file.path] = since(file.path);
    absl::Duration wait = file.settles_in;
    if (others_settled) wait = std::min(wait, std::max(patience_left(file.path), absl::ZeroDuration()));
    longest = std::max(longest, wait);
    if (wait <= absl::ZeroDuration()) outcome->left_out.insert(file.path);
    outcome->open_for_writing = outcome->open_for_writing || file.open;
    outcome->overdue = outcome->overdue || uptime - since(file.path) >= options_.patience;
  }
  if (outcome->left_out.size() == waiting.size()) return absl::ZeroDuration();
  outcome->left_out.clear();
  const Waiting& example = waiting.back();
  outcome->why = absl::UnavailableError(
      absl::StrCat(example.path.empty() ? "it" : example.path,
                   example.open ? " is open for writing; it is published once it was closed"
                                : " changes again and again; it is published once it does not"));
  return longest;
}

std::optional<HashOutcome> EntryHasher::BuildNowOrLater(Build build) {
  std::atomic<bool>* give_up = nullptr;
  {
    MutexLock lock(&mutex_);
    const std::string& entry = build.outcome.entry;
    // An older version of the entry is not wanted any more.
    bool in_progress = false;
    if (builder_.entry == entry && !builder_.give_up) {
      in_progress = building_ == build.scan.fingerprint;
      if (!in_progress) builder_.give_up = true;
    }
    for (Build& waiting : builder_.waiting) {
      if (waiting.outcome.entry != entry || waiting.given_up) continue;
      in_progress = in_progress || waiting.scan.fingerprint == build.scan.fingerprint;
      if (waiting.scan.fingerprint != build.scan.fingerprint) waiting.given_up = true;
    }
    if (in_progress) {
      build.outcome.kind = HashOutcome::Kind::kInProgress;
      return std::move(build.outcome);
    }
    if (build.scan.length_bytes >= kLongBuildBytes) {
      builder_.waiting.push_back(std::move(build));
    } else {
      give_up = &examiner_.give_up;
    }
  }
  if (give_up != nullptr) return Run(std::move(build), give_up, /*with_progress=*/false);
  wake_.NotifyAll();
  return std::nullopt;
}

HashOutcome EntryHasher::Run(Build build, std::atomic<bool>* give_up, bool with_progress) {
  HashOutcome& outcome = build.outcome;
  ManifestBuilderOptions options;
  options.threads = build.scan.length_bytes < kWorthThreadsBytes ? 1 : 0;
  options.cancelled = give_up;
  options.leave_out = &outcome.left_out;
  options.links = options_.links;
  if (with_progress) {
    options.on_progress = [this, &outcome](uint64_t done_bytes, uint64_t total_bytes) {
      options_.on_progress(outcome.entry, done_bytes, total_bytes);
    };
  }
  absl::StatusOr<BuiltManifest> built =
      BuildManifest(absl::StrCat(options_.folder, "/", outcome.entry), options);
  if (built.ok()) {
    NoteUnreadable(outcome.entry, build.scan, *built);
    LeaveOutUnreadable(outcome.entry, &build.scan);
  }
  if (built.ok() && FingerprintOf(built->manifest, built->stamps) != build.scan.fingerprint) {
    built = absl::AbortedError(absl::StrCat(outcome.entry, " changed before it was read"));
  }
  if (!built.ok()) return Failed(std::move(outcome), built.status());
  StoreInCache(outcome.entry, *built);
  outcome.kind = HashOutcome::Kind::kBuilt;
  outcome.all_left_out = built->left_out;
  outcome.built = *std::move(built);
  return std::move(outcome);
}

void EntryHasher::NoteUnreadable(const std::string& entry, const EntryScan& scan,
                                 const BuiltManifest& built) {
  std::vector<Unreadable> unreadable;
  for (const ListedFile& file : scan.files) {
    const auto found =
        std::find_if(built.left_out.begin(), built.left_out.end(),
                     [&](const LeftOut& left_out) { return left_out.path == file.entry.path; });
    if (found != built.left_out.end()) unreadable.push_back({file, found->reason});
  }
  const absl::Duration now = options_.clock->Uptime();
  MutexLock lock(&mutex_);
  std::vector<Unreadable>& known = unreadable_[entry];
  for (Unreadable& each : unreadable) {
    const auto before = std::find_if(known.begin(), known.end(), [&](const Unreadable& other) {
      return other.file.entry.path == each.file.entry.path;
    });
    each.delay = before == known.end() ? kFirstReadDelay : std::min(2 * before->delay, kMaxReadDelay);
    each.next_attempt = now + each.delay;
    if (before == known.end()) {
      known.push_back(std::move(each));
    } else {
      *before = std::move(each);
    }
  }
  // What was read again is a part of `built` now.
  std::erase_if(known, [](const Unreadable& each) { return !each.leave_out; });
  if (known.empty()) unreadable_.erase(entry);
}

void EntryHasher::TryUnreadable(const std::string& entry) {
  const absl::Duration now = options_.clock->Uptime();
  std::vector<std::string> due;
  {
    MutexLock lock(&mutex_);
    const auto known = unreadable_.find(entry);
    if (known == unreadable_.end()) return;
    for (Unreadable& each : known->second) {
      if (!each.leave_out || each.next_attempt > now) continue;
      each.delay = std::min(2 * each.delay, kMaxReadDelay);
      each.next_attempt = now + each.delay;
      due.push_back(each.file.entry.path);
    }
  }
  std::set<std::string> readable;
  for (const std::string& path : due) {
    if (options_.can_be_read(absl::StrCat(options_.folder, "/", entry, "/", path))) readable.insert(path);
  }
  if (readable.empty()) return;
  MutexLock lock(&mutex_);
  const auto known = unreadable_.find(entry);
  if (known == unreadable_.end()) return;
  for (Unreadable& each : known->second) each.leave_out &= !readable.contains(each.file.entry.path);
}

void EntryHasher::LeaveOutUnreadable(const std::string& entry, EntryScan* scan) {
  std::set<std::string> paths;
  std::vector<LeftOut> left_out;
  {
    MutexLock lock(&mutex_);
    const auto known = unreadable_.find(entry);
    if (known == unreadable_.end()) return;
    std::erase_if(known->second, [&](const Unreadable& unreadable) {
      const auto now = std::lower_bound(
          scan->files.begin(), scan->files.end(), unreadable.file.entry.path,
          [](const ListedFile& file, const std::string& path) { return file.entry.path < path; });
      // Changed, gone or left out already: it is read again when it is listed next.
      if (now == scan->files.end() || now->entry != unreadable.file.entry ||
          now->stamp != unreadable.file.stamp)
        return true;
      if (!unreadable.leave_out) return false;
      paths.insert(now->entry.path);
      left_out.push_back({now->entry.path, unreadable.reason});
      return false;
    });
    if (known->second.empty()) unreadable_.erase(known);
  }
  if (paths.empty()) return;
  *scan = scan->Without(paths);
  for (LeftOut& each : scan->left_out) {
    const auto reason = std::find_if(left_out.begin(), left_out.end(),
                                     [&](const LeftOut& other) { return other.path == each.path; });
    if (reason != left_out.end()) each.reason = reason->reason;
  }
}

void EntryHasher::StoreInCache(const std::string& entry, const BuiltManifest& built) {
  if (options_.cache == nullptr || cache_lost_) return;
  const absl::Status stored = options_.cache->Store(entry, built);
  if (!stored.ok() && !cache_lost_.exchange(true)) options_.on_cache_lost(stored);
}

}  // namespace shoal::seeder
