#include "clients/leecher/agent/agent.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "clients/leecher/agent/followed_folder.h"
#include "clients/leecher/agent/retention.h"
#include "clients/leecher/download/policy/chunk_picker.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/content/manifest/content_path.h"
#include "shoal/content/store/earlier_run.h"

namespace shoal::leecher {
namespace {

using State = AgentDownload::State;

// How often the figures of viewers change.
constexpr absl::Duration kRefresh = absl::Milliseconds(250);
constexpr absl::Duration kIdleRefresh = absl::Seconds(1);
// A disk that was full may have room again.
constexpr absl::Duration kRetryAfterFullDisk = absl::Minutes(1);
constexpr absl::Duration kDetailsPatience = absl::Milliseconds(300);
constexpr size_t kMaxGlances = 16;
constexpr absl::Duration kGlanceAgainAfter = absl::Seconds(5);
constexpr size_t kKeptEvents = 2000;
constexpr size_t kShownEvents = 100;
constexpr size_t kMaxRequestIdBytes = 64;

bool IsHex(const std::string& text, size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

State StateOf(DownloadStatus::Phase phase) {
  using Phase = DownloadStatus::Phase;
  switch (phase) {
    case Phase::kFindingContent:
    case Phase::kFindingPeers:
    case Phase::kFetchingManifest:
      return State::kFinding;
    case Phase::kFetching:
      return State::kFetching;
    case Phase::kFinishing:
    case Phase::kDone:
      return State::kFinishing;
    case Phase::kFailed:
    case Phase::kStopped:
      return State::kFailed;
  }
  return State::kFailed;
}

// The figures of a content that is held as a whole.
void FillWhole(const Manifest& manifest, DownloadStatus* status) {
  status->phase = DownloadStatus::Phase::kDone;
  status->content_id = manifest.id();
  status->name = manifest.name();
  status->length_bytes = status->wanted_bytes = manifest.length_bytes();
  status->held_bytes = status->in_order_bytes = manifest.length_bytes();
  status->chunk_count = status->wanted_chunks = status->chunks_held = manifest.chunk_count();
  status->files = status->wanted_files = static_cast<uint32_t>(manifest.files().size());
}

// What viewers see of it differs. Rates change all the time, and are compared as they are shown.
bool LooksDifferent(const DownloadStatus& a, const DownloadStatus& b) {
  const auto rate = [](double value) { return static_cast<int64_t>(value); };
  return a.phase != b.phase || a.held_bytes != b.held_bytes || a.wanted_bytes != b.wanted_bytes ||
         a.received_bytes != b.received_bytes || a.sent_bytes != b.sent_bytes || a.paused != b.paused ||
         a.connected_peers != b.connected_peers || a.chunks_under_way != b.chunks_under_way ||
         a.waiting_because != b.waiting_because || a.name != b.name || a.content_id != b.content_id ||
         rate(a.rate_bytes_per_second) != rate(b.rate_bytes_per_second) ||
         rate(a.send_rate_bytes_per_second) != rate(b.send_rate_bytes_per_second);
}

std::vector<tracking::TrackerUrl> ParseTrackers(const std::vector<std::string>& urls) {
  std::vector<tracking::TrackerUrl> trackers;
  for (const std::string& url : urls) {
    if (auto tracker = tracking::TrackerUrl::Parse(url); tracker.ok())
      trackers.push_back(*std::move(tracker));
  }
  return trackers;
}

}  // namespace

// Holds mutex_, and after it calls those who wait for changes.
class ABSL_SCOPED_LOCKABLE Agent::Lock {
 public:
  explicit Lock(const Agent* agent) ABSL_EXCLUSIVE_LOCK_FUNCTION(agent->mutex_)
      : agent_(const_cast<Agent*>(agent)) {
    agent_->mutex_.Lock();
  }
  ~Lock() ABSL_UNLOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const std::vector<std::function<void()>> wakes = std::move(agent_->wakes_);
    agent_->wakes_.clear();
    agent_->mutex_.Unlock();
    for (const std::function<void()>& wake : wakes) wake();
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  Agent* const agent_;
};

struct Agent::Item {
  DownloadId id;
  std::optional<DownloadKey> key;           // while a download runs
  std::shared_ptr<const ChunkSource> held;  // complete, and served
  std::shared_ptr<const Manifest> manifest;
  State state = State::kFinding;
  DownloadStatus status;
  std::string target_path;
  absl::Status failure;
  absl::Time last_used = absl::InfinitePast();
  std::optional<absl::Duration> retry_at;  // uptime
  // Each that reads its files holds a copy.
  std::shared_ptr<void> readers = std::make_shared<int>();
};

struct Agent::Chore {
  enum class Kind { kKeepManifest, kComplete, kRemove };
  Kind kind;
  SavedDownload saved;
  std::shared_ptr<const Manifest> manifest;
  bool whole = false;
};

class Agent::WatchOf final : public AgentWatch {
 public:
  WatchOf(Agent* agent, std::function<void()> wake) : agent_(agent), wake_(std::move(wake)) {}
  ~WatchOf() override {
    const Lock lock(agent_);
    agent_->watches_.erase(this);
  }
  std::optional<AgentChanges> Take() override;

