#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/leecher/agent/agent_journal.h"
#include "clients/leecher/agent/agent_state.h"
#include "clients/leecher/agent/content_records.h"
#include "clients/leecher/agent/tracker_offers.h"
#include "clients/leecher/download/model/chunk_map.h"
#include "clients/leecher/download/model/download_event.h"
#include "clients/leecher/download/model/download_reader.h"
#include "clients/leecher/download/model/download_status.h"
#include "clients/leecher/session/downloads.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/service/metrics/serving_metrics.h"
#include "shoal/tracking/client/tracker_url.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// One download of an agent, as viewers see it. A value.
struct AgentDownload {
  enum class State { kFinding, kFetching, kFinishing, kComplete, kFailed, kVerifying };
  static constexpr size_t kStates = 6;
  SavedDownload saved;
  State state = State::kFinding;
  DownloadStatus status;        // of a complete one: its totals, and what is sent of it
  std::string target_path;      // empty: not known yet
  absl::Status failure;         // why it failed; OK otherwise
  bool signer_trusted = false;  // Agent::Trusts(the key of saved.signature)
};

// Something that happened, for people and logs.
struct AgentEvent {
  uint64_t sequence = 0;  // rises by one
  absl::Time time;
  DownloadId download;  // 0: the agent
  std::string kind;     // a word for programs
  std::string text;
};

struct AgentTotals {
  double receive_rate_bytes_per_second = 0;
  double send_rate_bytes_per_second = 0;
  uint64_t received_bytes = 0;  // since the start
  uint64_t sent_bytes = 0;
  uint32_t downloads = 0;
  uint32_t active = 0;
  std::array<uint32_t, AgentDownload::kStates> in_state{};  // downloads, without those that are paused
  uint32_t paused = 0;
  uint64_t failures = 0;  // since the start
  uint32_t no_room = 0;   // followed contents that the disk, or its budget, has no room for
  uint32_t peers = 0;     // that downloads are connected to
  uint64_t disk_used_bytes = 0;
  uint64_t disk_budget_bytes = 0;  // 0: none
  SavedLimits limits;
  struct Tracker {
    std::string url;
    std::string failure;  // empty: it answers

    friend bool operator==(const Tracker&, const Tracker&) = default;
  };
  std::vector<Tracker> trackers;
  absl::Time started;

  friend bool operator==(const AgentTotals&, const AgentTotals&) = default;
};

// What changed of an agent, for one viewer.
struct AgentChanges {
  bool snapshot = false;  // the viewer forgets what it knew
  std::vector<AgentDownload> changed;
  std::vector<DownloadId> removed;
  std::optional<AgentTotals> totals;               // if they changed
  std::optional<std::vector<FollowRule>> follows;  // all, if one changed
  std::vector<AgentEvent> events;
  bool events_lost = false;  // there were more than are kept
};

// A viewer's subscription to an agent. Its memory does not grow with the changes that it has not taken: it
// remembers which downloads changed, not how. Ends with its destruction, before the agent's.
class AgentWatch {
 public:
  virtual ~AgentWatch() = default;
  // Returns what changed since the last call: first a snapshot. Nullopt: nothing did, and `wake` follows when
  // something does.
  virtual std::optional<AgentChanges> Take() = 0;
};

