#include "services/seeder/shared_folder.h"

#include <dirent.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <optional>
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

namespace shoal::seeder {
namespace {

struct DirCloser {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

// The names in the folder that are offered, sorted.
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
        settler_(*options.clock, options.settle) {}

  ~Impl() {
    stopped_ = true;
    mailbox_->Wake();
    if (thread_.joinable()) thread_.join();
  }

  void Start() {
    EntryHasher::Options hashing;
    hashing.folder = options_.path;
    hashing.settle = options_.settle;
    hashing.clock = options_.clock;
    hashing.cache = options_.cache;
    hashing.on_progress = [this](const std::string& entry, uint64_t done_bytes, uint64_t total_bytes) {
      listener_->OnHashing(entry, done_bytes, total_bytes);
    };
    hashing.on_outcome = [mailbox = mailbox_](HashOutcome outcome) { mailbox->Put(std::move(outcome)); };
    hashing.on_cache_lost = [mailbox = mailbox_](const absl::Status& why) { mailbox->Put(CacheLost{why}); };
    hasher_.emplace(std::move(hashing));
    thread_ = std::thread([this] { Run(); });
  }

 private:
  void Run() {
    LookThroughFolder();
    while (!stopped_) {
      for (const std::string& entry : settler_.TakeDue()) Submit(entry);
      TellFirstScan();
      const absl::Duration now = options_.clock->Uptime();
      mailbox_->Wait(watcher_ == nullptr ? -1 : watcher_->fd(),
                     std::min(settler_.UntilNextDue(), look_due_ - now));
      if (stopped_) break;
      if (watcher_ != nullptr) Take(watcher_->Read());
      for (Letter& letter : mailbox_->TakeAll()) {
        std::visit([this](auto& content) { Take(std::move(content)); }, letter);
      }
      if (options_.clock->Uptime() >= look_due_) LookThroughFolder();
    }
    hasher_.reset();
  }

  void Submit(const std::string& entry) {
    const Sha256Digest* published = catalog_->FingerprintFor(entry);
    hasher_->Submit(entry, published == nullptr ? std::nullopt : std::optional(*published));
  }

  // Looks at everything: at the start, when changes were missed, and where the kernel does not tell of them.
  void LookThroughFolder() {
    look_due_ = absl::InfiniteDuration();
    if (watcher_ == nullptr) OpenWatcher();
    const absl::StatusOr<std::vector<std::string>> listed = ListEntries(options_.path);
    if (!listed.ok()) {
      watcher_.reset();
      look_due_ = options_.clock->Uptime() + options_.look_interval;
      for (const std::string& entry : catalog_->entries())
        catalog_->Withdraw(entry, "the shared folder is gone");
      Problem("", listed.status());
      return;
    }
    if (watcher_ != nullptr) problems_.erase("");
    const absl::flat_hash_set<std::string> present(listed->begin(), listed->end());
    for (const std::string& entry : catalog_->entries()) {
      if (!present.contains(entry)) Gone(entry);
    }
    for (const std::string& entry : *listed) {
      if (watcher_ != nullptr) watcher_->WatchEntry(entry);
      settler_.DueIn(entry, absl::ZeroDuration());
    }
    if (!first_look_done_) {
      first_look_done_ = true;
      waited_for_.insert(listed->begin(), listed->end());
      if (options_.cache != nullptr) options_.cache->KeepOnly(*listed);
    }
    LookAgainUnlessWatched();
  }

  void OpenWatcher() {
    absl::StatusOr<std::unique_ptr<FolderWatcher>> watcher = FolderWatcher::Create(options_.path);
    if (watcher.ok()) {
      watcher_ = *std::move(watcher);
    } else if (absl::IsResourceExhausted(watcher.status())) {
      Problem("", watcher.status());
    }
  }

  void LookAgainUnlessWatched() {
    if (watcher_ != nullptr && watcher_->complete()) return;
    look_due_ = std::min(look_due_, options_.clock->Uptime() + options_.look_interval);
    if (watcher_ != nullptr) {
      Problem("", absl::ResourceExhaustedError(
                      "not every folder can be watched (see fs.inotify.max_user_watches): "
                      "looking through them at intervals instead"));
    }
  }