  // The rest is used under the agent's lock.
  Agent* const agent_;
  const std::function<void()> wake_;
  bool fresh_ = true;
  bool asleep_ = false;  // it found nothing, and waits for wake_
  std::set<DownloadId> changed_;
  std::set<DownloadId> removed_;
  bool totals_ = false;
  bool follows_ = false;
  uint64_t next_event_ = 0;
};

std::optional<AgentChanges> Agent::WatchOf::Take() {
  const Lock lock(agent_);
  const bool events = agent_->next_sequence_ > next_event_ && !agent_->events_.empty() &&
                      agent_->events_.back().sequence >= next_event_;
  if (!fresh_ && changed_.empty() && removed_.empty() && !totals_ && !follows_ && !events) {
    asleep_ = true;
    return std::nullopt;
  }
  AgentChanges changes;
  changes.snapshot = std::exchange(fresh_, false);
  if (changes.snapshot) {
    changes.changed = agent_->Views();
    const uint64_t shown = std::min<uint64_t>(kShownEvents, agent_->events_.size());
    next_event_ = agent_->next_sequence_ - shown;
  } else {
    for (const DownloadId id : changed_) {
      const auto item = agent_->items_.find(id);
      if (item == agent_->items_.end() || agent_->saved(*item->second).removing) continue;
      changes.changed.push_back(agent_->View(*item->second));
    }
    changes.removed.assign(removed_.begin(), removed_.end());
  }
  if (changes.snapshot || totals_) changes.totals = agent_->totals_;
  if (changes.snapshot || follows_) changes.follows = agent_->Rules();
  for (const AgentEvent& event : agent_->events_) {
    if (event.sequence >= next_event_) changes.events.push_back(event);
  }
  changes.events_lost = !changes.events.empty() && changes.events.front().sequence > next_event_;
  next_event_ = agent_->next_sequence_;
  changed_.clear();
  removed_.clear();
  totals_ = follows_ = false;
  return changes;
}

// --- Start and end

Agent::Agent(Options options, ContentRecords records)
    : options_(std::move(options)), records_(std::move(records)), started_(options_.clock->Now()) {}

absl::StatusOr<std::unique_ptr<Agent>> Agent::Start(Options options) {
  SHOAL_RETURN_IF_ERROR(MakeFolders(options.state_folder));
  SHOAL_ASSIGN_OR_RETURN(ContentRecords records,
                         ContentRecords::Open(absl::StrCat(options.state_folder, "/contents")));
  std::unique_ptr<Agent> agent(new Agent(std::move(options), std::move(records)));
  SHOAL_RETURN_IF_ERROR(agent->Load());
  agent->thread_ = std::thread([agent = agent.get()] { agent->Run(); });
  agent->completing_ = std::thread([agent = agent.get()] { agent->RunCompletions(); });
  return agent;
}

absl::Status Agent::Load() {
  std::string warning;
  const Lock lock(this);
  SHOAL_ASSIGN_OR_RETURN(
      journal_, AgentJournal::Open(absl::StrCat(options_.state_folder, "/journal"), &state_, &warning));
  if (!warning.empty()) Tell(DownloadId(), "warning", warning);
  if (!state_.limits_set) state_.limits = options_.limits;
  Downloads::Options downloads = options_.downloads;
  downloads.runtime.limits = {std::make_shared<net::RateLimit>(state_.limits.down_bytes_per_second),
                              std::make_shared<net::RateLimit>(state_.limits.up_bytes_per_second)};
  downloads.wake = [this] { Nudge(); };
  if (downloads.serving.has_value()) {
    downloads.serving->on_tracker = [this](const tracking::TrackerUrl& tracker, const absl::Status& status) {
      ReportTracker(tracker, status);
    };
    downloads.serving->on_rejected = [this](const tracking::ContentSummary& content,
                                            const absl::Status& why) {
      MutexLock mail(&mail_mutex_);
      mail_.rejected.push_back(absl::StrCat("a tracker rejects ", content.name, ": ", why.message()));
      mail_came_.NotifyAll();
    };
    downloads.serving->on_broken = [this](const tracking::ContentSummary& content, const absl::Status& why) {
      MutexLock mail(&mail_mutex_);
      mail_.broken.emplace_back(content.id, why);
      mail_came_.NotifyAll();
    };
  }
  SHOAL_ASSIGN_OR_RETURN(downloads_, Downloads::Start(std::move(downloads)));
  for (const tracking::TrackerUrl& tracker : options_.trackers) tracker_failures_[tracker.ToString()] = "";
  for (const auto& [id, saved] : state_.downloads) {
    auto item = std::make_unique<Item>();
    item->id = id;
    Item& begun = *item;
    items_.emplace(id, std::move(item));
    if (saved.removing) {
      chores_.push_back({Chore::Kind::kRemove, saved, nullptr});
    } else {
      Begin(begun);
    }
  }
  RefreshTotals();
  TrackerOffers::Options offers;
  offers.trackers = options_.trackers;
  offers.client_at = [this](const tracking::TrackerUrl& tracker) { return downloads_->ClientAt(tracker); };
  offers.interval = options_.offer_interval;
  offers.on_offering = [this](const Offering& offering) {
    if (offering != nullptr) FollowOnce(offering);
  };
  offers.on_tracker = [this](const tracking::TrackerUrl& tracker, const absl::Status& status) {
    ReportTracker(tracker, status);
  };
  offers.clock = options_.clock;
  offers_ = std::make_unique<TrackerOffers>(std::move(offers));
  offers_->SetFollowed(!Rules().empty());
  return absl::OkStatus();
}

Agent::~Agent() {
  {
    const Lock lock(this);
    stopping_ = true;
    completions_changed_.NotifyAll();
  }
  {
    MutexLock lock(&mail_mutex_);
    ending_ = true;
    mail_came_.NotifyAll();
  }
  for (std::thread* thread : {&thread_, &completing_}) {
    if (thread->joinable()) thread->join();
  }
  // Without the lock: these wait for threads that write mail.
  offers_.reset();
  downloads_.reset();
}

// --- Commands

absl::StatusOr<Agent::Added> Agent::Add(Wanted wanted) {
  if (wanted.request_id.size() > kMaxRequestIdBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("request_id has more than ", kMaxRequestIdBytes, " bytes"));
  }
  if (wanted.manifest == nullptr) {
    if (!IsHex(wanted.name_or_id, 2 * ContentId::kSizeBytes)) {
      SHOAL_RETURN_IF_ERROR(CheckContentName(wanted.name_or_id));
    }
  }
  if (!wanted.output_folder.empty() && wanted.output_folder[0] != '/') {
    return absl::InvalidArgumentError("output_folder: an absolute path is needed");
  }
  const Lock lock(this);
  return AddLocked(std::move(wanted), "");
}

absl::StatusOr<Agent::Added> Agent::AddLocked(Wanted wanted, const std::string& followed_glob) {
  if (!wanted.request_id.empty()) {
    for (const SavedRequest& request : state_.requests) {
      if (request.request_id != wanted.request_id) continue;
      const auto item = items_.find(request.download);
      if (item != items_.end()) return Added{View(*item->second), true};
      AgentDownload removed;
      removed.saved.id = request.download;
      return Added{removed, true};
    }
  }
  if (wanted.trackers.empty()) wanted.trackers = options_.trackers;
  if (wanted.trackers.empty()) {
    return absl::InvalidArgumentError("no tracker is known: start the agent with --tracker, or name one");
  }
  if (wanted.output_folder.empty()) wanted.output_folder = options_.output_folder;
  if (wanted.manifest != nullptr && !options_.trusted.empty()) {
    std::vector<PublisherSignature> signers;
    if (wanted.signature.has_value()) signers = {*wanted.signature};
    const auto* signature = options_.trusted.Newest(signers, wanted.manifest->id(), wanted.manifest->name());
    if (signature == nullptr) return UntrustedContent("the .shoal file", signers);
  }
  ContentId id;
  if (wanted.manifest != nullptr) {
    id = wanted.manifest->id();
  } else if (IsHex(wanted.name_or_id, 2 * ContentId::kSizeBytes)) {
    SHOAL_ASSIGN_OR_RETURN(id, ContentId::FromHex(wanted.name_or_id));
  }
  for (const auto& [known_id, known] : state_.downloads) {
    const bool same = id.is_zero() ? known.wanted == wanted.name_or_id : known.content_id == id;
    if (!same || known.removing || known.output_folder != wanted.output_folder) continue;
    if (!wanted.request_id.empty())
      SHOAL_RETURN_IF_ERROR(Commit({RequestSaved{{wanted.request_id, known_id}}}));
    return Added{View(*items_.at(known_id)), true};
  }
  if (items_.size() >= options_.max_downloads) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the agent holds ", items_.size(), " downloads, and may hold no more"));
  }

