#include "services/seeder/shared_folder.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <optional>
#include <set>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/seeder/folder/change_settler.h"
#include "services/seeder/folder/entry_hasher.h"
#include "services/seeder/folder/entry_scan.h"
#include "services/seeder/folder/folder_watcher.h"
#include "services/seeder/folder/mailbox.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"

namespace shoal::seeder {
namespace {

constexpr absl::Duration kMaxRetryDelay = absl::Minutes(10);

struct DirCloser {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

// Returns: the names in the folder that are offered, sorted.
absl::StatusOr<std::vector<std::string>> ListEntries(const std::string& folder) {
  const std::unique_ptr<DIR, DirCloser> listing(::opendir(folder.c_str()));
  if (listing == nullptr) return ErrnoStatus(errno, absl::StrCat("cannot list ", folder));
  std::vector<std::string> entries;
  while (const dirent* item = ::readdir(listing.get())) {
    if (IsOfferedName(item->d_name)) entries.emplace_back(item->d_name);
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

}  // namespace

class SharedFolder::Impl {
 public:
  Impl(const Options& options, std::shared_ptr<Catalog> catalog, CatalogListener* listener,
       std::unique_ptr<Mailbox> mailbox)
      : options_(options),
        catalog_(std::move(catalog)),
        listener_(listener),
        mailbox_(std::move(mailbox)),
        settler_(*options.clock, options.settle),
        left_out_settler_(*options.clock, options.settle) {}

  ~Impl() {
    stopped_ = true;
    mailbox_->Wake();
    if (thread_.joinable()) thread_.join();
  }

  void Start() {
    EntryHasher::Options hashing;
    hashing.folder = options_.path;
    hashing.settle = options_.settle;
    hashing.patience = options_.patience;
    hashing.links = options_.links;
    hashing.clock = options_.clock;
    hashing.cache = options_.cache;
    hashing.on_progress = [this](const std::string& entry, uint64_t done_bytes, uint64_t total_bytes) {
      listener_->OnHashing(entry, done_bytes, total_bytes);
    };
    hashing.on_outcome = [mailbox = mailbox_](HashOutcome outcome) { mailbox->Put(std::move(outcome)); };
    hashing.on_outdated = [mailbox = mailbox_](const HashJob& job, const std::string& path) {
      mailbox->Put(StaleEntry{job.entry, job.published->manifest->id(),
                              absl::FailedPreconditionError(absl::StrCat(path, " changed or is gone")),
                              /*by_scan=*/true});
    };
    hashing.on_cache_lost = [mailbox = mailbox_](const absl::Status& why) { mailbox->Put(CacheLost{why}); };
    hasher_.emplace(std::move(hashing));
    thread_ = std::thread([this] { Run(); });
  }

 private:
  // What is known about an entry beside its published version.
  struct Entry {
    int jobs = 0;   // submitted, and no outcome yet
    HashJob hints;  // for the next job; without entry and version
    std::vector<LeftOut> left_out;
    absl::Duration retry_delay = absl::ZeroDuration();  // of the last failure
  };

  void Run() {
    ScanFolder();
    while (!stopped_) {
      for (const std::string& entry : settler_.TakeDue()) Submit(entry);
      for (const std::string& entry : left_out_settler_.TakeDue()) {
        if (!settler_.IsPending(entry)) Submit(entry);
      }
      ReportFirstScan();
      const absl::Duration now = options_.clock->Uptime();
      mailbox_->Wait(watcher_ == nullptr ? -1 : watcher_->fd(),
                     std::min({settler_.UntilNextDue(), left_out_settler_.UntilNextDue(), scan_due_ - now,
                               path_check_due_ - now}));
      if (stopped_) break;
      ReadWatcher();
      for (Letter& letter : mailbox_->TakeAll()) {
        std::visit([this](auto& content) { Take(std::move(content)); }, letter);
      }
      CheckPath();
      if (options_.clock->Uptime() >= scan_due_) ScanFolder();
    }
    hasher_.reset();
  }

  void Submit(const std::string& entry) {
    Entry& known = entries_[entry];
    HashJob job = known.hints;
    job.entry = entry;
    job.published = catalog_->VersionOf(entry);
    if (hasher_->Submit(std::move(job))) ++known.jobs;
  }

  // Examines every entry.
  void ScanFolder() {
    const bool is_new_watcher = watcher_ == nullptr && OpenWatcher();
    const absl::StatusOr<std::vector<std::string>> listed = ListEntries(options_.path);
    if (!listed.ok()) {
      watcher_.reset();
      ScanAgainAfter(options_.path_check);
      for (const std::string& entry : catalog_->entries())
        catalog_->Withdraw(entry, "the shared folder is gone");
      Problem("", listed.status());
      return;
    }
    // What happened before the listing has its event by now.
    ReadWatcher();
    ProblemOver("");
    const absl::flat_hash_set<std::string> present(listed->begin(), listed->end());
    // Events were lost, or folders are not watched: nothing that is known now is certain.
    const bool is_blind =
        watcher_ == nullptr || is_new_watcher || !watcher_->complete() || std::exchange(events_lost_, false);
    if (watcher_ != nullptr && is_blind) watcher_->TryAgain();
    for (const std::string& entry : EntriesOtherThan(present)) {
      if (!is_blind && IsIdle(entry)) NoteUnreported();
      Gone(entry);
    }
    for (const std::string& entry : *listed) {
      if (watcher_ != nullptr && is_blind) watcher_->WatchEntry(entry);
      const bool is_new = entries_.try_emplace(entry).second;
      if (is_new && !is_blind) NoteUnreported();
      if (IsIdle(entry) || (is_blind && !settler_.IsPending(entry)))
        settler_.DueIn(entry, absl::ZeroDuration());
    }
    if (!first_scan_listed_) {
      first_scan_listed_ = true;
      waited_for_.insert(listed->begin(), listed->end());
      // An empty folder may be one that is not mounted yet.
      if (options_.cache != nullptr && !listed->empty()) options_.cache->KeepOnly(*listed);
    }
    // At most a twentieth of the time is spent on scans.
    least_scan_interval_ = 20 * std::exchange(scan_time_, absl::ZeroDuration());
    ScanAgainAfter(std::max(RescanInterval(), least_scan_interval_));
    ReportIncompleteWatch();
  }

  std::vector<std::string> EntriesOtherThan(const absl::flat_hash_set<std::string>& present) const {
    std::vector<std::string> others;
    for (const auto& [entry, known] : entries_) {
      if (!present.contains(entry)) others.push_back(entry);
    }
    return others;
  }

  // Whether no examination of it is due or in progress.
  bool IsIdle(const std::string& entry) const {
    const auto known = entries_.find(entry);
    return !settler_.IsPending(entry) && (known == entries_.end() || known->second.jobs == 0);
  }

  void ScanAgainAfter(absl::Duration delay) { scan_due_ = options_.clock->Uptime() + delay; }

  void ScanSoon() {
    const absl::Duration delay = std::max(options_.settle, least_scan_interval_);
    scan_due_ = std::min(scan_due_, options_.clock->Uptime() + delay);
  }

  absl::Duration RescanInterval() const {
    const bool all_reported = watcher_ != nullptr && watcher_->complete() && !unreported_;
    return all_reported ? options_.rescan : std::min(options_.rescan, options_.unwatched_rescan);
  }

  bool OpenWatcher() {
    absl::StatusOr<std::unique_ptr<FolderWatcher>> watcher = FolderWatcher::Create(options_.path);
    if (!watcher.ok()) {
      // The listing reports a folder that is gone.
      if (!absl::IsNotFound(watcher.status())) {
        WatchProblem(absl::StrCat(watcher.status().message(), "; it is scanned at intervals instead"));
      }
      return false;
    }
    watcher_ = *std::move(watcher);
    path_check_due_ = options_.clock->Uptime() + options_.path_check;
    return true;
  }

  void ReportIncompleteWatch() {
    if (watcher_ == nullptr || watcher_->complete()) return;
    scan_due_ = std::min(scan_due_, options_.clock->Uptime() + RescanInterval());
    WatchProblem(
        "not every folder can be watched (see fs.inotify.max_user_watches): they are scanned at intervals "
        "instead");
  }

  // A scan found a change of which the kernel has reported nothing.
  void NoteUnreported() {
    // It may have reported it under another name of the file.
    if (watcher_ == nullptr || !watcher_->complete() || linked_changed_) return;
    if (std::exchange(unreported_, true)) return;
    WatchProblem(absl::StrCat("the system does not report all changes in ", options_.path,
                              " (a network or overlay file system?); scans find them every ",
                              shoal::FormatDuration(RescanInterval())));
  }

  // Changes are noticed later. Reported once.
  void WatchProblem(const std::string& why) {
    if (std::exchange(watch_problem_, why) != why) listener_->OnProblem("", absl::UnavailableError(why));
  }

  void CheckPath() {
    if (watcher_ == nullptr || options_.clock->Uptime() < path_check_due_) return;
    path_check_due_ = options_.clock->Uptime() + options_.path_check;
    if (!watcher_->PathIsWatched()) ForgetWatcher();
  }

  // The path of the folder leads elsewhere, or nowhere.
  void ForgetWatcher() {
    watcher_.reset();
    path_check_due_ = absl::InfiniteDuration();
    scan_due_ = options_.clock->Uptime();
  }

  void ReadWatcher() {
    if (watcher_ != nullptr) Take(watcher_->Read());
  }

  void Take(const FolderWatcher::Changes& changes) {
    for (const auto& [place, event] : changes.changed) Take(place.first, place.second, event);
    if (changes.missed) {
      events_lost_ = true;
      ScanSoon();
    }
    if (changes.folder_gone) ForgetWatcher();
    ReportIncompleteWatch();
  }

  void Take(const std::string& entry, const std::string& path, FolderWatcher::Event event) {
    Entry& known = entries_[entry];
    known.retry_delay = absl::ZeroDuration();
    if (event == FolderWatcher::Event::kWritten) {
      known.hints.written.insert(path);
    } else {
      known.hints.written.erase(path);
    }
    if (event == FolderWatcher::Event::kMovedIn) {
      known.hints.moved_in.insert(path);
    } else {
      known.hints.moved_in.erase(path);
    }
    // The kernel reports a change of a file under one of its names only, which may be in another entry.
    if (HasOtherNames(entry, path)) {
      linked_changed_ = true;
      ScanSoon();
    }
    // The version does not have this file, and may have it once it settles.
    if (hasher_->LeavesOut(entry, path)) {
      left_out_settler_.Changed(entry);
      return;
    }
    if (catalog_->Compare(entry, path) == FileStamp::Comparison::kOther)
      catalog_->Withdraw(entry, "it changed or is gone");
    hasher_->GiveUp(entry);
    if (event != FolderWatcher::Event::kMovedIn) {
      settler_.Changed(entry);
    } else if (path.empty() || !settler_.IsPending(entry)) {
      // Renamed into place when it was complete: the hasher checks that, so it need not settle.
      settler_.DueIn(entry, absl::ZeroDuration());
    }
    // An entry that changes during the start does not delay the end of the first scan.
    waited_for_.erase(entry);
  }

  bool HasOtherNames(const std::string& entry, const std::string& path) const {
    struct stat info{};
    const std::string full = absl::StrCat(options_.path, "/", entry, path.empty() ? "" : "/", path);
    return ::lstat(full.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink > 1;
  }

  void Take(HashOutcome outcome) {
    const std::string& entry = outcome.entry;
    Entry& known = entries_[entry];
    if (known.jobs > 0) --known.jobs;
    scan_time_ += outcome.scan_time;
    // The entry has changed since. It is examined again, and that outcome counts.
    if (settler_.IsPending(entry)) return;
    const bool is_aborted = outcome.kind == HashOutcome::Kind::kGivenUp ||
                            (outcome.kind == HashOutcome::Kind::kFailed && absl::IsAborted(outcome.why));
    if (is_aborted) {
      // The outcome of a later job may be on its way.
      if (known.jobs == 0) settler_.Changed(entry);
      return;
    }
    if (outcome.kind != HashOutcome::Kind::kUnsettled) known.hints.moved_in.clear();
    switch (outcome.kind) {
      case HashOutcome::Kind::kBuilt:
        Publish(std::move(outcome));
        return;
      case HashOutcome::Kind::kUnchanged:
        ProblemOver(entry);
        ReportLeftOut(entry, outcome.all_left_out);
        // Withdrawn since the job was submitted.
        if (catalog_->VersionOf(entry) == nullptr) {
          settler_.DueIn(entry, absl::ZeroDuration());
          return;
        }
        break;
      case HashOutcome::Kind::kInProgress:
        return;
      case HashOutcome::Kind::kEmpty:
        catalog_->Withdraw(entry, "no file is left in it");
        // A folder may be empty because it is new.
        if (outcome.all_left_out.empty()) {
          ProblemOver(entry);
        } else {
          Problem(entry, absl::FailedPreconditionError("none of what is in it can be published"));
        }
        ReportLeftOut(entry, outcome.all_left_out);
        break;
      case HashOutcome::Kind::kGone:
        Gone(entry);
        break;
      case HashOutcome::Kind::kUnsettled:
        settler_.DueIn(entry, outcome.settles_in);
        if (outcome.overdue) Problem(entry, outcome.why);
        if (outcome.open_for_writing) waited_for_.erase(entry);
        return;
      case HashOutcome::Kind::kGivenUp:
        return;
      case HashOutcome::Kind::kFailed:
        // The cause may be over later (a disk that is back, descriptors that are free), and no change of the
        // entry reports that.
        known.retry_delay = std::clamp(2 * known.retry_delay, RescanInterval(), kMaxRetryDelay);
        settler_.DueIn(entry, known.retry_delay);
        catalog_->Withdraw(entry, std::string(outcome.why.message()));
        Problem(entry, outcome.why);
        break;
    }
    waited_for_.erase(entry);
  }

  void Publish(HashOutcome outcome) {
    const std::string entry = outcome.entry;
    ProblemOver(entry);
    Entry& known = entries_[entry];
    known.retry_delay = absl::ZeroDuration();
    known.hints.rehash = false;
    if (outcome.left_out.empty()) known.hints.written.clear();
    const ContentId id = outcome.built->manifest.id();
    catalog_->Publish(entry, *std::move(outcome.built), outcome.from_cache,
                      [mailbox = mailbox_, entry, id](const absl::Status& why) {
                        mailbox->Put(StaleEntry{entry, id, why});
                      });
    ReportLeftOut(entry, outcome.all_left_out);
    waited_for_.erase(entry);
  }

  void ReportLeftOut(const std::string& entry, const std::vector<LeftOut>& left_out) {
    Entry& known = entries_[entry];
    if (known.left_out == left_out) return;
    known.left_out = left_out;
    listener_->OnLeftOut(entry, left_out);
  }

  void Take(StaleEntry stale) {
    // A change that the kernel reported was dealt with when its event was read.
    ReadWatcher();
    const std::shared_ptr<const HashedVersion> version = catalog_->VersionOf(stale.entry);
    if (version == nullptr || version->manifest->id() != stale.id) return;
    const bool is_unreported = absl::IsFailedPrecondition(stale.why) && !settler_.IsPending(stale.entry);
    catalog_->Withdraw(stale.entry, std::string(stale.why.message()));
    if (is_unreported) NoteUnreported();
    if (stale.by_scan) return;  // its outcome follows
    // What could not be read once must be read again before it is offered.
    entries_[stale.entry].hints.rehash = true;
    if (!settler_.IsPending(stale.entry)) settler_.DueIn(stale.entry, absl::ZeroDuration());
  }

  void Take(CacheLost lost) { listener_->OnProblem("", lost.why); }

  void Gone(const std::string& entry) {
    ProblemOver(entry);
    waited_for_.erase(entry);
    catalog_->Withdraw(entry, "it is gone");
    ReportLeftOut(entry, {});
    entries_.erase(entry);
  }

  void Problem(const std::string& entry, const absl::Status& why) {
    const auto reported = problems_.find(entry);
    if (reported != problems_.end() && reported->second == why.message()) return;
    ProblemOver(entry);
    problems_[entry] = std::string(why.message());
    listener_->OnProblem(entry, why);
  }

  void ProblemOver(const std::string& entry) {
    const auto reported = problems_.extract(entry);
    if (!reported.empty()) listener_->OnProblemOver(entry, reported.mapped());
  }

  void ReportFirstScan() {
    if (first_scan_reported_ || !first_scan_listed_ || !waited_for_.empty()) return;
    first_scan_reported_ = true;
    listener_->OnFirstScanDone(catalog_->size());
  }

  const Options options_;
  const std::shared_ptr<Catalog> catalog_;
  CatalogListener* const listener_;
  const std::shared_ptr<Mailbox> mailbox_;  // shared with sources that outlive this
  std::atomic<bool> stopped_ = false;

  // Used by the folder's thread only. Times are in the clock's uptime.
  ChangeSettler settler_;
  ChangeSettler left_out_settler_;          // of entries in which a file that is left out changed
  std::unique_ptr<FolderWatcher> watcher_;  // null: the kernel reports nothing
  std::optional<EntryHasher> hasher_;
  absl::flat_hash_map<std::string, Entry> entries_;  // those that were seen and are not known to be gone
  absl::Duration scan_due_ = absl::InfiniteDuration();
  absl::Duration scan_time_;  // spent on scans of entries since the last scan of the folder
  absl::Duration least_scan_interval_;
  absl::Duration path_check_due_ = absl::InfiniteDuration();
  bool events_lost_ = false;
  bool linked_changed_ = false;                             // a file with several names changed
  bool unreported_ = false;                                 // the kernel does not report all changes
  std::string watch_problem_;                               // the last one reported
  absl::flat_hash_map<std::string, std::string> problems_;  // the last reported cause, by entry
  absl::flat_hash_set<std::string> waited_for_;  // entries from the start that are not published yet
  bool first_scan_listed_ = false;
  bool first_scan_reported_ = false;
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<SharedFolder>> SharedFolder::Start(const Options& options,
                                                                  std::shared_ptr<Catalog> catalog,
                                                                  CatalogListener* listener) {
  const absl::StatusOr<std::vector<std::string>> listed = ListEntries(options.path);
  if (!listed.ok()) return listed.status();
  SHOAL_ASSIGN_OR_RETURN(std::unique_ptr<Mailbox> mailbox, Mailbox::Create());
  auto impl = std::make_unique<Impl>(options, std::move(catalog), listener, std::move(mailbox));
  impl->Start();
  return std::unique_ptr<SharedFolder>(new SharedFolder(std::move(impl)));
}

SharedFolder::SharedFolder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

SharedFolder::~SharedFolder() = default;

}  // namespace shoal::seeder
