#include "clients/leecher/agent/agent.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/leecher/agent/followed_folder.h"
#include "clients/leecher/download/policy/chunk_picker.h"
#include "shoal/base/file_io.h"
#include "shoal/base/output_path.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/content/manifest/content_path.h"
#include "shoal/content/manifest/id_prefix.h"

namespace shoal::leecher {
namespace {

// How often the figures of viewers change.
constexpr absl::Duration kRefresh = absl::Milliseconds(250);
constexpr absl::Duration kIdleRefresh = absl::Seconds(1);
constexpr absl::Duration kDetailsPatience = absl::Milliseconds(300);
constexpr size_t kMaxRequestIdBytes = 64;
constexpr size_t kMaxGlobBytes = 1024;  // a name has at most 255

absl::Status NoSuchDownload(DownloadId id) {
  if (id == DownloadId())
    return absl::InvalidArgumentError("id: is missing; List has those of the downloads");
  return absl::NotFoundError(absl::StrCat("there is no download ", id.value()));
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
    const std::vector<std::function<void()>> wakes = agent_->feed_.TakeWakes();
    agent_->mutex_.Unlock();
    for (const std::function<void()>& wake : wakes) wake();
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  Agent* const agent_;
};

class Agent::WatchOf final : public AgentWatch {
 public:
  WatchOf(Agent* agent, ViewerFeed::Viewer viewer) : agent_(agent), viewer_(viewer) {}
  ~WatchOf() override {
    const Lock lock(agent_);
    agent_->feed_.End(viewer_);
  }
  std::optional<AgentChanges> Take() override;