  SavedDownload saved;
  saved.id = state_.next_id;
  saved.wanted = wanted.manifest != nullptr ? id.ToHex() : wanted.name_or_id;
  saved.content_id = id;
  if (wanted.manifest != nullptr) {
    // Before the journal refers to it.
    SHOAL_RETURN_IF_ERROR(records_.KeepManifest(*wanted.manifest));
    saved.name = wanted.manifest->name();
    saved.signature = wanted.signature;
  }
  for (const tracking::TrackerUrl& tracker : wanted.trackers) saved.trackers.push_back(tracker.ToString());
  saved.output_folder = wanted.output_folder;
  saved.selection = std::move(wanted.selection);
  saved.followed_glob = followed_glob;
  saved.sequential = wanted.sequential;
  saved.repair = wanted.repair;
  saved.paused = wanted.paused;
  saved.pinned = wanted.pinned;
  saved.added = options_.clock->Now();
  std::vector<AgentChange> changes = {DownloadSaved{saved}};
  if (!wanted.request_id.empty()) changes.push_back(RequestSaved{{wanted.request_id, saved.id}});
  SHOAL_RETURN_IF_ERROR(Commit(std::move(changes)));

  auto item = std::make_unique<Item>();
  item->id = saved.id;
  Item& begun = *item;
  items_.emplace(saved.id, std::move(item));
  Tell(saved.id, "added",
       followed_glob.empty() ? "added" : absl::StrCat("added by the rule ", followed_glob));
  Begin(begun);
  RefreshTotals();
  return Added{View(begun), false};
}

absl::Status Agent::Commit(std::vector<AgentChange> changes) {
  if (stopping_) return absl::UnavailableError("the agent is ending");
  SHOAL_RETURN_IF_ERROR(journal_->Append(changes));
  for (const AgentChange& change : changes) Apply(change, &state_);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Agent::Item*>> Agent::FindAll(const std::vector<DownloadId>& ids) {
  std::vector<Item*> items;
  for (const DownloadId id : ids) {
    const auto item = items_.find(id);
    if (item == items_.end() || saved(*item->second).removing) {
      return absl::NotFoundError(absl::StrCat("there is no download ", id.value()));
    }
    items.push_back(item->second.get());
  }
  return items;
}

absl::Status Agent::Change(const std::vector<DownloadId>& ids,
                           const std::function<bool(SavedDownload&)>& change,
                           const std::function<void(Item&)>& then) {
  SHOAL_ASSIGN_OR_RETURN(const std::vector<Item*> items, FindAll(ids));
  std::vector<AgentChange> changes;
  for (const Item* item : items) {
    SavedDownload changed = saved(*item);
    if (change(changed)) changes.push_back(DownloadSaved{std::move(changed)});
  }
  if (!changes.empty()) SHOAL_RETURN_IF_ERROR(Commit(std::move(changes)));
  for (Item* item : items) {
    then(*item);
    Mark(item->id);
  }
  RefreshTotals();
  return absl::OkStatus();
}

absl::Status Agent::SetPaused(const std::vector<DownloadId>& ids, bool paused) {
  const Lock lock(this);
  return Change(
      ids, [&](SavedDownload& saved) { return std::exchange(saved.paused, paused) != paused; },
      [&](Item& item) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        if (item.key.has_value()) {
          if (paused) {
            downloads_->Pause(*item.key);
          } else {
            downloads_->Resume(*item.key);
          }
        } else if (item.state == State::kFailed && !paused) {
          Begin(item);
        }
      });
}

absl::Status Agent::Remove(const std::vector<DownloadId>& ids, bool with_data) {
  const Lock lock(this);
  std::vector<AgentChange> forgotten;
  for (const DownloadId id : ids) {
    const auto known = state_.downloads.find(id);
    if (known == state_.downloads.end() || known->second.followed_glob.empty()) continue;
    forgotten.push_back(ContentForgotten{known->second.content_id});
  }
  if (!forgotten.empty()) SHOAL_RETURN_IF_ERROR(Commit(std::move(forgotten)));
  return RemoveLocked(ids, with_data);
}

absl::Status Agent::RemoveLocked(const std::vector<DownloadId>& ids, bool with_data) {
  std::vector<AgentChange> changes;
  std::vector<Item*> items;
  for (const DownloadId id : ids) {
    const auto found = items_.find(id);
    if (found == items_.end()) continue;
    SavedDownload changed = saved(*found->second);
    if (changed.removing && changed.remove_data >= with_data) continue;
    changed.removing = true;
    changed.remove_data = with_data;
    changes.push_back(DownloadSaved{std::move(changed)});
    items.push_back(found->second.get());
  }
  if (items.empty()) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(Commit(std::move(changes)));
  for (Item* item : items) {
    Halt(*item);
    chores_.push_back({Chore::Kind::kRemove, saved(*item), nullptr});
    Wake([&](WatchOf& watch) {
      watch.changed_.erase(item->id);
      watch.removed_.insert(item->id);
    });
  }
  Nudge();
  RefreshTotals();
  return absl::OkStatus();
}

absl::Status Agent::Verify(const std::vector<DownloadId>& ids) {
  const Lock lock(this);
  return Change(
      ids,
      [&](SavedDownload& saved) {
        // What is on the disk was this agent's: what is damaged of it is fetched again.
        const bool known = saved.completed == absl::InfinitePast() && saved.repair;
        saved.repair = true;
        saved.completed = absl::InfinitePast();
        return !known;
      },
      [&](Item& item) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        if (item.state == State::kVerifying) return;
        Halt(item);
        Tell(item.id, "verifying", "reading what is on the disk");
        StartDownload(item, /*verify=*/true);
      });
}

absl::Status Agent::SetFilePriority(DownloadId id, const std::vector<SelectionRules::Priority>& rules) {
  const Lock lock(this);
  return Change(
      {id},
      [&](SavedDownload& saved) {
        std::vector<SelectionRules::Priority>& priorities = saved.selection.priorities;
        for (const SelectionRules::Priority& rule : rules) {
          // An earlier rule of the same glob has no effect any more.
          std::erase_if(priorities,
                        [&](const SelectionRules::Priority& each) { return each.glob == rule.glob; });
          priorities.push_back(rule);
        }
        return true;
      },
      [&](Item& item) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        if (item.key.has_value()) {
          for (const SelectionRules::Priority& rule : rules) {
            downloads_->SetFilePriority(*item.key, rule.glob, rule.priority);
          }
        } else if (item.state == State::kComplete && item.status.wanted_files < item.status.files) {
          Halt(item);
          StartDownload(item, /*verify=*/false);
        }
      });
}