  void Take(FolderWatcher::Changes changes) {
    for (const auto& [entry, path] : changes.changed) {
      if (catalog_->FileChanged(entry, path)) catalog_->Withdraw(entry, "it changed or is gone");
      hasher_->GiveUp(entry);
      settler_.Changed(entry);
      // What is being written while we start is not part of what was there.
      waited_for_.erase(entry);
    }
    if (changes.missed) look_due_ = std::min(look_due_, options_.clock->Uptime() + options_.settle);
    if (changes.folder_gone) {
      watcher_.reset();
      look_due_ = options_.clock->Uptime();
    }
    LookAgainUnlessWatched();
  }

  void Take(HashOutcome outcome) {
    const std::string& entry = outcome.entry;
    // It has changed since: another look is due, which is the one that counts.
    if (settler_.IsPending(entry)) return;
    switch (outcome.kind) {
      case HashOutcome::Kind::kBuilt:
        problems_.erase(entry);
        catalog_->Publish(entry, *std::move(outcome.built), outcome.from_cache,
                          [mailbox = mailbox_, entry] { mailbox->Put(StaleEntry{entry}); });
        break;
      case HashOutcome::Kind::kUnchanged:
        break;
      case HashOutcome::Kind::kEmpty:
        catalog_->Withdraw(entry, "no file is left in it");
        break;
      case HashOutcome::Kind::kGone:
        Gone(entry);
        break;
      case HashOutcome::Kind::kUnsettled:
        settler_.DueIn(entry, outcome.settles_in);
        return;
      case HashOutcome::Kind::kGivenUp:
        settler_.Changed(entry);
        return;
      case HashOutcome::Kind::kFailed:
        if (absl::IsAborted(outcome.why)) {
          settler_.Changed(entry);
          return;
        }
        // Out of descriptors or memory: that may be over in a while, and no change of the entry will tell.
        if (absl::IsResourceExhausted(outcome.why)) settler_.DueIn(entry, options_.look_interval);
        catalog_->Withdraw(entry, "it can't be read any more");
        Problem(entry, outcome.why);
        break;
    }
    waited_for_.erase(entry);
  }

  void Take(StaleEntry stale) {
    catalog_->Withdraw(stale.entry, "its files are not those that were hashed");
    settler_.Changed(stale.entry);
  }

  void Take(CacheLost lost) { listener_->OnProblem("", lost.why); }

  void Gone(const std::string& entry) {
    problems_.erase(entry);
    catalog_->Withdraw(entry, "it is gone");
    if (options_.cache != nullptr) options_.cache->Remove(entry);
  }

  void Problem(const std::string& entry, const absl::Status& why) {
    std::string& told = problems_[entry];
    if (told == why.message()) return;
    told = std::string(why.message());
    listener_->OnProblem(entry, why);
  }

  void TellFirstScan() {
    if (first_scan_told_ || !first_look_done_ || !waited_for_.empty()) return;
    first_scan_told_ = true;
    listener_->OnFirstScanDone(catalog_->size());
  }

  const Options options_;
  const std::shared_ptr<Catalog> catalog_;
  CatalogListener* const listener_;
  const std::shared_ptr<Mailbox> mailbox_;  // sources that outlive this hold it too
  std::atomic<bool> stopped_ = false;

  // The folder's thread's own.
  ChangeSettler settler_;
  std::unique_ptr<FolderWatcher> watcher_;  // null: the kernel tells nothing
  std::optional<EntryHasher> hasher_;
  absl::Duration look_due_ = absl::InfiniteDuration();      // in the clock's uptime
  absl::flat_hash_map<std::string, std::string> problems_;  // what was told last, by entry
  absl::flat_hash_set<std::string> waited_for_;  // entries from the start that are not published yet
  bool first_look_done_ = false;
  bool first_scan_told_ = false;
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
