#pragma once

#include <cstddef>
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
#include "shoal/tracking/client/tracker_url.h"

namespace shoal::leecher {

// Names one download of a Downloads; never used again for another one.
using DownloadKey = StrongIndex<struct DownloadKeyTag, size_t>;

// The downloads of this process, and the serving of what they hold: the application object behind every
// viewer. A command line, a daemon and a page add, list, pause and remove downloads here, and read events,
// records and status. It prints nothing and knows neither terminal nor flags.
//
// Thread safety: one thread at a time, the viewer's. Events arrive from other threads; `Options::wake` says
// so, and TakeEvents brings them to the viewer's thread.
class Downloads {
 public:
  // How what is held is served to others, and announced to the trackers.
  struct Serving {
    Endpoint listen;                     // port 0: the system chooses
    std::optional<IpAddress> advertise;  // unset: as each tracker sees us
    // As in Reseeder::Options.
    std::function<void(const tracking::TrackerUrl& tracker, const absl::Status& status)> on_tracker;
    std::function<void(const tracking::ContentSummary& content, const absl::Status& why)> on_rejected;
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

  // All require a key of List().
  const DownloadRecord& record(DownloadKey download) const { return Find(download).record; }
  DownloadStatus status(DownloadKey download) const { return Find(download).download->status(); }
  void Pause(DownloadKey download) { Find(download).download->Pause(); }
  void Resume(DownloadKey download) { Find(download).download->Resume(); }
  // Ends the download with CANCELLED, keeping what is on disk; DownloadFinished follows.
  void Stop(DownloadKey download) { Find(download).download->Stop(); }
  void SetFilePriority(DownloadKey download, const std::string& glob, FilePriority priority) {
    Find(download).download->SetFilePriority(glob, priority);
  }
  // Stops the download, with UNAVAILABLE and the reason as its outcome, when it has been waiting for longer
  // than `patience` without a break. To be called now and then.
  void GiveUpAfter(DownloadKey download, absl::Duration patience, absl::Duration now);
  // Ends the download and forgets it, and serves its content no longer. Waits until it has ended; no event of
  // it follows.
  void Remove(DownloadKey download);
  // Forgets the download, which has finished; its content is served on.
  void Release(DownloadKey download);

  // The events since the last call, in the order of their arrival; records have seen them. What a download
  // holds is served from its DownloadStarted on.
  std::vector<Event> TakeEvents();

  // Of all downloads together, in bytes per second.
  const RateLimits& limits() const { return runtime_->limits(); }
  void SetRateLimits(uint64_t down_bytes_per_second, uint64_t up_bytes_per_second) {
    runtime_->SetRateLimits(down_bytes_per_second, up_bytes_per_second);
  }

  // Null when nothing is served.
  Reseeder* serving() const { return reseeder_.get(); }

 private:
  struct Entry {
    DownloadKey key;
    std::vector<tracking::TrackerUrl> trackers;
    DownloadRecord record;
    std::unique_ptr<Download> download;
    std::optional<absl::Duration> waiting_since;
    bool gave_up = false;
  };

  explicit Downloads(Options options);
  Entry& Find(DownloadKey download) const;
  std::unique_ptr<Entry> Take(DownloadKey download);
  void Note(DownloadKey download, const DownloadEvent& event);

  const std::function<void()> wake_;
  const std::unique_ptr<DownloadRuntime> runtime_;
  std::unique_ptr<Reseeder> reseeder_;  // may be null; outlives the downloads, which report to it
  size_t next_key_ = 0;
  Mutex events_mutex_;
  std::vector<Event> events_ ABSL_GUARDED_BY(events_mutex_);
  std::vector<std::unique_ptr<Entry>> entries_;  // last: their observers use all of the above
};

}  // namespace shoal::leecher