absl::Status Agent::SetPinned(const std::vector<DownloadId>& ids, bool pinned) {
  const Lock lock(this);
  return Change(
      ids, [&](SavedDownload& saved) { return std::exchange(saved.pinned, pinned) != pinned; }, [](Item&) {});
}

absl::Status Agent::SetLimits(const SavedLimits& limits) {
  const Lock lock(this);
  SHOAL_RETURN_IF_ERROR(Commit({LimitsSaved{limits}}));
  downloads_->SetRateLimits(limits.down_bytes_per_second, limits.up_bytes_per_second);
  RefreshTotals();
  return absl::OkStatus();
}

absl::Status Agent::Follow(FollowRule rule) {
  if (rule.glob.empty()) return absl::InvalidArgumentError("glob: it is empty");
  if (rule.output_folder.empty()) rule.output_folder = options_.output_folder;
  if (rule.output_folder[0] != '/') {
    return absl::InvalidArgumentError("output_folder: an absolute path is needed");
  }
  rule.keep_versions = std::max(rule.keep_versions, 1u);
  const Lock lock(this);
  if (options_.trackers.empty()) {
    return absl::InvalidArgumentError("no tracker is known: start the agent with --tracker");
  }
  const auto known = state_.follows.find(rule.glob);
  if (known != state_.follows.end() && known->second == rule) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(Commit({RuleSaved{rule}}));
  Tell(DownloadId(), "following", absl::StrCat("what is published as ", rule.glob, " is fetched"));
  RulesChanged();
  offers_->SetFollowed(true);
  return absl::OkStatus();
}

absl::Status Agent::Unfollow(const std::string& glob) {
  const Lock lock(this);
  if (!state_.follows.contains(glob)) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(Commit({RuleForgotten{glob}}));
  Tell(DownloadId(), "unfollowed", absl::StrCat(glob, " is not followed any more"));
  RulesChanged();
  offers_->SetFollowed(!Rules().empty());
  return absl::OkStatus();
}

void Agent::RulesChanged() {
  verified_offers_.clear();
  for (const auto& [id, item] : items_) {
    if (saved(*item).signature.has_value()) Mark(id);
  }
  Wake([](WatchOf& watch) { watch.follows_ = true; });
}

// --- One download in this process

void Agent::Begin(Item& item) {
  const SavedDownload& wanted = saved(item);
  item.failure = absl::OkStatus();
  item.retry_at.reset();
  item.status.name = wanted.name;
  item.status.content_id = wanted.content_id;
  if (wanted.completed == absl::InfinitePast()) return StartDownload(item, /*verify=*/false);

  absl::StatusOr<std::shared_ptr<const Manifest>> manifest = records_.ManifestOf(wanted.content_id);
  if (!manifest.ok()) return StartDownload(item, /*verify=*/false);
  const std::string root = RootOfWhole(**manifest, wanted.output_folder);
  absl::StatusOr<std::shared_ptr<const ChunkSource>> source = records_.SourceOf(wanted.content_id, root);
  // Only some of its files were wanted.
  if (absl::IsNotFound(source.status())) return StartDownload(item, /*verify=*/false);
  item.manifest = *manifest;
  item.target_path = absl::StrCat(wanted.output_folder, "/", (*manifest)->name());
  if (!source.ok()) return Fail(item, source.status());
  item.held = *source;
  FillWhole(**manifest, &item.status);
  item.state = State::kComplete;
  item.last_used = wanted.completed;
  if (Reseeder* serving = downloads_->serving(); serving != nullptr) {
    serving->Serve(item.held, ParseTrackers(wanted.trackers), wanted.signature);
  }
  Mark(item.id);
}

void Agent::StartDownload(Item& item, bool verify) {
  const SavedDownload& wanted = saved(item);
  DownloadOptions options;
  options.trackers = ParseTrackers(wanted.trackers);
  options.output_folder = wanted.output_folder;
  options.selection = wanted.selection;
  options.sequential = wanted.sequential;
  options.repair = wanted.repair;
  options.verify_all = verify;
  options.max_peers = options_.max_peers;
  options.trusted = options_.trusted;
  for (const FollowRule& rule : Rules()) {
    if (rule.glob == wanted.followed_glob) options.trusted = KeysOf(rule);
  }
  options.wait = absl::InfiniteDuration();
  options.wait_for_content = absl::InfiniteDuration();
  // A repair replaces files: it stays with the content that it began with.
  const bool by_name =
      !IsHex(wanted.wanted, 2 * ContentId::kSizeBytes) && (!wanted.repair || wanted.content_id.is_zero());
  options.signature = wanted.signature;
  options.content = by_name ? tracking::ContentKey(wanted.wanted) : tracking::ContentKey(wanted.content_id);
  // A name is looked up again until its content is complete: it may mean another one by now.
  if (!by_name || verify) {
    if (auto manifest = records_.ManifestOf(wanted.content_id); manifest.ok()) options.manifest = *manifest;
  }
  item.state = verify ? State::kVerifying : State::kFinding;
  item.failure = absl::OkStatus();
  item.retry_at.reset();
  item.key = downloads_->Add(wanted.wanted, std::move(options));
  running_[*item.key] = item.id;
  if (wanted.paused) downloads_->Pause(*item.key);
  Mark(item.id);
}

void Agent::Halt(Item& item) {
  if (item.key.has_value()) {
    running_.erase(*item.key);
    downloads_->Remove(*item.key);
    item.key.reset();
  }
  if (item.held != nullptr) {
    if (Reseeder* serving = downloads_->serving(); serving != nullptr) serving->Withdraw(item.held);
    item.held.reset();
  }
  item.status.rate_bytes_per_second = 0;
  item.status.send_rate_bytes_per_second = 0;
  item.status.connected_peers = 0;
  item.status.waiting_because.clear();
}

void Agent::Fail(Item& item, const absl::Status& why) {
  Halt(item);
  ++failures_;
  item.state = State::kFailed;
  item.failure = why;
  if (CauseOf(why) == ErrorCause::kDiskFull) {
    item.retry_at = options_.clock->Uptime() + kRetryAfterFullDisk;
    // What a rule added leaves nothing half-written; the rule adds it again.
    if (!saved(item).followed_glob.empty()) {
      no_room_until_[saved(item).content_id] = *item.retry_at;
      Tell(item.id, "failed", std::string(why.message()));
      RemoveLocked({item.id}, /*with_data=*/true).IgnoreError();
      return;
    }
  }
  Tell(item.id, "failed", std::string(why.message()));
  Mark(item.id);
}

const SavedDownload& Agent::saved(const Item& item) const {
  return state_.downloads.at(item.id);
}

AgentDownload Agent::View(const Item& item) const {
  AgentDownload view;
  view.saved = saved(item);
  view.state = item.state;
  view.status = item.status;
  view.target_path = item.target_path;
  view.failure = item.failure;
  view.signer_trusted = view.saved.signature.has_value() && TrustsLocked(view.saved.signature->key);
  return view;
}

