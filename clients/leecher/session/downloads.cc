#include "clients/leecher/session/downloads.h"

#include <algorithm>
#include <utility>

#include "shoal/base/clock.h"
#include "shoal/base/status_macros.h"

namespace shoal::leecher {

Downloads::Downloads(Options options)
    : wake_(std::move(options.wake)),
      runtime_(std::make_unique<DownloadRuntime>(std::move(options.runtime))) {}

Downloads::~Downloads() = default;

absl::StatusOr<std::unique_ptr<Downloads>> Downloads::Start(Options options) {
  const std::optional<Serving> serving = std::move(options.serving);
  std::unique_ptr<Downloads> downloads(new Downloads(std::move(options)));
  if (serving.has_value()) {
    DownloadRuntime& runtime = *downloads->runtime_;
    Reseeder::Options reseeder;
    reseeder.listen = serving->listen;
    reseeder.advertise = serving->advertise;
    reseeder.self = runtime.identity();
    reseeder.site = runtime.site();
    reseeder.limit_up = runtime.limits().up;
    reseeder.loops = &runtime.loops();
    reseeder.transports = runtime.transports();
    reseeder.check_ticket = runtime.check_ticket();
    reseeder.make_tracker_client = [&runtime](const tracking::TrackerUrl& tracker) {
      return runtime.ClientAt(tracker);
    };
    reseeder.on_tracker = serving->on_tracker;
    reseeder.on_rejected = serving->on_rejected;
    reseeder.on_broken = serving->on_broken;
    SHOAL_ASSIGN_OR_RETURN(downloads->reseeder_, Reseeder::Start(std::move(reseeder)));
  }
  return downloads;
}

DownloadKey Downloads::Add(const std::string& argument, DownloadOptions options) {
  const DownloadKey key(next_key_++);
  if (reseeder_ != nullptr) {
    Reseeder* const reseeder = reseeder_.get();
    options.listen_port = reseeder->port();
    options.on_opened = [reseeder, trackers = options.trackers, limit = options.limit_up](
                            std::shared_ptr<const ChunkSource> source,
                            const std::optional<PublisherSignature>& signature) {
      reseeder->Serve(std::move(source), trackers, signature, limit);
    };
    options.on_discarded = [reseeder](const std::shared_ptr<const ChunkSource>& source) {
      reseeder->Withdraw(source);
    };
    options.on_gained = [reseeder](const ContentId& id, const std::vector<ChunkIndex>& chunks) {
      reseeder->Gained(id, chunks);
    };
    options.on_bad_peer = [reseeder](const ContentId& id, const PeerId& peer,
                                     tracking::PeerReport::Reason reason) {
      reseeder->Report(id, peer, reason);
    };
    options.on_source_failure = [reseeder](const ContentId& id, const absl::Status& why) {
      reseeder->SourceFailed(id, why);
    };
    options.uploads = [reseeder](const ContentId& id) { return reseeder->content_totals(id); };
  }
  entries_.push_back(std::make_unique<Entry>(
      Entry{key, DownloadRecord(argument, options.trackers, Clock::Real().Uptime()), nullptr}));
  entries_.back()->download = Download::Start(
      *runtime_, std::move(options),
      [this, key](const DownloadEvent& event, const DownloadStatus& status) { Note(key, event, status); });
  return key;
}

void Downloads::Note(DownloadKey download, const DownloadEvent& event, const DownloadStatus& status) {
  {
    MutexLock lock(&events_mutex_);
    events_.push_back({download, event, status});
  }
  if (wake_ != nullptr) wake_();
}

std::vector<DownloadKey> Downloads::List() const {
  std::vector<DownloadKey> keys;
  for (const auto& entry : entries_) keys.push_back(entry->key);
  return keys;
}

service::ServingFigures Downloads::figures() const {
  service::ServingFigures figures;
  figures.ready = true;
  if (reseeder_ != nullptr) figures = reseeder_->figures();
  figures.received_bytes = received_bytes();
  return figures;
}

bool Downloads::all_finished() const {
  return std::all_of(entries_.begin(), entries_.end(),
                     [](const auto& entry) { return entry->record.finished(); });
}

Downloads::Entry* Downloads::Find(DownloadKey download) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry->key == download; });
  return found == entries_.end() ? nullptr : found->get();
}

const DownloadRecord* Downloads::record(DownloadKey download) const {
  const Entry* entry = Find(download);
  return entry == nullptr ? nullptr : &entry->record;
}

std::optional<DownloadStatus> Downloads::status(DownloadKey download) const {
  const Entry* entry = Find(download);
  if (entry == nullptr) return std::nullopt;
  return entry->download->status();
}

std::shared_ptr<const ChunkSource> Downloads::source(DownloadKey download) const {
  const Entry* entry = Find(download);
  return entry == nullptr ? nullptr : entry->download->source();
}

absl::StatusOr<std::unique_ptr<DownloadReader>> Downloads::OpenReader(DownloadKey download, ChunkRange chunks,
                                                                      std::function<void()> wake) {
  Entry* entry = Find(download);
  if (entry == nullptr) return absl::NotFoundError("there is no such download");
  return entry->download->OpenReader(chunks, std::move(wake));
}

absl::StatusOr<DownloadDetails> Downloads::Details(DownloadKey download, absl::Duration patience) {
  Entry* entry = Find(download);
  if (entry == nullptr) return absl::NotFoundError("there is no such download");
  return entry->download->Details(patience);
}

std::optional<std::shared_ptr<const ChunkSource>> Downloads::Take(DownloadKey download) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry->key == download; });
  if (found == entries_.end()) return std::nullopt;
  const std::unique_ptr<Entry> entry = std::move(*found);
  entries_.erase(found);
  entry->download->Stop();
  entry->download->Wait().IgnoreError();
  std::shared_ptr<const ChunkSource> source = entry->download->source();
  entry->download.reset();
  // No event follows now.
  MutexLock lock(&events_mutex_);
  std::erase_if(events_, [&](const Event& event) { return event.download == download; });
  return source;
}

bool Downloads::Remove(DownloadKey download) {
  const std::optional<std::shared_ptr<const ChunkSource>> source = Take(download);
  if (!source.has_value()) return false;
  if (reseeder_ != nullptr && *source != nullptr) reseeder_->Withdraw(*source);
  return true;
}

bool Downloads::Release(DownloadKey download) {
  return Take(download).has_value();
}

std::vector<Downloads::Event> Downloads::TakeEvents() {
  std::vector<Event> events;
  {
    MutexLock lock(&events_mutex_);
    events.swap(events_);
  }
  const absl::Duration now = Clock::Real().Uptime();
  for (const Event& event : events) {
    if (Entry* entry = Find(event.download)) entry->record.Observe(event.event, now);
  }
  return events;
}

}  // namespace shoal::leecher
