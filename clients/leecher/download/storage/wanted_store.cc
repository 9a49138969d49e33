#include "clients/leecher/download/storage/wanted_store.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/base/error_cause.h"

namespace shoal::leecher {
namespace {

// The contract of ChunkStore gives each of these codes one meaning. An error of the system has its cause
// already.
absl::Status WithCauseOfStore(const absl::Status& status) {
  if (status.ok() || CauseOf(status) != ErrorCause::kNone) return status;
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return WithCause(status, ErrorCause::kUsage);
    case absl::StatusCode::kAlreadyExists:
      return WithCause(status, ErrorCause::kTargetExists);
    case absl::StatusCode::kResourceExhausted:
      return WithCause(status, ErrorCause::kDiskFull);
    case absl::StatusCode::kPermissionDenied:
      return WithCause(status, ErrorCause::kNoPermission);
    default:
      return status;
  }
}

}  // namespace

WantedStore::WantedStore(net::LoopScope& loop, DiskPipeline& disk, std::shared_ptr<SyncThread> sync_thread,
                         std::shared_ptr<CloseWatch> close_watch, const DownloadOptions& options,
                         WantedStoreEvents* events)
    : loop_(loop),
      disk_(disk),
      sync_thread_(std::move(sync_thread)),
      close_watch_(std::move(close_watch)),
      options_(options),
      events_(events),
      rules_(options.selection) {}

WantedStore::~WantedStore() {
  if (store_ != nullptr) store_->Close();
}

absl::Status WantedStore::Open(std::shared_ptr<const Manifest> manifest) {
  WantedFiles wanted(manifest, rules_);
  if (wanted.wanted_files() == 0) {
    return WithCause(
        absl::InvalidArgumentError(absl::StrCat("nothing is wanted: what was chosen matches none of its ",
                                                manifest->files().size(), " files; `info` lists them")),
        ErrorCause::kUsage);
  }
  manifest_ = std::move(manifest);
  wanted_.emplace(std::move(wanted));
  busy_ = true;
  ChunkStore::Options store;
  store.output_folder = options_.output_folder;
  if (!options_.output_file.empty() && manifest_->kind() == Manifest::Kind::kFile) {
    const std::filesystem::path path(options_.output_file);
    store.output_folder = path.has_parent_path() ? path.parent_path().string() : ".";
    store.file_name = path.filename().string();
  }
  store.verify_all = options_.verify_all;
  store.repair = options_.repair;
  store.sync_thread = sync_thread_;
  store.close_watch = close_watch_;
  asked_ = wanted_->selection();
  if (!wanted_->everything()) store.selection = asked_;
  store.wants_entry = WantsEntry();
  store.on_warning = [this](const std::string& warning) {
    loop_.Post([this, warning] { events_->StoreWarned(warning); });
  };
  disk_.Run([this, opening = manifest_, store] {
    auto opened = ChunkStore::Open(opening, store);
    // Moved, so that no disk thread holds the store after the download has been destroyed.
    loop_.Post([this, opened = std::move(opened)] {
      if (opened.ok()) {
        store_ = *opened;
        progress_.emplace(manifest_, store_->Held());
      }
      Settle(WithCauseOfStore(opened.status()));
    });
  });
  return absl::OkStatus();
}

void WantedStore::SetFilePriority(FileIndex file, FilePriority priority) {
  if (!wanted_.has_value() || file.value() >= manifest_->files().size()) return;
  if (wanted_->Set(file, priority)) Changed();
}

void WantedStore::SetFilePriority(const std::string& glob, FilePriority priority) {
  rules_.priorities.push_back({glob, priority});
  if (!wanted_.has_value()) return;
  bool changed = false;
  for (const FileIndex file : wanted_->Matching(glob)) changed |= wanted_->Set(file, priority);
  if (changed) Changed();
}

void WantedStore::SetRead(const std::vector<FileIndex>& files) {
  std::vector<FileIndex> skipped = files;
  std::erase_if(skipped, [this](FileIndex file) { return wanted_->wanted(file); });
  refused_.clear();
  if (skipped == read_) return;
  read_ = std::move(skipped);
  Changed();
}

bool WantedStore::Refuses(FileIndex file) const {
  return std::find(refused_.begin(), refused_.end(), file) != refused_.end();
}

bool WantedStore::reads_skipped() const {
  return std::any_of(read_.begin(), read_.end(), [this](FileIndex file) { return !wanted_->wanted(file); });
}

FileSelection WantedStore::Selection() const {
  FileSelection selection = wanted_->selection();
  for (const FileIndex file : read_) selection.Set(file, true);
  return selection;
}

void WantedStore::Changed() {
  changed_ = true;
  if (!busy_ && store_ != nullptr) Select();
}

void WantedStore::Select() {
  changed_ = false;
  busy_ = true;
  asked_ = Selection();
  disk_.Run([this, store = store_.get(), selection = asked_, wants_entry = WantsEntry()] {
    loop_.Post(
        [this, selected = store->Select(selection, wants_entry)] { Settle(WithCauseOfStore(selected)); });
  });
}

ContentEntries::Wants WantedStore::WantsEntry() const {
  if (rules_.everything() && wanted_->everything()) return nullptr;
  return [rules = rules_](const std::string& path) { return rules.WantsEntry(path); };
}

void WantedStore::Settle(const absl::Status& status) {
  busy_ = false;
  if (status.ok()) taken_ = asked_;
  if (!status.ok() && !read_.empty() && !opening_) {
    // A reader of skipped files does not end a download.
    refused_ = std::exchange(read_, {});
    events_->StoreWarned(absl::StrCat("a skipped file can't be read: ", status.message()));
    return Select();
  }
  if (changed_ && status.ok()) return Select();
  if (progress_.has_value()) progress_->Want(wanted_->chunks());
  if (std::exchange(opening_, false)) {
    events_->StoreOpened(status);
  } else {
    events_->StoreSelected(status);
  }
}

void WantedStore::Finish() {
  busy_ = true;
  disk_.Run([this, store = store_.get()] {
    loop_.Post([this, finished = store->Finish()] {
      busy_ = false;
      if (absl::IsAborted(finished)) progress_->SetHeld(store_->Held());
      events_->StoreFinished(WithCauseOfStore(finished));
    });
  });
}

void WantedStore::Discard() {
  busy_ = true;
  disk_.Run([this, store = store_.get()] {
    loop_.Post([this, discarded = store->Discard()] {
      busy_ = false;
      events_->StoreDiscarded(discarded);
    });
  });
}

void WantedStore::Report(DownloadStatus& status) const {
  if (!wanted_.has_value()) return;
  status.files = static_cast<uint32_t>(manifest_->files().size());
  status.wanted_files = wanted_->wanted_files();
  status.wanted_bytes = wanted_->wanted_bytes();
  status.wanted_chunks = wanted_->wanted_chunks();
  if (!progress_.has_value()) return;
  status.held_bytes = progress_->held_bytes();
  status.resumed_bytes = progress_->resumed_bytes();
  status.in_order_bytes = progress_->in_order_bytes();
  status.chunks_held = progress_->chunks_held();
}

}  // namespace shoal::leecher