bool Agent::TrustsLocked(const PublicKey& key) const {
  const auto trusts = [&](const FollowRule& rule) { return rule.trusted.keys().contains(key); };
  if (options_.trusted.keys().contains(key)) return true;
  return std::any_of(options_.follows.begin(), options_.follows.end(), trusts) ||
         std::any_of(state_.follows.begin(), state_.follows.end(),
                     [&](const auto& each) { return trusts(each.second); });
}

bool Agent::Trusts(const PublicKey& key) const {
  MutexLock lock(&mutex_);
  return TrustsLocked(key);
}

// --- The agent's thread

void Agent::ReportTracker(const tracking::TrackerUrl& tracker, const absl::Status& status) {
  MutexLock lock(&mail_mutex_);
  mail_.trackers.emplace_back(tracker.ToString(), status.ok() ? "" : std::string(status.message()));
  mail_came_.NotifyAll();
}

void Agent::Nudge() {
  MutexLock lock(&mail_mutex_);
  mail_.nudged = true;
  mail_came_.NotifyAll();
}

void Agent::Run() {
  bool active = true;
  while (true) {
    Mail mail;
    {
      MutexLock lock(&mail_mutex_);
      if (!mail_.nudged && mail_.broken.empty() && mail_.trackers.empty() && mail_.rejected.empty() &&
          !ending_) {
        mail_came_.WaitFor(&mail_mutex_, absl::ToChronoMilliseconds(active ? kRefresh : kIdleRefresh));
      }
      if (ending_) return;
      mail = std::exchange(mail_, {});
    }
    std::deque<Chore> chores;
    {
      const Lock lock(this);
      Read(mail);
      TakeEvents();
      Refresh();
      RefreshTotals();
      if (journal_->IsLong()) {
        if (const absl::Status rewritten = journal_->Rewrite(state_); !rewritten.ok()) {
          Tell(DownloadId(), "warning", std::string(rewritten.message()));
        }
      }
      active = totals_.active > 0 || totals_.send_rate_bytes_per_second > 0;
      chores.swap(chores_);
    }
    for (const Chore& chore : chores) Do(chore);
  }
}

void Agent::Read(const Mail& mail) {
  for (const auto& [content, why] : mail.broken) {
    for (const auto& [id, item] : items_) {
      if (item->held == nullptr || item->status.content_id != content) continue;
      // What is served was withdrawn already.
      item->held.reset();
      Fail(*item, absl::FailedPreconditionError(absl::StrCat("what was fetched can't be read any more: ",
                                                             why.message(), "; resume fetches it again")));
    }
  }
  for (const std::string& text : mail.rejected) Tell(DownloadId(), "warning", text);
  for (const auto& [tracker, failure] : mail.trackers) {
    std::string& known = tracker_failures_[tracker];
    if (known == failure) continue;
    known = failure;
    Tell(DownloadId(), failure.empty() ? "tracker_back" : "tracker_lost",
         failure.empty() ? absl::StrCat(tracker, " answers again") : absl::StrCat(tracker, ": ", failure));
  }
}

void Agent::TakeEvents() {
  for (const Downloads::Event& event : downloads_->TakeEvents()) {
    const auto running = running_.find(event.download);
    if (running == running_.end()) {
      if (const auto* finished = std::get_if<DownloadFinished>(&event.event)) {
        EndGlance(event.download, *finished);
      }
      continue;
    }
    Observe(*items_.at(running->second), event);
  }
}

void Agent::Observe(Item& item, const Downloads::Event& event) {
  if (event.status.content_id != item.status.content_id || event.status.phase != item.status.phase) {
    Mark(item.id);
  }
  item.status = event.status;
  if (item.state != State::kVerifying) item.state = StateOf(event.status.phase);
  if (const auto* started = std::get_if<DownloadStarted>(&event.event)) {
    item.state = State::kFetching;
    item.target_path = started->target_path;
    const std::shared_ptr<const ChunkSource> source = downloads_->source(event.download);
    if (source == nullptr) return;  // it has been replaced already
    item.manifest = source->manifest();
    SavedDownload changed = saved(item);
    changed.content_id = started->content_id;
    changed.name = started->name;
    changed.signature = started->signature;
    if (const absl::Status kept = Commit({DownloadSaved{changed}}); !kept.ok()) return Fail(item, kept);
    chores_.push_back({Chore::Kind::kKeepManifest, changed, item.manifest});
    if (!FreeRoom(0)) {
      return Fail(item, absl::ResourceExhaustedError(
                            absl::StrCat("the disk budget of ", FormatBytes(options_.disk_budget_bytes),
                                         " has no room for it; remove or unpin something, and resume")));
    }
    Tell(item.id, "started",
         absl::StrCat(FormatBytes(started->wanted_bytes), " in ", started->wanted_files,
                      started->wanted_files == 1 ? " file" : " files"));
  } else if (const auto* finished = std::get_if<DownloadFinished>(&event.event)) {
    Finish(item, *finished);
  } else if (const auto* replaced = std::get_if<ContentReplaced>(&event.event)) {
    item.manifest.reset();
    Tell(item.id, "replaced",
         absl::StrCat("the name means another content by now; ", FormatBytes(replaced->discarded_bytes),
                      " of the first one are discarded"));
  } else if (const auto* lost = std::get_if<PeerLost>(&event.event); lost != nullptr && lost->for_good) {
    Tell(item.id, "peer_dropped", absl::StrCat(lost->endpoint.ToString(), ": ", lost->why));
  } else if (const auto* rejected = std::get_if<ChunkRejected>(&event.event)) {
    Tell(item.id, "chunk_rejected",
         absl::StrCat("chunk ", rejected->chunk.value(), " from ", rejected->endpoint.ToString(), ": ",
                      rejected->why));
  } else if (const auto* tracker = std::get_if<TrackerChanged>(&event.event)) {
    tracker_failures_[tracker->tracker.ToString()] =
        tracker->status.ok() ? "" : std::string(tracker->status.message());
  } else if (const auto* warning = std::get_if<DownloadWarning>(&event.event)) {
    Tell(item.id, "warning", warning->text);
  } else if (const auto* waiting = std::get_if<Waiting>(&event.event)) {
    if (!waiting->because.empty()) Tell(item.id, "waiting", waiting->because);
  } else if (const auto* paused = std::get_if<PausedChanged>(&event.event)) {
    Tell(item.id, paused->paused ? "paused" : "resumed", paused->paused ? "paused" : "resumed");
  }
}

