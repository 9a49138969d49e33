#include "clients/leecher/session/downloads.h"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "shoal/base/clock.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"

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
    reseeder.self = runtime.self();
    reseeder.site = runtime.site();
    reseeder.limit_up = runtime.limits().up;
    reseeder.loops = &runtime.loops();
    reseeder.make_tracker_client = [&runtime](const tracking::TrackerUrl& tracker) {
      return runtime.ClientAt(tracker);
    };
    reseeder.on_tracker = serving->on_tracker;
    reseeder.on_rejected = serving->on_rejected;
    SHOAL_ASSIGN_OR_RETURN(downloads->reseeder_, Reseeder::Start(std::move(reseeder)));
  }
  return downloads;
}

DownloadKey Downloads::Add(const std::string& argument, DownloadOptions options) {
  const DownloadKey key(next_key_++);
  if (reseeder_ != nullptr) {
    Reseeder* const reseeder = reseeder_.get();
    options.listen_port = reseeder->port();
    options.uploads = [reseeder](const ContentId& id) { return reseeder->content_totals(id); };
    options.on_gained = [reseeder](const ContentId& id, const std::vector<ChunkIndex>& chunks) {
      reseeder->Gained(id, chunks);
    };
    options.on_bad_peer = [reseeder](const ContentId& id, const PeerId& peer,
                                     tracking::PeerReport::Reason reason) {
      reseeder->Report(id, peer, reason);
    };
  }
  std::vector<tracking::TrackerUrl> trackers = options.trackers;
  entries_.push_back(std::make_unique<Entry>(
      Entry{key, trackers, DownloadRecord(argument, trackers, Clock::Real().Uptime()), nullptr, {}, false}));
  entries_.back()->download =
      Download::Start(*runtime_, std::move(options), [this, key](const auto& event) { Note(key, event); });
  return key;
}

void Downloads::Note(DownloadKey download, const DownloadEvent& event) {
  {
    MutexLock lock(&events_mutex_);
    events_.push_back({download, event});
  }
  if (wake_ != nullptr) wake_();
}

std::vector<DownloadKey> Downloads::List() const {
  std::vector<DownloadKey> keys;
  for (const auto& entry : entries_) keys.push_back(entry->key);
  return keys;
}

bool Downloads::all_finished() const {
  return std::all_of(entries_.begin(), entries_.end(),
                     [](const auto& entry) { return entry->record.finished(); });
}

Downloads::Entry& Downloads::Find(DownloadKey download) const {
  for (const auto& entry : entries_) {
    if (entry->key == download) return *entry;
  }
  std::abort();  // a key that was never given out, or was removed
}

std::unique_ptr<Downloads::Entry> Downloads::Take(DownloadKey download) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry->key == download; });
  if (found == entries_.end()) std::abort();
  std::unique_ptr<Entry> entry = std::move(*found);
  entries_.erase(found);
  // Waits for its end; what it tells until then is dropped below.
  entry->download.reset();
  MutexLock lock(&events_mutex_);
  std::erase_if(events_, [&](const Event& event) { return event.download == download; });
  return entry;
}

void Downloads::Remove(DownloadKey download) {
  const ContentId content = status(download).content_id;
  Take(download);
  if (reseeder_ != nullptr && !content.is_zero()) reseeder_->Withdraw(content);
}

void Downloads::Release(DownloadKey download) {
  Take(download);
}

void Downloads::GiveUpAfter(DownloadKey download, absl::Duration patience, absl::Duration now) {
  Entry& entry = Find(download);
  if (entry.record.finished() || entry.gave_up) return;
  const std::string because = entry.download->status().waiting_because;
  if (because.empty()) {
    entry.waiting_since.reset();
    return;
  }
  if (!entry.waiting_since.has_value()) entry.waiting_since = now;
  if (now - *entry.waiting_since < patience) return;
  entry.gave_up = true;
  entry.record.GaveUp(
      absl::UnavailableError(absl::StrCat("no byte for ", shoal::FormatDuration(patience), ": ", because)));
  entry.download->Stop();
}

std::vector<Downloads::Event> Downloads::TakeEvents() {
  std::vector<Event> events;
  {
    MutexLock lock(&events_mutex_);
    events.swap(events_);
  }
  const absl::Duration now = Clock::Real().Uptime();
  for (const Event& event : events) {
    Entry& entry = Find(event.download);
    entry.record.Observe(event.event, now);
    if (reseeder_ != nullptr && std::holds_alternative<DownloadStarted>(event.event)) {
      if (auto source = entry.download->source()) reseeder_->Serve(std::move(source), entry.trackers);
    }
  }
  return events;
}

}  // namespace shoal::leecher