// The downloads of a machine over years: it keeps a list of them across kills and reboots, serves what they
// brought, follows names, and keeps within a disk budget. The command line, a page and an API are its viewers;
// it prints nothing and knows no protocol.
//
// A command returns once what it changed is on the disk. Removal, verification and what rules fetch then happen
// on threads of the agent.
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
    // Whose contents are fetched, but where a rule has keys of its own; none: anybody's. What was fetched before
    // stays.
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
  // those of AgentJournal::Append (nothing was changed).

  // Errors: INVALID_ARGUMENT for a name that can't exist, a relative folder, or without any tracker;
  // RESOURCE_EXHAUSTED when there are max_downloads; PERMISSION_DENIED (kUntrusted) for a manifest that no trusted
  // publisher signed.
  absl::StatusOr<Added> Add(Wanted wanted);
  absl::Status SetPaused(const std::vector<DownloadId>& ids, bool paused);
  // Ids that do not exist are no error.
  absl::Status Remove(const std::vector<DownloadId>& ids, bool with_data);
  absl::Status Verify(const std::vector<DownloadId>& ids);
  absl::Status SetFilePriority(DownloadId id, const std::vector<SelectionRules::Priority>& rules);
  absl::Status SetPinned(const std::vector<DownloadId>& ids, bool pinned);
  absl::Status SetLimits(const SavedLimits& limits);
  // An empty output folder means the agent's. Errors: INVALID_ARGUMENT for an empty glob or a relative folder.
  absl::Status Follow(FollowRule rule);
  absl::Status Unfollow(const std::string& glob);

  // Views.

  std::vector<AgentDownload> List() const;
  absl::StatusOr<AgentDownload> Get(DownloadId id) const;
  AgentTotals totals() const;
  std::vector<FollowRule> follows() const;
  // Whether this agent, or one of its rules, fetches what the owner of the key signed because it is trusted.
  bool Trusts(const PublicKey& key) const;
  // The latest of one download, oldest first.
  std::vector<AgentEvent> EventsOf(DownloadId id, size_t most) const;
  // Null when it is not known (yet).
  std::shared_ptr<const Manifest> ManifestOf(DownloadId id) const;
  // What is held of a download, growing while it runs; null when nothing is.
  std::shared_ptr<const ChunkSource> SourceOf(DownloadId id) const;
  // The manifest of a content that trackers offer and this agent does not have. It is fetched from a peer, which
  // the first calls do not wait for. Errors: UNAVAILABLE while it is not there, NOT_FOUND when no peer has it.
  absl::StatusOr<std::shared_ptr<const Manifest>> ManifestOffered(const ContentId& content);
  // See Downloads::OpenReader. Errors: also NOT_FOUND; FAILED_PRECONDITION when it is not running.
  absl::StatusOr<std::unique_ptr<DownloadReader>> OpenReader(DownloadId id, ChunkRange chunks,
                                                             std::function<void()> wake);
  // The chunks and files of a download. Waits for its loop, a fraction of a second at most. Errors: NOT_FOUND;
  // UNAVAILABLE when the manifest is not there yet, or the loop is busy.
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
  // Of all that this process fetches and serves.
  service::ServingFigures figures() const { return downloads_->figures(); }

 private:
  struct Item;
  class WatchOf;
  class Lock;
  // What is done without the lock, on the agent's thread.
  struct Chore;

  explicit Agent(Options options, ContentRecords records);
  absl::Status Load();

  // The agent's thread: takes events, keeps figures current, does chores.
  void Run();
  void TakeEvents() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Observe(Item& item, const Downloads::Event& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish(Item& item, const DownloadFinished& finished) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Refresh() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RefreshTotals() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Do(const Chore& chore);
  void RemoveData(const SavedDownload& saved);

  // Fetches and removes what the rules say. Called on the thread of offers_.
  void FollowOnce(const Offering& offering);
  // Whose contents a rule fetches; none: anybody's.
  const TrustedKeys& KeysOf(const FollowRule& rule) const {
    return rule.trusted.empty() ? options_.trusted : rule.trusted;
  }
  bool TrustsLocked(const PublicKey& key) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // When one of `keys` last signed the content; InfinitePast: none did.
  absl::Time SignedAt(const tracking::ContentStatus& content, const TrustedKeys& keys)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Frees room for `bytes` more. Returns false when that is not possible.
  bool FreeRoom(uint64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // A manifest that ManifestOffered fetches, or has fetched.
  struct Glance {
    std::optional<DownloadKey> key;  // while it is fetched
    absl::StatusOr<std::shared_ptr<const Manifest>> manifest = absl::UnavailableError("on its way");
    absl::Duration asked;  // uptime of the latest call
  };
  void EndGlance(DownloadKey key, const DownloadFinished& finished) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Another thread: runs on_complete.
  void RunCompletions();

  // Starts the download, or serves it if it is complete.
  void Begin(Item& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartDownload(Item& item, bool verify) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends it in this process, and serves it no longer.
  void Halt(Item& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fail(Item& item, const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Added> AddLocked(Wanted wanted, const std::string& followed_glob)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status RemoveLocked(const std::vector<DownloadId>& ids, bool with_data)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Records the changes, and applies them to state_.
  absl::Status Commit(std::vector<AgentChange> changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::vector<Item*>> FindAll(const std::vector<DownloadId>& ids)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same change of each; those that have it already are left out.
  absl::Status Change(const std::vector<DownloadId>& ids, const std::function<bool(SavedDownload&)>& change,
                      const std::function<void(Item&)>& then) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const SavedDownload& saved(const Item& item) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  AgentDownload View(const Item& item) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of all downloads but those that are being removed.
  std::vector<AgentDownload> Views() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A rule came or went: viewers are told, and whom it trusts counts for what they see.
  void RulesChanged() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<FollowRule> Rules() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Mark(DownloadId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Wake(const std::function<void(WatchOf&)>& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tell(DownloadId id, std::string kind, std::string text) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What other threads report, which must not wait for mutex_: a call under it may wait for them.
  struct Mail {
    bool nudged = false;
    std::vector<std::pair<ContentId, absl::Status>> broken;
    std::vector<std::pair<std::string, std::string>> trackers;  // URL, failure
    std::vector<std::string> rejected;                          // for people
  };
  void Nudge();
  void ReportTracker(const tracking::TrackerUrl& tracker, const absl::Status& status);
  void Read(const Mail& mail) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const ContentRecords records_;
  const absl::Time started_;

  Mutex mail_mutex_;
  CondVar mail_came_;
  Mail mail_ ABSL_GUARDED_BY(mail_mutex_);
  bool ending_ ABSL_GUARDED_BY(mail_mutex_) = false;

  mutable Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  CondVar completions_changed_;
  std::unique_ptr<AgentJournal> journal_ ABSL_GUARDED_BY(mutex_);
  AgentState state_ ABSL_GUARDED_BY(mutex_);
  std::map<DownloadId, std::unique_ptr<Item>> items_ ABSL_GUARDED_BY(mutex_);
  std::map<DownloadKey, DownloadId> running_ ABSL_GUARDED_BY(mutex_);
  std::map<ContentId, Glance> glances_ ABSL_GUARDED_BY(mutex_);
  AgentTotals totals_ ABSL_GUARDED_BY(mutex_);
  uint64_t failures_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<AgentEvent> events_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_sequence_ ABSL_GUARDED_BY(mutex_) = 1;
  std::set<WatchOf*> watches_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> wakes_ ABSL_GUARDED_BY(mutex_);  // to be called without the lock
  std::deque<Chore> chores_ ABSL_GUARDED_BY(mutex_);
  std::deque<AgentDownload> completions_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> tracker_failures_ ABSL_GUARDED_BY(mutex_);
  // Followed contents that there was no room for, and when to try again.
  std::map<ContentId, absl::Duration> no_room_until_ ABSL_GUARDED_BY(mutex_);
  // Followed contents whose signatures were verified, so that this is not done each time they are offered.
  struct VerifiedOffer {
    std::vector<PublisherSignature> signatures;
    absl::Time signed_at;  // as SignedAt
  };
  std::map<ContentId, VerifiedOffer> verified_offers_ ABSL_GUARDED_BY(mutex_);

  // Used under mutex_, but for what its contract says is thread-safe.
  std::unique_ptr<Downloads> downloads_;
  std::unique_ptr<TrackerOffers> offers_;  // thread-safe
  std::thread thread_;
  std::thread completing_;
};

}  // namespace shoal::leecher