void Agent::Finish(Item& item, const DownloadFinished& finished) {
  if (!finished.outcome.ok()) {
    std::string text(finished.outcome.message());
    for (const tracking::ContentStatus& candidate : finished.candidates) {
      absl::StrAppend(&text, "\n", candidate.summary.id.ToHex(), " ",
                      FormatBytes(candidate.summary.length_bytes));
    }
    return Fail(item, WithCause(absl::Status(finished.outcome.code(), text), CauseOf(finished.outcome)));
  }
  item.held = downloads_->source(*item.key);
  item.manifest = finished.manifest;
  item.target_path = finished.target_path;
  running_.erase(*item.key);
  downloads_->Release(*item.key);
  item.key.reset();
  item.state = State::kFinishing;
  item.status.rate_bytes_per_second = 0;
  item.status.connected_peers = 0;
  item.status.eta.reset();
  item.last_used = options_.clock->Now();
  chores_.push_back(
      {Chore::Kind::kComplete, saved(item), item.manifest, item.status.wanted_files == item.status.files});
  Mark(item.id);
}

void Agent::Refresh() {
  const absl::Duration now = options_.clock->Uptime();
  const Reseeder* const serving = downloads_->serving();
  const uint64_t sent = serving == nullptr ? 0 : serving->totals().sent_bytes;
  const bool sending = sent != totals_.sent_bytes || totals_.send_rate_bytes_per_second > 0;
  std::vector<Item*> retried;
  for (const auto& [id, item] : items_) {
    if (item->key.has_value()) {
      const std::optional<DownloadStatus> status = downloads_->status(*item->key);
      if (!status.has_value() || !LooksDifferent(*status, item->status)) continue;
      item->status = *status;
      if (item->state != State::kVerifying) item->state = StateOf(status->phase);
      Mark(id);
    } else if (item->held != nullptr && sending) {
      const stream::ContentTotals totals = serving->content_totals(item->status.content_id);
      if (totals.sent_bytes != item->status.sent_bytes) item->last_used = options_.clock->Now();
      if (totals.sent_bytes == item->status.sent_bytes &&
          totals.bytes_per_second == item->status.send_rate_bytes_per_second) {
        continue;
      }
      item->status.sent_bytes = totals.sent_bytes;
      item->status.send_rate_bytes_per_second = totals.bytes_per_second;
      Mark(id);
    } else if (item->retry_at.has_value() && *item->retry_at <= now && !saved(*item).paused) {
      retried.push_back(item.get());
    }
  }
  for (Item* item : retried) Begin(*item);
}

void Agent::RefreshTotals() {
  AgentTotals totals;
  totals.downloads = static_cast<uint32_t>(items_.size());
  totals.received_bytes = downloads_->received_bytes();
  totals.failures = failures_;
  totals.no_room = static_cast<uint32_t>(no_room_until_.size());
  for (const auto& [id, item] : items_) {
    const bool paused = item->key.has_value() && item->status.paused;
    ++(paused ? totals.paused : totals.in_state[static_cast<size_t>(item->state)]);
    if (item->key.has_value() && !paused) ++totals.active;
    totals.peers += item->status.connected_peers;
    totals.receive_rate_bytes_per_second += item->status.rate_bytes_per_second;
    totals.send_rate_bytes_per_second += item->status.send_rate_bytes_per_second;
    totals.disk_used_bytes += item->status.held_bytes;
  }
  if (downloads_->serving() != nullptr) totals.sent_bytes = downloads_->serving()->totals().sent_bytes;
  totals.disk_budget_bytes = options_.disk_budget_bytes;
  totals.limits = state_.limits;
  for (const auto& [url, failure] : tracker_failures_) totals.trackers.push_back({url, failure});
  totals.started = started_;
  if (totals == totals_) return;
  totals_ = std::move(totals);
  Wake([](WatchOf& watch) { watch.totals_ = true; });
}

void Agent::Do(const Chore& chore) {
  switch (chore.kind) {
    case Chore::Kind::kKeepManifest: {
      // Without it a later run asks a peer for the manifest again.
      const absl::Status kept = records_.KeepManifest(*chore.manifest);
      if (kept.ok()) return;
      const Lock lock(this);
      return Tell(chore.saved.id, "warning", std::string(kept.message()));
    }
    case Chore::Kind::kRemove: {
      RemoveData(chore.saved);
      const Lock lock(this);
      if (!Commit({DownloadForgotten{chore.saved.id}}).ok()) return;  // again at the next start
      items_.erase(chore.saved.id);
      Tell(chore.saved.id, "removed",
           absl::StrCat("removed ", chore.saved.name.empty() ? chore.saved.wanted : chore.saved.name,
                        chore.saved.remove_data ? " with its data" : ""));
      RefreshTotals();
      return;
    }
    case Chore::Kind::kComplete:
      break;
  }
  absl::Status kept;
  if (chore.whole) {
    kept = records_.KeepComplete(*chore.manifest, RootOfWhole(*chore.manifest, chore.saved.output_folder));
  }
  absl::Status current;
  if (!chore.saved.followed_glob.empty()) {
    // Its folder is FOLDER/.shoal-versions/ID12.
    const std::string folder =
        std::filesystem::path(chore.saved.output_folder).parent_path().parent_path().string();
    current = MakeCurrent(folder, chore.manifest->name(), chore.manifest->id());
  }
  const Lock lock(this);
  const auto found = items_.find(chore.saved.id);
  if (found == items_.end() || saved(*found->second).removing) return;
  Item& item = *found->second;
  if (!kept.ok()) Tell(item.id, "warning", std::string(kept.message()));
  if (!current.ok()) Tell(item.id, "warning", std::string(current.message()));
  SavedDownload changed = saved(item);
  changed.completed = options_.clock->Now();
  changed.name = chore.manifest->name();
  changed.content_id = chore.manifest->id();
  changed.paused = false;
  if (const absl::Status done = Commit({DownloadSaved{std::move(changed)}}); !done.ok()) {
    Tell(item.id, "warning", std::string(done.message()));
  }
  item.state = State::kComplete;
  Mark(item.id);
  Tell(item.id, "complete", absl::StrCat("complete: ", item.target_path));
  completions_.push_back(View(item));
  completions_changed_.NotifyAll();
  offers_->Hurry();  // an older version may go
}

void Agent::RemoveData(const SavedDownload& saved) {
  const absl::StatusOr<std::shared_ptr<const Manifest>> manifest = records_.ManifestOf(saved.content_id);
  bool shared = false;
  {
    const Lock lock(this);
    for (const auto& [id, other] : state_.downloads) {
      if (id == saved.id || other.content_id != saved.content_id || other.removing) continue;
      shared = true;
    }
  }
  if (manifest.ok() && saved.remove_data) {
    absl::Status removed = RemoveUnfinished(**manifest, saved.output_folder);
    const std::string root = RootOfWhole(**manifest, saved.output_folder);
    if (removed.ok() && saved.completed != absl::InfinitePast()) {
      // Another program's file may have the name by now.
      const absl::Status ours = records_.SourceOf(saved.content_id, root).status();
      removed = absl::IsFailedPrecondition(ours)
                    ? absl::FailedPreconditionError(absl::StrCat("its files stay: ", ours.message()))
                    : RemoveContent(**manifest, root);
    }
    if (!removed.ok()) {
      const Lock lock(this);
      Tell(saved.id, "warning", std::string(removed.message()));
    }
    if (!saved.followed_glob.empty()) {
      const std::string folder =
          std::filesystem::path(saved.output_folder).parent_path().parent_path().string();
      ForgetVersion(folder, (*manifest)->name(), saved.content_id);
    }
  }
  if (!shared && !saved.content_id.is_zero()) records_.Forget(saved.content_id).IgnoreError();
}

