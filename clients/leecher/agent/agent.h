#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/leecher/agent/agent_journal.h"
#include "clients/leecher/agent/agent_mail.h"
#include "clients/leecher/agent/agent_state.h"
#include "clients/leecher/agent/agent_view.h"
#include "clients/leecher/agent/completion_runner.h"
#include "clients/leecher/agent/content_records.h"
#include "clients/leecher/agent/disk_budget.h"
#include "clients/leecher/agent/download_files.h"
#include "clients/leecher/agent/follow_rules.h"
#include "clients/leecher/agent/live_downloads.h"
#include "clients/leecher/agent/offered_manifests.h"
#include "clients/leecher/agent/tracker_offers.h"
#include "clients/leecher/agent/viewer_feed.h"
#include "clients/leecher/download/model/chunk_map.h"
#include "clients/leecher/download/model/download_reader.h"
#include "clients/leecher/session/downloads.h"
#include "shoal/base/clock.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/service/metrics/serving_metrics.h"
#include "shoal/tracking/client/tracker_url.h"

namespace shoal::leecher {

// The downloads of a machine over years: it keeps a list of them across kills and reboots, serves what they
// brought, follows names, and keeps within a disk budget. The command line, a page and an API are its
// viewers; it prints nothing and knows no protocol.
//
// A command returns once what it changed is on the disk. Removal, verification and what rules fetch then
// happen on threads of the agent.
//
// This class has the commands, the views, the threads and the one lock. What a download is in this process is
// LiveDownloads, what is on the disk AgentJournal, what rules make of an offering FollowRules, and what
// viewers have not seen ViewerFeed.
//
// Thread safety: all methods are thread-safe.
class Agent {
 public:
  struct Options {
    std::string state_folder;                    // made if missing
    std::string output_folder;                   // absolute
    std::vector<tracking::TrackerUrl> trackers;  // of downloads that name none, and those that are followed
    Downloads::Options downloads;                // `wake` is the agent's
    SavedLimits limits;                          // until a command sets others
    std::vector<FollowRule> follows;             // besides those that commands added
    // Only contents that one of these keys signed are fetched; a follow rule with its own keys uses those
    // instead. Empty: any content is fetched. Does not affect contents that were fetched before.
    TrustedKeys trusted;
    uint64_t disk_budget_bytes = 0;  // 0: none
    uint32_t max_peers = 32;         // per download
    size_t max_downloads = 10'000;
    // See TrackerOffers::Options.
    absl::Duration offer_interval = absl::Seconds(1);
    // Called for each complete content, on a thread of the agent, one at a time; may block. Empty: none.
    std::function<absl::Status(const AgentDownload& download)> on_complete;
    // Called for each event, on any thread; must not block, nor call the agent.
    std::function<void(const AgentEvent& event)> on_event;
    const Clock* clock = &Clock::Real();
  };

  // What to add: a name or an id, or a manifest.
  struct Wanted {
    std::string name_or_id;
    std::shared_ptr<const Manifest> manifest;     // null: by name or id
    std::optional<PublisherSignature> signature;  // of the manifest, verified
    std::vector<tracking::TrackerUrl> trackers;   // empty: the agent's
    std::string output_folder;                    // absolute; empty: the agent's
    SelectionRules selection;
    bool sequential = false;
    SavedLimits limits;
    bool paused = false;
    bool pinned = false;
    bool repair = false;
    std::string request_id;
  };
  struct Added {
    AgentDownload download;
    bool existed = false;
  };

  // Reads the state and continues every download. Errors: those of AgentJournal::Open and Downloads::Start.
  static absl::StatusOr<std::unique_ptr<Agent>> Start(Options options);
  // Stops everything, keeping what is on the disk.
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Commands, all idempotent. Errors of each: NOT_FOUND (nothing was changed) when a download does not exist;
  // those of AgentJournal::Commit (nothing was changed).

  // Errors: INVALID_ARGUMENT for a name that can't exist, a relative folder, or without any tracker;
  // RESOURCE_EXHAUSTED when there are max_downloads; PERMISSION_DENIED (kUntrusted) for a manifest that no
  // trusted publisher signed; of a new download, those of CheckOutputFolder.
  absl::StatusOr<Added> Add(Wanted wanted);
  absl::Status SetPaused(const std::vector<DownloadId>& ids, bool paused);
  // Ids that do not exist are no error.
  absl::Status Remove(const std::vector<DownloadId>& ids, bool with_data);
  absl::Status Verify(const std::vector<DownloadId>& ids);
  // Errors: INVALID_ARGUMENT for a glob that CheckGlob refuses, and once the manifest is known for one that
  // matches nothing of it, and for rules that leave no file wanted.
  absl::Status SetFilePriority(DownloadId id, const std::vector<SelectionRules::Priority>& rules);
  absl::Status SetPinned(const std::vector<DownloadId>& ids, bool pinned);
  // Of the agent.
  absl::Status SetLimits(const SavedLimits& limits);
  // Sets the rate limits of each of these downloads: of what it receives and of what is sent of its content.
  // They apply in addition to the limits of the agent.
  absl::Status SetDownloadLimits(const std::vector<DownloadId>& ids, const SavedLimits& limits);
  // An empty output folder means the agent's. Errors: those of CheckGlob; INVALID_ARGUMENT for a relative
  // folder; those of CheckOutputFolder.
  absl::Status Follow(FollowRule rule);
  absl::Status Unfollow(const std::string& glob);

