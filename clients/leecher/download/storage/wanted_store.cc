#include "clients/leecher/download/storage/wanted_store.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace shoal::leecher {

WantedStore::WantedStore(net::LoopScope& loop, DiskPipeline& disk, std::shared_ptr<SyncThread> sync_thread,
                         const DownloadOptions& options, WantedStoreEvents* events)
    : loop_(loop),
      disk_(disk),
      sync_thread_(std::move(sync_thread)),
      options_(options),
      events_(events),
      rules_(options.selection) {}

absl::Status WantedStore::Open(std::shared_ptr<const Manifest> manifest) {
  WantedFiles wanted(manifest, rules_);
  if (wanted.wanted_files() == 0) {
    return absl::InvalidArgumentError(absl::StrCat("nothing is wanted: what was chosen matches none of its ",
                                                   manifest->files().size(), " files"));
  }
  manifest_ = std::move(manifest);
  wanted_.emplace(std::move(wanted));
  busy_ = true;
  ChunkStore::Options store;
  store.output_folder = options_.output_folder;
  store.verify_all = options_.verify_all;
  store.sync_thread = sync_thread_;
  if (!wanted_->everything()) store.selection = wanted_->selection();
  disk_.Run([this, opening = manifest_, store] {
    auto opened = ChunkStore::Open(opening, store);
    // Moved, so that no disk thread holds the store after the download has been destroyed.
    loop_.Post([this, opened = std::move(opened)] {
      if (opened.ok()) {
        store_ = *opened;
        progress_.emplace(manifest_, store_->Held());
      }
      Settle(opened.status());
    });
  });
  return absl::OkStatus();
}

void WantedStore::SetFilePriority(FileIndex file, FilePriority priority) {
  if (!wanted_.has_value() || file.value() >= manifest_->files().size()) return;
  if (wanted_->Set(file, priority)) Changed();
}

void WantedStore::SetFilePriority(const std::string& glob, FilePriority priority) {
  if (!wanted_.has_value()) {
    rules_.priorities.push_back({glob, priority});
    return;
  }
  bool changed = false;
  for (const FileIndex file : wanted_->Matching(glob)) changed |= wanted_->Set(file, priority);
  if (changed) Changed();
}

void WantedStore::Changed() {
  changed_ = true;
  if (!busy_ && store_ != nullptr) Select();
}

void WantedStore::Select() {
  changed_ = false;
  busy_ = true;
  disk_.Run([this, store = store_.get(), selection = wanted_->selection()] {
    const absl::Status selected = store->Select(selection);
    loop_.Post([this, selected] { Settle(selected); });
  });
}

void WantedStore::Settle(const absl::Status& status) {
  busy_ = false;
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
    const absl::Status finished = store->Finish();
    loop_.Post([this, finished] {
      busy_ = false;
      events_->StoreFinished(finished);
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