void Agent::RunCompletions() {
  while (true) {
    AgentDownload download;
    {
      MutexLock lock(&mutex_);
      while (completions_.empty() && !stopping_) completions_changed_.Wait(&mutex_);
      if (stopping_) return;
      download = std::move(completions_.front());
      completions_.pop_front();
    }
    if (options_.on_complete == nullptr) continue;
    const absl::Status done = options_.on_complete(download);
    if (done.ok()) continue;
    const Lock lock(this);
    Tell(download.saved.id, "warning", absl::StrCat("the command for complete contents: ", done.message()));
  }
}

// --- Following

std::vector<FollowRule> Agent::Rules() const {
  std::vector<FollowRule> rules;
  for (const auto& [glob, rule] : state_.follows) rules.push_back(rule);
  for (const FollowRule& rule : options_.follows) {
    if (!state_.follows.contains(rule.glob)) rules.push_back(rule);
  }
  return rules;
}

void Agent::FollowOnce(const Offering& offering) {
  const Lock lock(this);
  const std::vector<FollowRule> rules = Rules();
  if (rules.empty() || stopping_) return;
  std::vector<OfferedContent> offered;
  for (const Offer& offer : *offering) {
    const tracking::ContentStatus& content = offer.content;
    const auto rule = std::find_if(rules.begin(), rules.end(), [&](const FollowRule& each) {
      return NameMatches(each.glob, content.summary.name);
    });
    if (rule == rules.end()) continue;
    absl::Time published = content.published;
    if (const TrustedKeys& keys = KeysOf(*rule); !keys.empty()) {
      published = SignedAt(content, keys);
      if (published == absl::InfinitePast()) continue;
    }
    offered.push_back({content.summary.id, content.summary.name, content.summary.length_bytes,
                       content.publishers, published});
  }
  std::erase_if(verified_offers_, [&](const auto& known) {
    return std::none_of(offering->begin(), offering->end(),
                        [&](const Offer& offer) { return offer.content.summary.id == known.first; });
  });
  std::vector<FollowedContent> followed;
  for (const auto& [id, saved] : state_.downloads) {
    if (saved.followed_glob.empty() || saved.removing) continue;
    const Item& item = *items_.at(id);
    followed.push_back({id, saved.content_id, item.status.name.empty() ? saved.name : item.status.name,
                        saved.pinned, saved.completed});
  }
  absl::flat_hash_set<ContentId> not_again(state_.forgotten.begin(), state_.forgotten.end());
  // What a person added is there already.
  for (const auto& [id, saved] : state_.downloads) not_again.insert(saved.content_id);
  const FollowPlan plan = PlanFollowing(rules, offered, followed, not_again);
  if (!plan.remove.empty()) RemoveLocked(plan.remove, /*with_data=*/true).IgnoreError();
  const absl::Duration now = options_.clock->Uptime();
  std::erase_if(no_room_until_, [&](const auto& entry) { return entry.second <= now; });
  for (const FollowPlan::Fetch& fetch : plan.fetch) {
    if (no_room_until_.contains(fetch.content.id)) continue;
    if (!FreeRoom(fetch.content.length_bytes)) {
      no_room_until_[fetch.content.id] = now + kRetryAfterFullDisk;
      Tell(DownloadId(), "no_room",
           absl::StrCat(fetch.content.name, " (", FormatBytes(fetch.content.length_bytes),
                        ") is not fetched: the disk budget of ", FormatBytes(options_.disk_budget_bytes),
                        " has no room for it"));
      continue;
    }
    Wanted wanted;
    wanted.name_or_id = fetch.content.id.ToHex();
    wanted.output_folder = VersionFolder(fetch.rule.output_folder, fetch.content.id);
    if (const auto added = AddLocked(std::move(wanted), fetch.rule.glob); !added.ok()) {
      Tell(DownloadId(), "warning",
           absl::StrCat("can't follow ", fetch.content.name, ": ", added.status().message()));
      continue;
    } else if (const auto item = items_.find(added->download.saved.id); item != items_.end()) {
      item->second->status.name = fetch.content.name;
      item->second->status.length_bytes = item->second->status.wanted_bytes = fetch.content.length_bytes;
    }
  }
}

absl::Time Agent::SignedAt(const tracking::ContentStatus& content, const TrustedKeys& keys) {
  const auto known = verified_offers_.find(content.summary.id);
  if (known != verified_offers_.end() && known->second.signatures == content.signatures) {
    return known->second.signed_at;
  }
  const auto* const signature = keys.Newest(content.signatures, content.summary.id, content.summary.name);
  const absl::Time signed_at = signature != nullptr ? signature->time : absl::InfinitePast();
  if (signature == nullptr) {
    Tell(DownloadId(), "warning",
         std::string(UntrustedContent(absl::StrCat(content.summary.name, " (", content.summary.id.ShortHex(),
                                                   ") is not fetched: it"),
                                      content.signatures)
                         .message()));
  }
  verified_offers_[content.summary.id] = {content.signatures, signed_at};
  return signed_at;
}

bool Agent::FreeRoom(uint64_t bytes) {
  if (options_.disk_budget_bytes == 0) return true;
  std::vector<HeldContent> held;
  for (const auto& [id, item] : items_) {
    const SavedDownload& wanted = saved(*item);
    if (wanted.removing) continue;
    const bool in_use = item->status.send_rate_bytes_per_second > 0 || item->readers.use_count() > 1;
    held.push_back({id, item->status.wanted_bytes, item->last_used,
                    item->state == State::kComplete && !wanted.pinned && !in_use});
  }
  const std::optional<std::vector<DownloadId>> remove =
      MakeRoom(std::move(held), bytes, options_.disk_budget_bytes);
  if (!remove.has_value()) return false;
  std::vector<AgentChange> forgotten;
  for (const DownloadId id : *remove) {
    const SavedDownload& evicted = state_.downloads.at(id);
    Tell(id, "evicted", absl::StrCat(evicted.name, " is removed: the disk budget needs its room"));
    if (!evicted.followed_glob.empty()) forgotten.push_back(ContentForgotten{evicted.content_id});
  }
  if (!forgotten.empty() && !Commit(std::move(forgotten)).ok()) return false;
  return remove->empty() || RemoveLocked(*remove, /*with_data=*/true).ok();
}

// --- Views

