#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/leecher/agent/agent_journal.h"
#include "clients/leecher/agent/agent_view.h"
#include "clients/leecher/agent/content_records.h"
#include "clients/leecher/agent/disk_budget.h"
#include "clients/leecher/agent/follow_rules.h"
#include "clients/leecher/agent/viewer_feed.h"
#include "clients/leecher/session/downloads.h"
#include "shoal/base/clock.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/chunk_source.h"

namespace shoal::leecher {

// One download of an agent, as it is in this process.
struct LiveDownload {
  std::optional<DownloadKey> key;           // while it runs
  bool looks_up_later = false;              // what its name means by now, when it is resumed
  bool measures = false;                    // what runs brings the manifest alone, to see how large it is
  std::shared_ptr<const ChunkSource> held;  // complete, and served
  std::shared_ptr<const Manifest> manifest;
  AgentDownload::State state = AgentDownload::State::kFinding;
  DownloadStatus status;
  // What the disk budget counts: the wanted bytes of its status once its store is open, and this before.
  bool opened = false;
  uint64_t room_bytes = 0;
  std::string target_path;  // empty: not known yet
  absl::Status failure;
  absl::Time last_used = absl::InfinitePast();
  std::optional<absl::Duration> retry_at;  // uptime
  // Of what is sent of its content, to peers that connect and to those that it connects to.
  std::shared_ptr<net::RateLimit> limit_up = std::make_shared<net::RateLimit>();
  // Each that reads its files holds a copy.
  std::shared_ptr<void> readers = std::make_shared<int>();
};

// The downloads of an agent in this process: each that the journal knows runs, is served as a whole, has
// failed, or is on its way out. This class brings them there from what the journal says, follows what happens
// to them, records in the journal what becomes known of them, and tells the viewers. The owner must record a
// change in the journal before it calls the method that applies it. Slow disk work is returned to the owner
// as a Chore (TakeChores).
//
// Thread safety: one thread at a time.
class LiveDownloads {
 public:
  // All that is pointed to outlives this.
  struct Options {
    Downloads* downloads;
    AgentJournal* journal;
    const ContentRecords* records;
    const FollowRules* rules;
    DiskBudget* budget;
    ViewerFeed* feed;
    uint32_t max_peers = 32;  // per download
    const Clock* clock = &Clock::Real();
  };
  // Work on the disk, to be done without the lock that protects this object.
  struct Chore {
    enum class Kind {
      kKeepManifest,  // record `manifest`, so that a later run asks no peer for it
      kComplete,      // see DownloadFiles::Complete; then call Completed
      kRemove,        // see DownloadFiles::Remove; then call Removed
    };
    Kind kind;
    SavedDownload saved;                       // as it was then
    std::shared_ptr<const Manifest> manifest;  // null for kRemove
    bool whole = false;                        // all files of the content were wanted
  };

  explicit LiveDownloads(Options options) : options_(options) {}
  LiveDownloads(const LiveDownloads&) = delete;
  LiveDownloads& operator=(const LiveDownloads&) = delete;

  // Looking. Ids are those of the journal.

  const std::map<DownloadId, LiveDownload>& all() const { return all_; }
  // Null when there is none. Valid until Removed has it.
  const LiveDownload* Find(DownloadId id) const;
  // Requires: the journal knows `id`, here and below.
  const SavedDownload& saved(DownloadId id) const { return options_.journal->state().downloads.at(id); }
  AgentDownload View(DownloadId id) const;
  // How often a download failed since the start.
  uint64_t failures() const { return failures_; }

  // What the owner wants.

  // Begins what the journal has as new, as failed, or from an earlier run: fetches it, serves it if it is
  // complete, or goes on removing it.
  void Begin(DownloadId id);
  // What is known of a download before its manifest is there.
  void Expect(DownloadId id, const std::string& name, uint64_t length_bytes);
  // As the journal says. One that has failed begins again, unless it is paused; what was complete, and has
  // changed on the disk or is gone from it, is verified and repaired.
  void ApplyPause(DownloadId id);
  void ApplyLimits(DownloadId id);
  // Reads all that is on the disk, and fetches what is wrong.
  void Verify(DownloadId id);
  // `rules`: those that the journal received last. A download that failed because it wanted no file begins
  // again.
  void ApplyPriorities(DownloadId id, const std::vector<SelectionRules::Priority>& rules);
  // Marks them as removed in the journal, and ends them; a chore for each follows. Ids that do not exist are
  // no error. Errors: those of AgentJournal::Commit (nothing was changed).
  absl::Status Remove(const std::vector<DownloadId>& ids, bool with_data);
  // Removes complete downloads until the disk budget has room for `bytes` more. Returns false, and removes
  // nothing, when that is not possible.
  bool FreeRoom(uint64_t bytes);
  // While the result lives, FreeRoom does not remove the download; null when there is none.
  std::shared_ptr<void> BeginReading(DownloadId id);

  // What happens.

  // Returns whether the event is of one of these.
  bool Observe(const Downloads::Event& event);
  // What is served of the content can't be read any more, and was withdrawn.
  void ObserveBroken(const ContentId& content, const absl::Status& why);
  // Brings the figures of all up to date, and tries again what is due.
  void Refresh();
  std::deque<Chore> TakeChores();
  // The chore was done; `warnings`: what went wrong, for people. Returns the download that has become
  // complete; nullopt: it was complete before, is being removed, or is no more.
  std::optional<AgentDownload> Completed(const Chore& chore, const std::vector<std::string>& warnings);
  void Removed(const Chore& chore, const std::vector<std::string>& warnings);

 private:
  // Serves what an earlier run completed. Errors: NOT_FOUND when it is not complete as a whole; otherwise
  // those of ContentRecords::SourceOf.
  absl::Status ServeWhole(DownloadId id);
  void BeginAgain(DownloadId id);
  // With a disk budget nothing is made on the disk before there is room for it: unless the manifest is known,
  // a first download brings it alone. `measured`: the end of that one, which had room; null: none.
  void Start(DownloadId id, bool verify, const DownloadFinished* measured = nullptr);
  void ObserveMeasured(DownloadId id, const DownloadFinished& finished);
  // Counts what it wants, and frees room. Errors: RESOURCE_EXHAUSTED when the disk budget has none for it.
  absl::Status TakeRoom(DownloadId id, const std::shared_ptr<const Manifest>& manifest);
  absl::Status NoRoom() const;
  // Ends it in this process, and serves it no longer.
  void Halt(DownloadId id);
  void Fail(DownloadId id, const absl::Status& why);
  void ObserveStart(DownloadId id, const Downloads::Event& event, const DownloadStarted& started);
  void ObserveEnd(DownloadId id, const DownloadFinished& finished);
  void Tell(DownloadId id, std::string kind, std::string text) {
    options_.feed->Tell(id, std::move(kind), std::move(text));
  }

  const Options options_;
  std::map<DownloadId, LiveDownload> all_;
  std::map<DownloadKey, DownloadId> running_;
  std::deque<Chore> chores_;
  uint64_t sent_bytes_ = 0;  // by all, at the last Refresh
  uint64_t failures_ = 0;
};

}  // namespace shoal::leecher