  // Views.

  std::vector<AgentDownload> List() const;
  absl::StatusOr<AgentDownload> Get(DownloadId id) const;
  AgentTotals totals() const;
  std::vector<FollowRule> follows() const;
  // See FollowRules::Trusts.
  bool Trusts(const PublicKey& key) const;
  // The latest of one download, oldest first.
  std::vector<AgentEvent> EventsOf(DownloadId id, size_t most) const;
  // Null when it is not known (yet).
  std::shared_ptr<const Manifest> ManifestOf(DownloadId id) const;
  // What is held of a download, growing while it runs; null when nothing is.
  std::shared_ptr<const ChunkSource> SourceOf(DownloadId id) const;
  // See OfferedManifests::Get.
  absl::StatusOr<std::shared_ptr<const Manifest>> ManifestOffered(const ContentId& content);
  // See Downloads::OpenReader. Errors: also NOT_FOUND; FAILED_PRECONDITION when it is not running.
  absl::StatusOr<std::unique_ptr<DownloadReader>> OpenReader(DownloadId id, ChunkRange chunks,
                                                             std::function<void()> wake);
  // The chunks and files of a download. Waits for its loop, a fraction of a second at most. Errors:
  // NOT_FOUND; UNAVAILABLE when the manifest is not there yet, or the loop is busy.
  absl::StatusOr<DownloadDetails> Details(DownloadId id) const;
  // While the result lives, the disk budget does not remove the download; null when there is none.
  std::shared_ptr<void> BeginReading(DownloadId id);
  // The download of a content; 0: none.
  DownloadId FindContent(const ContentId& content) const;
  // `wake` is called from any thread, also for a moment after the watch has ended.
  std::unique_ptr<AgentWatch> Watch(std::function<void()> wake);

  // See TrackerOffers::Page.
  absl::StatusOr<OfferPage> Offers(const std::string& text, const std::pair<std::string, ContentId>& after,
                                   size_t most) {
    return offers_->Page(text, after, most);
  }
  // Where peers fetch from this process; none if it serves nothing.
  std::optional<Endpoint> listens_at() const {
    const Reseeder* serving = downloads_->serving();
    return serving == nullptr ? std::nullopt : std::optional(serving->listens_at());
  }
  // Of all that this process fetches and serves.
  service::ServingFigures figures() const { return downloads_->figures(); }

 private:
  class WatchOf;
  class Lock;

  Agent(Options options, ContentRecords records, std::unique_ptr<AgentJournal> journal);
  absl::Status Begin();

  // The agent's thread: takes events, keeps figures current, does chores.
  void Run();
  void Read(const AgentMail::Batch& mail) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeEvents() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RefreshTotals() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Do(const LiveDownloads::Chore& chore);

  // Fetches and removes what the rules say. Called on the thread of offers_.
  void FollowOnce(const Offering& offering);

  // A rule came or went: whom the agent trusts counts for what viewers see, too.
  void RulesChanged() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::StatusOr<Added> AddLocked(Wanted wanted, const std::string& followed_glob)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The download that `wanted` means already, with that content id, or with zero by its name or the beginning
  // of an id. Requires: it has an output folder.
  std::optional<DownloadId> FindSame(const ContentId& id, const Wanted& wanted) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Records the same change of each; those that have it already are left out.
  absl::Status Change(const std::vector<DownloadId>& ids, const std::function<bool(SavedDownload&)>& change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Shows viewers what Change has changed.
  void ShowChanged(const std::vector<DownloadId>& ids) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // There is such a download, and it is not being removed.
  bool Has(DownloadId id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  SavedLimits Limits() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<AgentDownload> Views() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const ContentRecords records_;
  const DownloadFiles files_;
  const absl::Time started_;
  AgentMail mail_;

  // Held while downloads_ waits for loops, which therefore never wait for it.
  mutable Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  const std::unique_ptr<AgentJournal> journal_ ABSL_PT_GUARDED_BY(mutex_);
  ViewerFeed feed_ ABSL_GUARDED_BY(mutex_);
  DiskBudget budget_ ABSL_GUARDED_BY(mutex_);
  FollowRules rules_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<LiveDownloads> live_ ABSL_PT_GUARDED_BY(mutex_);
  std::unique_ptr<OfferedManifests> manifests_ ABSL_PT_GUARDED_BY(mutex_);
  std::map<std::string, std::string> tracker_failures_ ABSL_GUARDED_BY(mutex_);  // by URL; empty: it answers
  AgentTotals totals_ ABSL_GUARDED_BY(mutex_);

  // Used under mutex_, but for what its contract says is thread-safe.
  std::unique_ptr<Downloads> downloads_;
  std::unique_ptr<TrackerOffers> offers_;          // thread-safe
  std::unique_ptr<CompletionRunner> completions_;  // thread-safe
  std::thread thread_;
};

}  // namespace shoal::leecher