std::vector<AgentDownload> Agent::List() const {
  const Lock lock(this);
  return Views();
}

std::vector<AgentDownload> Agent::Views() const {
  std::vector<AgentDownload> downloads;
  for (const auto& [id, item] : items_) {
    if (!saved(*item).removing) downloads.push_back(View(*item));
  }
  return downloads;
}

absl::StatusOr<AgentDownload> Agent::Get(DownloadId id) const {
  const Lock lock(this);
  const auto item = items_.find(id);
  if (item == items_.end() || saved(*item->second).removing) {
    return absl::NotFoundError(absl::StrCat("there is no download ", id.value()));
  }
  return View(*item->second);
}

AgentTotals Agent::totals() const {
  const Lock lock(this);
  return totals_;
}

std::vector<FollowRule> Agent::follows() const {
  const Lock lock(this);
  return Rules();
}

std::vector<AgentEvent> Agent::EventsOf(DownloadId id, size_t most) const {
  const Lock lock(this);
  std::vector<AgentEvent> events;
  for (auto event = events_.rbegin(); event != events_.rend() && events.size() < most; ++event) {
    if (event->download == id) events.push_back(*event);
  }
  std::reverse(events.begin(), events.end());
  return events;
}

std::shared_ptr<const Manifest> Agent::ManifestOf(DownloadId id) const {
  const Lock lock(this);
  const auto item = items_.find(id);
  return item == items_.end() ? nullptr : item->second->manifest;
}

std::shared_ptr<const ChunkSource> Agent::SourceOf(DownloadId id) const {
  const Lock lock(this);
  const auto item = items_.find(id);
  if (item == items_.end()) return nullptr;
  if (item->second->held != nullptr) return item->second->held;
  return item->second->key.has_value() ? downloads_->source(*item->second->key) : nullptr;
}

absl::StatusOr<std::shared_ptr<const Manifest>> Agent::ManifestOffered(const ContentId& content) {
  const Lock lock(this);
  const absl::Duration now = options_.clock->Uptime();
  if (const auto known = glances_.find(content); known != glances_.end()) {
    // A failure is tried again after a while.
    if (known->second.key.has_value() || known->second.manifest.ok() ||
        now - known->second.asked < kGlanceAgainAfter) {
      if (known->second.manifest.ok()) known->second.asked = now;
      return known->second.manifest;
    }
    glances_.erase(known);
  }
  if (glances_.size() >= kMaxGlances) {
    const auto oldest = std::min_element(glances_.begin(), glances_.end(), [](const auto& a, const auto& b) {
      return std::pair(a.second.key.has_value(), a.second.asked) <
             std::pair(b.second.key.has_value(), b.second.asked);
    });
    if (oldest->second.key.has_value()) return absl::UnavailableError("many manifests are on their way");
    glances_.erase(oldest);
  }
  if (options_.trackers.empty()) return absl::NotFoundError("no tracker is known");
  DownloadOptions options;
  options.content = content;
  options.trackers = options_.trackers;
  options.manifest_only = true;
  options.max_peers = 4;
  Glance& glance = glances_[content];
  glance.key = downloads_->Add(content.ToHex(), std::move(options));
  glance.asked = now;
  return glance.manifest;
}

void Agent::EndGlance(DownloadKey key, const DownloadFinished& finished) {
  for (auto& [content, glance] : glances_) {
    if (glance.key != key) continue;
    glance.key.reset();
    if (finished.manifest != nullptr) {
      glance.manifest = finished.manifest;
    } else {
      glance.manifest = absl::IsNotFound(finished.outcome)
                            ? finished.outcome
                            : absl::Status(absl::UnavailableError(finished.outcome.message()));
    }
    downloads_->Remove(key);
    return;
  }
}

absl::StatusOr<std::unique_ptr<DownloadReader>> Agent::OpenReader(DownloadId id, ChunkRange chunks,
                                                                  std::function<void()> wake) {
  const Lock lock(this);
  const auto item = items_.find(id);
  if (item == items_.end()) return absl::NotFoundError("there is no such download");
  if (!item->second->key.has_value()) return absl::FailedPreconditionError("the download is not running");
  return downloads_->OpenReader(*item->second->key, chunks, std::move(wake));
}

absl::StatusOr<DownloadDetails> Agent::Details(DownloadId id) const {
  const Lock lock(this);
  const auto found = items_.find(id);
  if (found == items_.end()) return absl::NotFoundError("there is no such download");
  const Item& item = *found->second;
  if (item.key.has_value()) return downloads_->Details(*item.key, kDetailsPatience);
  if (item.manifest == nullptr) return absl::UnavailableError("the manifest is not there yet");
  // What does not run is held as it is.
  DownloadDetails details;
  const uint32_t chunks = item.manifest->chunk_count();
  const ChunkSet held = item.held == nullptr ? ChunkSet(chunks) : item.held->Held();
  details.chunks = MakeChunkMap(held, ChunkPicker(held, /*seed=*/0), std::vector<uint16_t>(chunks), {});
  details.files.resize(item.manifest->files().size());
  const SelectionRules& rules = saved(item).selection;
  for (size_t i = 0; i < details.files.size(); ++i) {
    const std::string& path = item.manifest->files()[i].path;
    details.files[i].priority = rules.PriorityOf(path.empty() ? item.manifest->name() : path);
  }
  AddHeldBytes(*item.manifest, held, details.files);
  return details;
}

std::shared_ptr<void> Agent::BeginReading(DownloadId id) {
  const Lock lock(this);
  const auto item = items_.find(id);
  if (item == items_.end()) return nullptr;
  item->second->last_used = options_.clock->Now();
  return item->second->readers;
}

DownloadId Agent::FindContent(const ContentId& content) const {
  const Lock lock(this);
  for (const auto& [id, saved] : state_.downloads) {
    if (saved.content_id == content && !saved.removing) return id;
  }
  return DownloadId();
}

std::unique_ptr<AgentWatch> Agent::Watch(std::function<void()> wake) {
  auto watch = std::make_unique<WatchOf>(this, std::move(wake));
  const Lock lock(this);
  watches_.insert(watch.get());
  return watch;
}

void Agent::Mark(DownloadId id) {
  Wake([id](WatchOf& watch) { watch.changed_.insert(id); });
}

void Agent::Wake(const std::function<void(WatchOf&)>& change) {
  for (WatchOf* watch : watches_) {
    change(*watch);
    if (std::exchange(watch->asleep_, false)) wakes_.push_back(watch->wake_);
  }
}

void Agent::Tell(DownloadId id, std::string kind, std::string text) {
  events_.push_back({next_sequence_++, options_.clock->Now(), id, std::move(kind), std::move(text)});
  if (events_.size() > kKeptEvents) events_.pop_front();
  if (options_.on_event != nullptr) options_.on_event(events_.back());
  Wake([](WatchOf&) {});
}

}  // namespace shoal::leecher
