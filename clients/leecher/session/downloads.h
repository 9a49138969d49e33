#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/leecher/download/download.h"
#include "clients/leecher/download/download_runtime.h"
#include "clients/leecher/session/download_record.h"
#include "clients/leecher/session/reseeder.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/mutex.h"
#include "shoal/base/strong_index.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/service/metrics/serving_metrics.h"
#include "shoal/tracking/client/tracker_url.h"

namespace shoal::leecher {

// Names one download of a Downloads; never used again for another one.
using DownloadKey = StrongIndex<struct DownloadKeyTag, size_t>;

// The downloads of this process, and the serving of what they hold: the application object behind every
// viewer. A command line, a daemon and a page add, list, pause and remove downloads here, and read events,
// records and status. It prints nothing and knows neither terminal nor flags.
//
// What a download holds is served from its DownloadStarted on, whether or not the viewer takes events.
//
// Thread safety: one thread at a time, the viewer's. Events occur on other threads; `Options::wake` announces
// them, and TakeEvents brings them to the viewer's thread.
class Downloads {
 public:
  // How what is held is served to others, and announced to the trackers.
  struct Serving {
    Endpoint listen;                  // port 0: the system chooses
    std::vector<Endpoint> advertise;  // as in Reseeder::Options
    // As in Reseeder::Options.
    std::function<void(const tracking::TrackerUrl& tracker, const absl::Status& status)> on_tracker;
    std::function<void(const tracking::ContentSummary& content, const absl::Status& why)> on_rejected;
    std::function<void(const tracking::ContentSummary& content, const absl::Status& why)> on_broken;
  };
  struct Options {
    DownloadRuntime::Options runtime;
    std::optional<Serving> serving;  // unset: nothing is served
    // Called after each event, from any thread; must not block.
    std::function<void()> wake;
  };
  struct Event {
    DownloadKey download;
    DownloadEvent event;
    DownloadStatus status;  // at the time of the event
  };

  // Errors: UNAVAILABLE with the address when the chunk server can't listen there.
  static absl::StatusOr<std::unique_ptr<Downloads>> Start(Options options);
  // Stops every download, keeping what is on disk, and what is served.
  ~Downloads();
  Downloads(const Downloads&) = delete;
  Downloads& operator=(const Downloads&) = delete;

  // Starts a download. `argument`: what the person asked for, which is its label until its name is known.
  // Fills in the parts of `options` that connect it to the serving. What goes wrong is its outcome.
  DownloadKey Add(const std::string& argument, DownloadOptions options);
  // In the order of Add, without those that were removed.
  std::vector<DownloadKey> List() const;
  bool all_finished() const;

  // The following find a download by its key. If it was removed or released they return null, nothing, or
  // false, and have no effect.

  // Valid until the download is removed or released.
  const DownloadRecord* record(DownloadKey download) const;
  std::optional<DownloadStatus> status(DownloadKey download) const;
  // What it holds, growing while it runs; null until its store is open.
  std::shared_ptr<const ChunkSource> source(DownloadKey download) const;
  // See Download. Errors, besides those there: NOT_FOUND.
  absl::StatusOr<std::unique_ptr<DownloadReader>> OpenReader(DownloadKey download, ChunkRange chunks,
                                                             std::function<void()> wake);
  absl::StatusOr<DownloadDetails> Details(DownloadKey download, absl::Duration patience);
  // See Download.
  bool Pause(DownloadKey download) {
    return With(download, [](Entry& entry) { entry.download->Pause(); });
  }
  bool Resume(DownloadKey download) {
    return With(download, [](Entry& entry) { entry.download->Resume(); });
  }
  bool SetFilePriority(DownloadKey download, const std::string& glob, FilePriority priority) {
    return With(download, [&](Entry& entry) { entry.download->SetFilePriority(glob, priority); });
  }
  bool SetLimit(DownloadKey download, uint64_t down_bytes_per_second) {
    return With(download, [&](Entry& entry) { entry.download->SetLimit(down_bytes_per_second); });
  }
  // Ends the download with CANCELLED, keeping what is on disk; DownloadFinished follows.
  bool Stop(DownloadKey download) {
    return With(download, [](Entry& entry) { entry.download->Stop(); });
  }
  // Ends the download and forgets it, and serves what it holds no longer; other downloads of the same content
  // are not affected. Waits until it has ended; no event of it follows.
  bool Remove(DownloadKey download);
  // Forgets the download, which has finished; what it holds is served until the end of this object.
  bool Release(DownloadKey download);

  // The events since the last call, in the order in which they occurred; records have seen them.
  std::vector<Event> TakeEvents();

  // Of all downloads together, in bytes per second.
  const RateLimits& limits() const { return runtime_->limits(); }
  void SetRateLimits(uint64_t down_bytes_per_second, uint64_t up_bytes_per_second) {
    runtime_->SetRateLimits(down_bytes_per_second, up_bytes_per_second);
  }

  // See DownloadRuntime.
  std::shared_ptr<tracking::TrackerClient> ClientAt(const tracking::TrackerUrl& tracker) {
    return runtime_->ClientAt(tracker);
  }
  // Null when nothing is served. Thread-safe.
  Reseeder* serving() const { return reseeder_.get(); }
  // What all downloads received since the start: payload of chunks, wasted bytes included. Thread-safe.
  uint64_t received_bytes() const { return runtime_->received_bytes(); }
  // For ServingPages. Thread-safe.
  service::ServingFigures figures() const;

 private:
  struct Entry {
    DownloadKey key;
    DownloadRecord record;
    std::unique_ptr<Download> download;
  };

  explicit Downloads(Options options);
  // Null if there is no such download.
  Entry* Find(DownloadKey download) const;
  // Returns false if there is no such download.
  template <typename Action>
  bool With(DownloadKey download, const Action& action) {
    Entry* entry = Find(download);
    if (entry != nullptr) action(*entry);
    return entry != nullptr;
  }
  // Ends the download and forgets it. Returns what it held, which may be null.
  std::optional<std::shared_ptr<const ChunkSource>> Take(DownloadKey download);
  // Called on loops of the runtime.
  void Note(DownloadKey download, const DownloadEvent& event, const DownloadStatus& status);

  const std::function<void()> wake_;
  const std::unique_ptr<DownloadRuntime> runtime_;
  std::unique_ptr<Reseeder> reseeder_;  // may be null; outlives the downloads, which report to it
  size_t next_key_ = 0;
  Mutex events_mutex_;
  std::vector<Event> events_ ABSL_GUARDED_BY(events_mutex_);
  std::vector<std::unique_ptr<Entry>> entries_;  // last: their observers use all of the above
};

}  // namespace shoal::leecher