 private:
  Agent* const agent_;
  const ViewerFeed::Viewer viewer_;
};

std::optional<AgentChanges> Agent::WatchOf::Take() {
  const Lock lock(agent_);
  std::optional<ViewerFeed::News> news = agent_->feed_.Take(viewer_);
  if (!news.has_value()) return std::nullopt;
  AgentChanges changes;
  changes.snapshot = news->snapshot;
  if (news->snapshot) {
    changes.changed = agent_->Views();
  } else {
    for (const DownloadId id : news->changed) {
      if (agent_->Has(id)) changes.changed.push_back(agent_->live_->View(id));
    }
    changes.removed.assign(news->removed.begin(), news->removed.end());
  }
  if (news->totals) changes.totals = agent_->totals_;
  if (news->follows) changes.follows = agent_->rules_.All();
  changes.events = std::move(news->events);
  changes.events_lost = news->events_lost;
  return changes;
}

// --- Start and end

Agent::Agent(Options options, ContentRecords records, std::unique_ptr<AgentJournal> journal)
    : options_(std::move(options)),
      records_(std::move(records)),
      files_(&records_),
      started_(options_.clock->Now()),
      journal_(std::move(journal)),
      feed_(options_.clock, options_.on_event),
      budget_(options_.disk_budget_bytes, options_.clock),
      rules_(&journal_->state(), {options_.follows, options_.trusted}, &feed_) {}

absl::StatusOr<std::unique_ptr<Agent>> Agent::Start(Options options) {
  SHOAL_RETURN_IF_ERROR(MakeFolders(options.state_folder));
  SHOAL_ASSIGN_OR_RETURN(ContentRecords records,
                         ContentRecords::Open(absl::StrCat(options.state_folder, "/contents")));
  std::string warning;
  SHOAL_ASSIGN_OR_RETURN(std::unique_ptr<AgentJournal> journal,
                         AgentJournal::Open(absl::StrCat(options.state_folder, "/journal"), &warning));
  std::unique_ptr<Agent> agent(new Agent(std::move(options), std::move(records), std::move(journal)));
  if (!warning.empty()) {
    const Lock lock(agent.get());
    agent->feed_.Tell(DownloadId(), "warning", warning);
  }
  SHOAL_RETURN_IF_ERROR(agent->Begin());
  return agent;
}

absl::Status Agent::Begin() {
  {
    const Lock lock(this);
    const AgentState& state = journal_->state();
    const SavedLimits limits = Limits();
    Downloads::Options downloads = options_.downloads;
    downloads.runtime.limits = {std::make_shared<net::RateLimit>(limits.down_bytes_per_second),
                                std::make_shared<net::RateLimit>(limits.up_bytes_per_second)};
    downloads.wake = [this] { mail_.Nudge(); };
    if (downloads.serving.has_value()) {
      downloads.serving->on_tracker = [this](const tracking::TrackerUrl& tracker,
                                             const absl::Status& status) {
        mail_.ReportTracker(tracker, status);
      };
      downloads.serving->on_rejected = [this](const tracking::ContentSummary& content,
                                              const absl::Status& why) {
        mail_.ReportRejected(content, why);
      };
      downloads.serving->on_broken = [this](const tracking::ContentSummary& content,
                                            const absl::Status& why) { mail_.ReportBroken(content, why); };
    }
    SHOAL_ASSIGN_OR_RETURN(downloads_, Downloads::Start(std::move(downloads)));
    LiveDownloads::Options live;
    live.downloads = downloads_.get();
    live.journal = journal_.get();
    live.records = &records_;
    live.rules = &rules_;
    live.budget = &budget_;
    live.feed = &feed_;
    live.max_peers = options_.max_peers;
    live.clock = options_.clock;
    live_ = std::make_unique<LiveDownloads>(live);
    OfferedManifests::Options manifests;
    manifests.trackers = options_.trackers;
    manifests.start = [this](const ContentId& content, DownloadOptions download) {
      return downloads_->Add(content.ToHex(), std::move(download));
    };
    manifests.remove = [this](DownloadKey download) { downloads_->Remove(download); };
    manifests.clock = options_.clock;
    manifests_ = std::make_unique<OfferedManifests>(std::move(manifests));
    for (const tracking::TrackerUrl& tracker : options_.trackers) tracker_failures_[tracker.ToString()] = "";
    for (const auto& [id, saved] : state.downloads) live_->Begin(id);
    RefreshTotals();
    TrackerOffers::Options offers;
    offers.trackers = options_.trackers;
    offers.client_at = [this](const tracking::TrackerUrl& tracker) { return downloads_->ClientAt(tracker); };
    offers.interval = options_.offer_interval;
    offers.on_offering = [this](const Offering& offering) {
      if (offering != nullptr) FollowOnce(offering);
    };
    offers.on_tracker = [this](const tracking::TrackerUrl& tracker, const absl::Status& status) {
      mail_.ReportTracker(tracker, status);
    };
    offers.clock = options_.clock;
    offers_ = std::make_unique<TrackerOffers>(std::move(offers));
    offers_->SetFollowed(!rules_.All().empty());
  }
  completions_ = std::make_unique<CompletionRunner>(
      options_.on_complete, [this](const AgentDownload& download, const absl::Status& why) {
        const Lock lock(this);
        feed_.Tell(download.saved.id, "warning",
                   absl::StrCat("the command for complete contents: ", why.message()));
      });
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

Agent::~Agent() {
  {
    const Lock lock(this);
    stopping_ = true;
  }
  mail_.End();
  if (thread_.joinable()) thread_.join();
  // Without the lock: these wait for threads that take it, or write mail.
  completions_.reset();
  offers_.reset();
  downloads_.reset();
}

// --- Commands

absl::StatusOr<Agent::Added> Agent::Add(Wanted wanted) {
  if (wanted.request_id.size() > kMaxRequestIdBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("request_id has more than ", kMaxRequestIdBytes, " bytes"));
  }
  if (wanted.manifest == nullptr && !ContentId::FromHex(wanted.name_or_id).ok()) {
    SHOAL_RETURN_IF_ERROR(CheckContentName(wanted.name_or_id));
  }
  if (!wanted.output_folder.empty() && wanted.output_folder[0] != '/') {
    return absl::InvalidArgumentError("output_folder: an absolute path is needed");
  }
  const Lock lock(this);
  return AddLocked(std::move(wanted), "");
}

absl::StatusOr<Agent::Added> Agent::AddLocked(Wanted wanted, const std::string& followed_glob) {
  const AgentState& state = journal_->state();
  if (!wanted.request_id.empty()) {
    for (const SavedRequest& request : state.requests) {
      if (request.request_id != wanted.request_id) continue;
      if (live_->Find(request.download) != nullptr) return Added{live_->View(request.download), true};
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
  } else if (const auto hex = ContentId::FromHex(wanted.name_or_id); hex.ok()) {
    id = *hex;
  }
  if (const std::optional<DownloadId> known = FindSame(id, wanted); known.has_value()) {
    if (!wanted.request_id.empty())
      SHOAL_RETURN_IF_ERROR(journal_->Commit({RequestSaved{{wanted.request_id, *known}}}));
    return Added{live_->View(*known), true};
  }
  if (live_->all().size() >= options_.max_downloads) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the agent holds ", live_->all().size(), " downloads, and may hold no more"));
  }
  // A followed content waits until its folder can be written.
  if (followed_glob.empty()) SHOAL_RETURN_IF_ERROR(CheckOutputFolder(wanted.output_folder));

  SavedDownload saved;
  saved.id = state.next_id;
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
  saved.limits = wanted.limits;
  saved.repair = wanted.repair;
  saved.paused = wanted.paused;
  saved.pinned = wanted.pinned;
  saved.added = options_.clock->Now();
  std::vector<AgentChange> changes = {DownloadSaved{saved}};
  if (!wanted.request_id.empty()) changes.push_back(RequestSaved{{wanted.request_id, saved.id}});
  SHOAL_RETURN_IF_ERROR(journal_->Commit(changes));

  feed_.Tell(saved.id, "added",
             followed_glob.empty() ? "added" : absl::StrCat("added by the rule ", followed_glob));
  live_->Begin(saved.id);
  RefreshTotals();
  return Added{live_->View(saved.id), false};
}

std::optional<DownloadId> Agent::FindSame(const ContentId& id, const Wanted& wanted) const {
  const std::optional<IdPrefix> prefix =
      id.is_zero() ? IdPrefix::Parse(wanted.name_or_id) : std::optional<IdPrefix>();
  std::vector<DownloadId> beginning;  // with the prefix
  for (const auto& [known_id, known] : journal_->state().downloads) {
    if (known.removing || known.output_folder != wanted.output_folder) continue;
    if (id.is_zero() ? known.wanted == wanted.name_or_id : known.content_id == id) return known_id;
    if (prefix.has_value() && prefix->Matches(known.content_id)) beginning.push_back(known_id);
  }
  if (beginning.size() != 1) return std::nullopt;  // none, or the trackers know which one is meant
  return beginning[0];
}

absl::Status Agent::Change(const std::vector<DownloadId>& ids,
                           const std::function<bool(SavedDownload&)>& change) {
  std::vector<AgentChange> changes;
  for (const DownloadId id : ids) {
    if (!Has(id)) return NoSuchDownload(id);
    SavedDownload changed = live_->saved(id);
    if (change(changed)) changes.push_back(DownloadSaved{std::move(changed)});
  }
  return changes.empty() ? absl::OkStatus() : journal_->Commit(changes);
}

void Agent::ShowChanged(const std::vector<DownloadId>& ids) {
  for (const DownloadId id : ids) feed_.Changed(id);
  RefreshTotals();
}

absl::Status Agent::SetPaused(const std::vector<DownloadId>& ids, bool paused) {
  const Lock lock(this);
  SHOAL_RETURN_IF_ERROR(
      Change(ids, [&](SavedDownload& saved) { return std::exchange(saved.paused, paused) != paused; }));
  for (const DownloadId id : ids) live_->ApplyPause(id);
  ShowChanged(ids);
  return absl::OkStatus();
}

absl::Status Agent::Remove(const std::vector<DownloadId>& ids, bool with_data) {
  const Lock lock(this);
  std::vector<AgentChange> forgotten;
  for (const DownloadId id : ids) {
    const auto known = journal_->state().downloads.find(id);
    if (known == journal_->state().downloads.end() || known->second.followed_glob.empty()) continue;
    forgotten.push_back(ContentForgotten{known->second.content_id});
  }
  if (!forgotten.empty()) SHOAL_RETURN_IF_ERROR(journal_->Commit(forgotten));
  SHOAL_RETURN_IF_ERROR(live_->Remove(ids, with_data));
  mail_.Nudge();
  RefreshTotals();
  return absl::OkStatus();
}

absl::Status Agent::Verify(const std::vector<DownloadId>& ids) {
  const Lock lock(this);
  SHOAL_RETURN_IF_ERROR(Change(ids, [](SavedDownload& saved) {
    // What is on the disk was this agent's: what is damaged of it is fetched again.
    const bool known = saved.completed == absl::InfinitePast() && saved.repair;
    saved.repair = true;
    saved.completed = absl::InfinitePast();
    return !known;
  }));
  for (const DownloadId id : ids) live_->Verify(id);
  ShowChanged(ids);
  return absl::OkStatus();
}

absl::Status Agent::SetFilePriority(DownloadId id, const std::vector<SelectionRules::Priority>& rules) {
  const Lock lock(this);
  if (!Has(id)) return NoSuchDownload(id);
  const LiveDownload* const live = live_->Find(id);
  const bool has_more = live->status.wanted_files < live->status.files;
  SelectionRules selection = live_->saved(id).selection;
  for (const SelectionRules::Priority& rule : rules) {
    SHOAL_RETURN_IF_ERROR(CheckGlob(rule.glob));
    if (live->manifest != nullptr && !MatchesAny(rule.glob, *live->manifest)) {
      return absl::InvalidArgumentError(absl::StrCat("rules: ", rule.glob, " matches nothing of ",
                                                     live->manifest->name(), "; none of them was set"));
    }
    // An earlier rule of the same glob has no effect any more.
    std::erase_if(selection.priorities, [&](const auto& each) { return each.glob == rule.glob; });
    selection.priorities.push_back(rule);
  }
  if (live->manifest != nullptr && WantedFiles(live->manifest, selection).wanted_files() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("rules: they would leave none of the ", live->manifest->files().size(), " files of ",
                     live->manifest->name(), "; pause the download, or remove it"));
  }
  SHOAL_RETURN_IF_ERROR(Change({id}, [&](SavedDownload& saved) {
    if (has_more) saved.completed = absl::InfinitePast();  // until the files that are wanted now are there
    saved.selection = std::move(selection);
    return true;
  }));
  live_->ApplyPriorities(id, rules);
  ShowChanged({id});
  return absl::OkStatus();
}

absl::Status Agent::SetPinned(const std::vector<DownloadId>& ids, bool pinned) {
  const Lock lock(this);
  SHOAL_RETURN_IF_ERROR(
      Change(ids, [&](SavedDownload& saved) { return std::exchange(saved.pinned, pinned) != pinned; }));
  ShowChanged(ids);
  return absl::OkStatus();
}

absl::Status Agent::SetDownloadLimits(const std::vector<DownloadId>& ids, const SavedLimits& limits) {
  const Lock lock(this);
  SHOAL_RETURN_IF_ERROR(
      Change(ids, [&](SavedDownload& saved) { return std::exchange(saved.limits, limits) != limits; }));
  for (const DownloadId id : ids) live_->ApplyLimits(id);
  ShowChanged(ids);
  return absl::OkStatus();
}

absl::Status Agent::SetLimits(const SavedLimits& limits) {
  const Lock lock(this);
  SHOAL_RETURN_IF_ERROR(journal_->Commit({LimitsSaved{limits}}));
  downloads_->SetRateLimits(limits.down_bytes_per_second, limits.up_bytes_per_second);
  RefreshTotals();
  return absl::OkStatus();
}

absl::Status Agent::Follow(FollowRule rule) {
  SHOAL_RETURN_IF_ERROR(CheckGlob(rule.glob));
  if (rule.glob.size() > kMaxGlobBytes) {
    return absl::InvalidArgumentError(absl::StrCat("glob: has more than ", kMaxGlobBytes, " bytes"));
  }
  if (rule.output_folder.empty()) rule.output_folder = options_.output_folder;
  if (rule.output_folder[0] != '/') {
    return absl::InvalidArgumentError("output_folder: an absolute path is needed");
  }
  rule.keep_versions = std::max(rule.keep_versions, 1u);
  const Lock lock(this);
  if (options_.trackers.empty()) {
    return absl::InvalidArgumentError("no tracker is known: start the agent with --tracker");
  }
  const auto known = journal_->state().follows.find(rule.glob);
  if (known != journal_->state().follows.end() && known->second == rule) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(CheckOutputFolder(rule.output_folder));
  SHOAL_RETURN_IF_ERROR(journal_->Commit({RuleSaved{rule}}));
  feed_.Tell(DownloadId(), "following", absl::StrCat("what is published as ", rule.glob, " is fetched"));
  RulesChanged();
  offers_->SetFollowed(true);
  return absl::OkStatus();
}

absl::Status Agent::Unfollow(const std::string& glob) {
  const Lock lock(this);
  if (!journal_->state().follows.contains(glob)) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(journal_->Commit({RuleForgotten{glob}}));
  feed_.Tell(DownloadId(), "unfollowed", absl::StrCat(glob, " is not followed any more"));
  RulesChanged();
  offers_->SetFollowed(!rules_.All().empty());
  return absl::OkStatus();
}

void Agent::RulesChanged() {
  rules_.ForgetSignatures();
  for (const auto& [id, live] : live_->all()) {
    if (live_->saved(id).signature.has_value()) feed_.Changed(id);
  }
  feed_.FollowsChanged();
}

// --- The agent's thread

void Agent::Run() {
  bool active = true;
  while (const std::optional<AgentMail::Batch> mail = mail_.Await(active ? kRefresh : kIdleRefresh)) {
    std::deque<LiveDownloads::Chore> chores;
    {
      const Lock lock(this);
      Read(*mail);
      TakeEvents();
      live_->Refresh();
      RefreshTotals();
      if (journal_->IsLong()) {
        if (const absl::Status rewritten = journal_->Rewrite(); !rewritten.ok()) {
          feed_.Tell(DownloadId(), "warning", std::string(rewritten.message()));
        }
      }
      active = totals_.active > 0 || totals_.send_rate_bytes_per_second > 0;
      chores = live_->TakeChores();
    }
    for (const LiveDownloads::Chore& chore : chores) Do(chore);
  }
}

void Agent::Read(const AgentMail::Batch& mail) {
  for (const auto& [content, why] : mail.broken) live_->ObserveBroken(content, why);
  for (const std::string& text : mail.rejected) feed_.Tell(DownloadId(), "warning", text);
  for (const auto& [tracker, failure] : mail.trackers) {
    std::string& known = tracker_failures_[tracker];
    if (known == failure) continue;
    known = failure;
    feed_.Tell(
        DownloadId(), failure.empty() ? "tracker_back" : "tracker_lost",
        failure.empty() ? absl::StrCat(tracker, " answers again") : absl::StrCat(tracker, ": ", failure));
  }
}

void Agent::TakeEvents() {
  for (const Downloads::Event& event : downloads_->TakeEvents()) {
    if (!live_->Observe(event)) {
      manifests_->Observe(event.download, event.event);
    } else if (const auto* tracker = std::get_if<TrackerChanged>(&event.event)) {
      tracker_failures_[tracker->tracker.ToString()] =
          tracker->status.ok() ? "" : std::string(tracker->status.message());
    }
  }
}

void Agent::RefreshTotals() {
  AgentTotals totals;
  totals.downloads = static_cast<uint32_t>(live_->all().size());
  totals.received_bytes = downloads_->received_bytes();
  totals.failures = live_->failures();
  totals.no_room = static_cast<uint32_t>(budget_.postponed());
  for (const auto& [id, live] : live_->all()) {
    const bool paused = live.key.has_value() && live.status.paused;
    ++(paused ? totals.paused : totals.in_state[static_cast<size_t>(live.state)]);
    if (live.key.has_value() && !paused) ++totals.active;
    totals.peers += live.status.connected_peers;
    totals.receive_rate_bytes_per_second += live.status.rate_bytes_per_second;
    totals.send_rate_bytes_per_second += live.status.send_rate_bytes_per_second;
    totals.disk_used_bytes += live.status.held_bytes;
  }
  if (downloads_->serving() != nullptr) totals.sent_bytes = downloads_->serving()->totals().sent_bytes;
  totals.disk_budget_bytes = budget_.bytes();
  totals.limits = Limits();
  for (const auto& [url, failure] : tracker_failures_) totals.trackers.push_back({url, failure});
  totals.started = started_;
  if (totals == totals_) return;
  totals_ = std::move(totals);
  feed_.TotalsChanged();
}

void Agent::Do(const LiveDownloads::Chore& chore) {
  using Kind = LiveDownloads::Chore::Kind;
  switch (chore.kind) {
    case Kind::kKeepManifest: {
      const absl::Status kept = records_.KeepManifest(*chore.manifest);
      if (kept.ok()) return;
      const Lock lock(this);
      feed_.Tell(chore.saved.id, "warning", std::string(kept.message()));
      return;
    }
    case Kind::kComplete: {
      const std::vector<std::string> warnings = files_.Complete(chore.saved, *chore.manifest, chore.whole);
      const Lock lock(this);
      std::optional<AgentDownload> complete = live_->Completed(chore, warnings);
      if (!complete.has_value()) return;
      completions_->Add(*std::move(complete));
      offers_->Hurry();  // an older version may go
      return;
    }
    case Kind::kRemove: {
      using Others = DownloadFiles::Others;
      Others others = Others::kNone;
      {
        const Lock lock(this);
        for (const auto& [id, other] : journal_->state().downloads) {
          if (id == chore.saved.id || other.content_id != chore.saved.content_id || other.removing) continue;
          if (other.output_folder == chore.saved.output_folder && !other.content_id.is_zero()) {
            others = Others::kHere;
          } else if (others == Others::kNone) {
            others = Others::kElsewhere;
          }
        }
      }
      const std::vector<std::string> warnings = files_.Remove(chore.saved, others);
      const Lock lock(this);
      live_->Removed(chore, warnings);
      RefreshTotals();
      return;
    }
  }
}

// --- Following

void Agent::FollowOnce(const Offering& offering) {
  const Lock lock(this);
  if (stopping_ || rules_.All().empty()) return;
  std::vector<FollowedContent> followed;
  for (const auto& [id, saved] : journal_->state().downloads) {
    if (saved.followed_glob.empty() || saved.removing) continue;
    const std::string& name = live_->all().at(id).status.name;
    followed.push_back(
        {id, saved.content_id, name.empty() ? saved.name : name, saved.pinned, saved.completed});
  }
  const FollowPlan plan = rules_.Plan(offering, followed);
  if (!plan.remove.empty()) live_->Remove(plan.remove, /*with_data=*/true).IgnoreError();
  budget_.EndWaits();
  for (const FollowPlan::Fetch& fetch : plan.fetch) {
    if (budget_.IsPostponed(fetch.content.id)) continue;
    if (!live_->FreeRoom(fetch.content.length_bytes)) {
      budget_.Postpone(fetch.content.id);
      feed_.Tell(DownloadId(), "no_room",
                 absl::StrCat(fetch.content.name, " (", FormatBytes(fetch.content.length_bytes),
                              ") is not fetched: the disk budget of ", FormatBytes(budget_.bytes()),
                              " has no room for it"));
      continue;
    }
    Wanted wanted;
    wanted.name_or_id = fetch.content.id.ToHex();
    wanted.output_folder = VersionFolder(fetch.rule.output_folder, fetch.content.id);
    if (const auto added = AddLocked(std::move(wanted), fetch.rule.glob); !added.ok()) {
      feed_.Tell(DownloadId(), "warning",
                 absl::StrCat("can't follow ", fetch.content.name, ": ", added.status().message()));
    } else if (live_->Find(added->download.saved.id) != nullptr) {
      live_->Expect(added->download.saved.id, fetch.content.name, fetch.content.length_bytes);
    }
  }
  mail_.Nudge();
}

// --- Views

std::vector<AgentDownload> Agent::List() const {
  const Lock lock(this);
  return Views();
}

std::vector<AgentDownload> Agent::Views() const {
  std::vector<AgentDownload> downloads;
  for (const auto& [id, live] : live_->all()) {
    if (Has(id)) downloads.push_back(live_->View(id));
  }
  return downloads;
}

SavedLimits Agent::Limits() const {
  return journal_->state().limits_set ? journal_->state().limits : options_.limits;
}

bool Agent::Has(DownloadId id) const {
  const auto known = journal_->state().downloads.find(id);
  return known != journal_->state().downloads.end() && !known->second.removing;
}

absl::StatusOr<AgentDownload> Agent::Get(DownloadId id) const {
  const Lock lock(this);
  if (!Has(id)) return NoSuchDownload(id);
  return live_->View(id);
}

AgentTotals Agent::totals() const {
  const Lock lock(this);
  return totals_;
}

std::vector<FollowRule> Agent::follows() const {
  const Lock lock(this);
  return rules_.All();
}

std::vector<AgentEvent> Agent::EventsOf(DownloadId id, size_t most) const {
  const Lock lock(this);
  return feed_.EventsOf(id, most);
}

std::shared_ptr<const Manifest> Agent::ManifestOf(DownloadId id) const {
  const Lock lock(this);
  const LiveDownload* const live = live_->Find(id);
  return live == nullptr ? nullptr : live->manifest;
}

std::shared_ptr<const ChunkSource> Agent::SourceOf(DownloadId id) const {
  const Lock lock(this);
  const LiveDownload* const live = live_->Find(id);
  if (live == nullptr) return nullptr;
  if (live->held != nullptr) return live->held;
  return live->key.has_value() ? downloads_->source(*live->key) : nullptr;
}

absl::StatusOr<std::shared_ptr<const Manifest>> Agent::ManifestOffered(const ContentId& content) {
  const Lock lock(this);
  return manifests_->Get(content);
}

absl::StatusOr<std::unique_ptr<DownloadReader>> Agent::OpenReader(DownloadId id, ChunkRange chunks,
                                                                  std::function<void()> wake) {
  const Lock lock(this);
  const LiveDownload* const live = live_->Find(id);
  if (live == nullptr) return NoSuchDownload(id);
  if (!live->key.has_value()) return absl::FailedPreconditionError("the download is not running");
  return downloads_->OpenReader(*live->key, chunks, std::move(wake));
}

absl::StatusOr<DownloadDetails> Agent::Details(DownloadId id) const {
  const Lock lock(this);
  const LiveDownload* const live = live_->Find(id);
  if (live == nullptr) return NoSuchDownload(id);
  if (live->key.has_value()) return downloads_->Details(*live->key, kDetailsPatience);
  if (live->manifest == nullptr) return absl::UnavailableError("the manifest is not there yet");
  // What does not run is held as it is.
  DownloadDetails details;
  const Manifest& manifest = *live->manifest;
  const uint32_t chunks = manifest.chunk_count();
  const ChunkSet held = live->held == nullptr ? ChunkSet(chunks) : live->held->Held();
  details.chunks = MakeChunkMap(held, ChunkPicker(held, /*seed=*/0), std::vector<uint16_t>(chunks), {});
  details.files.resize(manifest.files().size());
  const SelectionRules& rules = live_->saved(id).selection;
  for (size_t i = 0; i < details.files.size(); ++i) {
    const std::string& path = manifest.files()[i].path;
    details.files[i].priority = rules.PriorityOf(path.empty() ? manifest.name() : path);
  }
  AddHeldBytes(manifest, held, details.files);
  return details;
}

std::shared_ptr<void> Agent::BeginReading(DownloadId id) {
  const Lock lock(this);
  return live_->BeginReading(id);
}

bool Agent::Trusts(const PublicKey& key) const {
  const Lock lock(this);
  return rules_.Trusts(key);
}

DownloadId Agent::FindContent(const ContentId& content) const {
  if (content.is_zero()) return DownloadId();  // of a download that is not found yet
  const Lock lock(this);
  for (const auto& [id, saved] : journal_->state().downloads) {
    if (saved.content_id == content && !saved.removing) return id;
  }
  return DownloadId();
}

std::unique_ptr<AgentWatch> Agent::Watch(std::function<void()> wake) {
  const Lock lock(this);
  return std::make_unique<WatchOf>(this, feed_.Add(std::move(wake)));
}

}  // namespace shoal::leecher
