#include "clients/leecher/agent/live_downloads.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/content/store/earlier_run.h"

namespace shoal::leecher {
namespace {

using State = AgentDownload::State;

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

// The state of one that runs, and is not being verified.
State StateOf(const LiveDownload& live) {
  return live.measures ? State::kFinding : StateOf(live.status.phase);
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

// --- Looking

const LiveDownload* LiveDownloads::Find(DownloadId id) const {
  const auto found = all_.find(id);
  return found == all_.end() ? nullptr : &found->second;
}

AgentDownload LiveDownloads::View(DownloadId id) const {
  const LiveDownload& live = all_.at(id);
  AgentDownload view;
  view.saved = saved(id);
  view.state = live.state;
  view.status = live.status;
  view.target_path = live.target_path;
  view.failure = live.failure;
  view.signer_trusted = view.saved.signature.has_value() && options_.rules->Trusts(view.saved.signature->key);
  return view;
}

// --- What the owner wants

void LiveDownloads::Begin(DownloadId id) {
  const SavedDownload& wanted = saved(id);
  LiveDownload& live = all_[id];
  if (wanted.removing) {
    chores_.push_back({Chore::Kind::kRemove, wanted, nullptr});
    return;
  }
  live.limit_up->Set(wanted.limits.up_bytes_per_second);
  live.failure = absl::OkStatus();
  live.retry_at.reset();
  live.status.name = wanted.name;
  live.status.content_id = wanted.content_id;
  const absl::Status served = ServeWhole(id);
  if (served.ok()) return;
  if (absl::IsNotFound(served)) return Start(id, /*verify=*/false);
  Fail(id, served);
}

absl::Status LiveDownloads::ServeWhole(DownloadId id) {
  const SavedDownload& wanted = saved(id);
  LiveDownload& live = all_.at(id);
  if (wanted.completed == absl::InfinitePast()) return absl::NotFoundError("the content is not complete");
  absl::StatusOr<std::shared_ptr<const Manifest>> manifest = options_.records->ManifestOf(wanted.content_id);
  if (!manifest.ok()) return absl::NotFoundError(manifest.status().message());
  const std::string root = RootOfWhole(**manifest, wanted.output_folder);
  absl::StatusOr<std::shared_ptr<const ChunkSource>> source =
      options_.records->SourceOf(wanted.content_id, root);
  if (absl::IsNotFound(source.status())) return source.status();
  live.manifest = *manifest;
  live.target_path = absl::StrCat(wanted.output_folder, "/", (*manifest)->name());
  SHOAL_RETURN_IF_ERROR(source.status());
  live.held = *source;
  FillWhole(**manifest, &live.status);
  live.opened = true;
  live.state = State::kComplete;
  live.failure = absl::OkStatus();
  live.last_used = wanted.completed;
  if (Reseeder* serving = options_.downloads->serving(); serving != nullptr) {
    serving->Serve(live.held, ParseTrackers(wanted.trackers), wanted.signature, live.limit_up);
  }
  options_.feed->Changed(id);
  return absl::OkStatus();
}

void LiveDownloads::BeginAgain(DownloadId id) {
  if (saved(id).completed == absl::InfinitePast()) return Begin(id);
  if (ServeWhole(id).ok()) return;
  // What was complete was this agent's own, so what is on the disk may be replaced.
  SavedDownload changed = saved(id);
  changed.repair = true;
  changed.completed = absl::InfinitePast();
  if (const absl::Status kept = options_.journal->Commit({DownloadSaved{changed}}); !kept.ok()) {
    return Fail(id, kept);
  }
  Verify(id);
}

void LiveDownloads::Start(DownloadId id, bool verify, const DownloadFinished* measured) {
  const SavedDownload& wanted = saved(id);
  LiveDownload& live = all_.at(id);
  DownloadOptions options;
  options.trackers = ParseTrackers(wanted.trackers);
  options.output_folder = wanted.output_folder;
  options.selection = wanted.selection;
  options.sequential = wanted.sequential;
  options.limit_down_bytes_per_second = wanted.limits.down_bytes_per_second;
  options.limit_up = live.limit_up;
  options.repair = wanted.repair;
  options.verify_all = verify;
  options.max_peers = options_.max_peers;
  options.trusted = options_.rules->KeysOf(wanted.followed_glob);
  options.wait = absl::InfiniteDuration();
  options.wait_for_content = absl::InfiniteDuration();
  // A repair replaces files: it stays with the content that it began with.
  const bool by_name =
      !ContentId::FromHex(wanted.wanted).ok() && (!wanted.repair || wanted.content_id.is_zero());
  options.signature = wanted.signature;
  options.content = by_name ? tracking::ContentKey(wanted.wanted) : tracking::ContentKey(wanted.content_id);
  // A name is looked up again until its content is complete: it may mean another one by now. A paused
  // download shows what it holds of the one that it meant.
  if (!by_name || verify || wanted.paused) {
    if (auto manifest = options_.records->ManifestOf(wanted.content_id); manifest.ok()) {
      options.manifest = *manifest;
      live.manifest = *manifest;
    }
  }
  if (measured != nullptr && !by_name) {
    options.manifest = measured->manifest;
    options.signature = measured->signature;
  }
  live.looks_up_later = by_name && options.manifest != nullptr;
  live.state = verify ? State::kVerifying : State::kFinding;
  live.failure = absl::OkStatus();
  live.retry_at.reset();
  live.measures = false;
  if (options_.budget->bytes() != 0 && measured == nullptr) {
    if (options.manifest == nullptr) {
      live.measures = options.manifest_only = true;
    } else if (const absl::Status room = TakeRoom(id, options.manifest); !room.ok()) {
      return Fail(id, room);
    }
  }
  live.key = options_.downloads->Add(wanted.wanted, std::move(options));
  running_[*live.key] = id;
  if (wanted.paused) options_.downloads->Pause(*live.key);
  options_.feed->Changed(id);
}

absl::Status LiveDownloads::TakeRoom(DownloadId id, const std::shared_ptr<const Manifest>& manifest) {
  const SavedDownload& wanted = saved(id);
  LiveDownload& live = all_.at(id);
  live.opened = false;
  live.room_bytes = WantedFiles(manifest, wanted.selection).wanted_bytes();
  if (FreeRoom(0)) return absl::OkStatus();
  live.manifest = manifest;
  // It does not count, unless an earlier run brought some of it.
  const auto is_there = [&](const std::string& name) {
    std::error_code ignored;
    return std::filesystem::exists(absl::StrCat(wanted.output_folder, "/", name), ignored);
  };
  if (!is_there(DownloadNames(*manifest).data) && !is_there(manifest->name())) live.room_bytes = 0;
  return NoRoom();
}

absl::Status LiveDownloads::NoRoom() const {
  return absl::ResourceExhaustedError(
      absl::StrCat("the disk budget of ", FormatBytes(options_.budget->bytes()),
                   " has no room for it; remove or unpin something, and resume"));
}

void LiveDownloads::Expect(DownloadId id, const std::string& name, uint64_t length_bytes) {
  DownloadStatus& status = all_.at(id).status;
  status.name = name;
  status.length_bytes = status.wanted_bytes = length_bytes;
  all_.at(id).room_bytes = length_bytes;
}

void LiveDownloads::ApplyPause(DownloadId id) {
  const bool paused = saved(id).paused;
  const LiveDownload& live = all_.at(id);
  if (live.key.has_value()) {
    if (paused) {
      options_.downloads->Pause(*live.key);
    } else if (live.looks_up_later) {
      Halt(id);
      Start(id, /*verify=*/false);
    } else {
      options_.downloads->Resume(*live.key);
    }
  } else if (live.state == State::kFailed && !paused) {
    BeginAgain(id);
  }
}

void LiveDownloads::ApplyLimits(DownloadId id) {
  const SavedLimits& limits = saved(id).limits;
  const LiveDownload& live = all_.at(id);
  live.limit_up->Set(limits.up_bytes_per_second);
  if (live.key.has_value()) options_.downloads->SetLimit(*live.key, limits.down_bytes_per_second);
}

void LiveDownloads::Verify(DownloadId id) {
  if (all_.at(id).state == State::kVerifying) return;
  Halt(id);
  Tell(id, "verifying", "reading what is on the disk");
  Start(id, /*verify=*/true);
}

void LiveDownloads::ApplyPriorities(DownloadId id, const std::vector<SelectionRules::Priority>& rules) {
  const LiveDownload& live = all_.at(id);
  if (live.key.has_value()) {
    for (const SelectionRules::Priority& rule : rules) {
      options_.downloads->SetFilePriority(*live.key, rule.glob, rule.priority);
    }
  } else if (live.state == State::kComplete && live.status.wanted_files < live.status.files) {
    Halt(id);
    Start(id, /*verify=*/false);
  } else if (live.state == State::kFailed && CauseOf(live.failure) == ErrorCause::kUsage) {
    Begin(id);
  }
}

absl::Status LiveDownloads::Remove(const std::vector<DownloadId>& ids, bool with_data) {
  std::vector<AgentChange> changes;
  std::vector<DownloadId> removed;
  for (const DownloadId id : ids) {
    if (!all_.contains(id)) continue;
    SavedDownload changed = saved(id);
    if (changed.removing && changed.remove_data >= with_data) continue;
    changed.removing = true;
    changed.remove_data = with_data;
    changes.push_back(DownloadSaved{std::move(changed)});
    removed.push_back(id);
  }
  if (removed.empty()) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(options_.journal->Commit(changes));
  for (const DownloadId id : removed) {
    Halt(id);
    chores_.push_back({Chore::Kind::kRemove, saved(id), nullptr});
    options_.feed->Removed(id);
  }
  return absl::OkStatus();
}

bool LiveDownloads::FreeRoom(uint64_t bytes) {
  std::vector<HeldContent> held;
  for (const auto& [id, live] : all_) {
    const SavedDownload& wanted = saved(id);
    if (wanted.removing) continue;
    const bool in_use = live.status.send_rate_bytes_per_second > 0 || live.readers.use_count() > 1;
    held.push_back({id, live.opened ? live.status.wanted_bytes : live.room_bytes, live.last_used,
                    live.state == State::kComplete && !wanted.pinned && !in_use});
  }
  const std::optional<std::vector<DownloadId>> remove = options_.budget->MakeRoom(std::move(held), bytes);
  if (!remove.has_value()) return false;
  std::vector<AgentChange> forgotten;
  for (const DownloadId id : *remove) {
    const SavedDownload& evicted = saved(id);
    Tell(id, "evicted", absl::StrCat(evicted.name, " is removed: the disk budget needs its room"));
    if (!evicted.followed_glob.empty()) forgotten.push_back(ContentForgotten{evicted.content_id});
  }
  if (!forgotten.empty() && !options_.journal->Commit(forgotten).ok()) return false;
  return Remove(*remove, /*with_data=*/true).ok();
}

std::shared_ptr<void> LiveDownloads::BeginReading(DownloadId id) {
  const auto found = all_.find(id);
  if (found == all_.end()) return nullptr;
  found->second.last_used = options_.clock->Now();
  return found->second.readers;
}

void LiveDownloads::Halt(DownloadId id) {
  LiveDownload& live = all_.at(id);
  if (live.key.has_value()) {
    running_.erase(*live.key);
    options_.downloads->Remove(*live.key);
    live.key.reset();
  }
  if (live.held != nullptr) {
    if (Reseeder* serving = options_.downloads->serving(); serving != nullptr) serving->Withdraw(live.held);
    live.held.reset();
  }
  live.status.rate_bytes_per_second = 0;
  live.status.send_rate_bytes_per_second = 0;
  live.status.connected_peers = 0;
  live.status.waiting_because.clear();
}

void LiveDownloads::Fail(DownloadId id, const absl::Status& why) {
  Halt(id);
  LiveDownload& live = all_.at(id);
  ++failures_;
  live.state = State::kFailed;
  live.failure = why;
  Tell(id, "failed", std::string(why.message()));
  if (CauseOf(why) == ErrorCause::kDiskFull) {
    live.retry_at = options_.clock->Uptime() + DiskBudget::kRetryAfter;
    // What a rule added leaves nothing half-written; the rule adds it again.
    if (!saved(id).followed_glob.empty()) {
      options_.budget->Postpone(saved(id).content_id);
      Remove({id}, /*with_data=*/true).IgnoreError();
      return;
    }
  }
  options_.feed->Changed(id);
}

// --- What happens

bool LiveDownloads::Observe(const Downloads::Event& event) {
  const auto running = running_.find(event.download);
  if (running == running_.end()) return false;
  const DownloadId id = running->second;
  LiveDownload& live = all_.at(id);
  if (event.status.content_id != live.status.content_id || event.status.phase != live.status.phase) {
    options_.feed->Changed(id);
  }
  live.status = event.status;
  if (live.state != State::kVerifying) live.state = StateOf(live);
  if (const auto* started = std::get_if<DownloadStarted>(&event.event)) {
    ObserveStart(id, event, *started);
  } else if (const auto* finished = std::get_if<DownloadFinished>(&event.event)) {
    if (live.measures && finished->outcome.ok()) {
      ObserveMeasured(id, *finished);
    } else {
      ObserveEnd(id, *finished);
    }
  } else if (const auto* replaced = std::get_if<ContentReplaced>(&event.event)) {
    live.manifest.reset();
    Tell(id, "replaced",
         absl::StrCat("the name means another content by now; ", FormatBytes(replaced->discarded_bytes),
                      " of the first one are discarded"));
  } else if (const auto* lost = std::get_if<PeerLost>(&event.event); lost != nullptr && lost->for_good) {
    Tell(id, "peer_dropped", absl::StrCat(lost->endpoint.ToString(), ": ", lost->why));
  } else if (const auto* rejected = std::get_if<ChunkRejected>(&event.event)) {
    Tell(id, "chunk_rejected",
         absl::StrCat("chunk ", rejected->chunk.value(), " from ", rejected->endpoint.ToString(), ": ",
                      rejected->why));
  } else if (const auto* warning = std::get_if<DownloadWarning>(&event.event)) {
    Tell(id, "warning", warning->text);
  } else if (const auto* waiting = std::get_if<Waiting>(&event.event)) {
    if (!waiting->because.empty()) Tell(id, "waiting", waiting->because);
  } else if (const auto* paused = std::get_if<PausedChanged>(&event.event)) {
    Tell(id, paused->paused ? "paused" : "resumed", paused->paused ? "paused" : "resumed");
  }
  return true;
}

void LiveDownloads::ObserveStart(DownloadId id, const Downloads::Event& event,
                                 const DownloadStarted& started) {
  LiveDownload& live = all_.at(id);
  live.state = State::kFetching;
  live.opened = true;
  live.target_path = started.target_path;
  const std::shared_ptr<const ChunkSource> source = options_.downloads->source(event.download);
  if (source == nullptr) return;  // it has been replaced already
  live.manifest = source->manifest();
  SavedDownload changed = saved(id);
  changed.content_id = started.content_id;
  changed.name = started.name;
  changed.signature = started.signature;
  if (const absl::Status kept = options_.journal->Commit({DownloadSaved{changed}}); !kept.ok()) {
    return Fail(id, kept);
  }
  chores_.push_back({Chore::Kind::kKeepManifest, changed, live.manifest});
  // Its name may have come to mean a larger content since it was measured.
  if (!FreeRoom(0)) return Fail(id, NoRoom());
  Tell(id, "started",
       absl::StrCat(FormatBytes(started.wanted_bytes), " in ", started.wanted_files,
                    started.wanted_files == 1 ? " file" : " files"));
}

void LiveDownloads::ObserveMeasured(DownloadId id, const DownloadFinished& finished) {
  Halt(id);
  if (const absl::Status room = TakeRoom(id, finished.manifest); !room.ok()) return Fail(id, room);
  Start(id, all_.at(id).state == State::kVerifying, &finished);
}

void LiveDownloads::ObserveEnd(DownloadId id, const DownloadFinished& finished) {
  if (!finished.outcome.ok()) {
    std::string text(finished.outcome.message());
    for (const tracking::ContentStatus& candidate : finished.candidates) {
      absl::StrAppend(&text, "\n", candidate.summary.id.ToHex(), " ",
                      FormatBytes(candidate.summary.length_bytes));
    }
    // So that viewers see which files there are.
    if (finished.manifest != nullptr) all_.at(id).manifest = finished.manifest;
    return Fail(id, WithCause(absl::Status(finished.outcome.code(), text), CauseOf(finished.outcome)));
  }
  LiveDownload& live = all_.at(id);
  live.held = options_.downloads->source(*live.key);
  live.manifest = finished.manifest;
  live.target_path = finished.target_path;
  running_.erase(*live.key);
  options_.downloads->Release(*live.key);
  live.key.reset();
  live.state = State::kFinishing;
  live.status.rate_bytes_per_second = 0;
  live.status.connected_peers = 0;
  live.status.eta.reset();
  live.last_used = options_.clock->Now();
  chores_.push_back(
      {Chore::Kind::kComplete, saved(id), live.manifest, live.status.wanted_files == live.status.files});
  options_.feed->Changed(id);
}

void LiveDownloads::ObserveBroken(const ContentId& content, const absl::Status& why) {
  for (auto& [id, live] : all_) {
    if (live.held == nullptr || live.status.content_id != content) continue;
    live.held.reset();
    Fail(id, absl::FailedPreconditionError(absl::StrCat(
                 "what was fetched can't be read any more: ", why.message(), "; resume fetches it again")));
  }
}

void LiveDownloads::Refresh() {
  const absl::Duration now = options_.clock->Uptime();
  const Reseeder* const serving = options_.downloads->serving();
  const uint64_t sent = serving == nullptr ? 0 : serving->totals().sent_bytes;
  const bool sending =
      std::exchange(sent_bytes_, sent) != sent || std::any_of(all_.begin(), all_.end(), [](const auto& each) {
        return each.second.status.send_rate_bytes_per_second > 0;
      });
  std::vector<DownloadId> retried;
  for (auto& [id, live] : all_) {
    if (live.key.has_value()) {
      const std::optional<DownloadStatus> status = options_.downloads->status(*live.key);
      if (!status.has_value() || !LooksDifferent(*status, live.status)) continue;
      live.status = *status;
      if (live.state != State::kVerifying) live.state = StateOf(live);
      options_.feed->Changed(id);
    } else if (live.held != nullptr && sending) {
      const stream::ContentTotals totals = serving->content_totals(live.status.content_id);
      if (totals.sent_bytes != live.status.sent_bytes) live.last_used = options_.clock->Now();
      if (totals.sent_bytes == live.status.sent_bytes &&
          totals.bytes_per_second == live.status.send_rate_bytes_per_second) {
        continue;
      }
      live.status.sent_bytes = totals.sent_bytes;
      live.status.send_rate_bytes_per_second = totals.bytes_per_second;
      options_.feed->Changed(id);
    } else if (live.retry_at.has_value() && *live.retry_at <= now && !saved(id).paused) {
      retried.push_back(id);
    }
  }
  for (const DownloadId id : retried) Begin(id);
}

std::deque<LiveDownloads::Chore> LiveDownloads::TakeChores() {
  return std::exchange(chores_, {});
}

std::optional<AgentDownload> LiveDownloads::Completed(const Chore& chore,
                                                      const std::vector<std::string>& warnings) {
  const DownloadId id = chore.saved.id;
  const auto found = all_.find(id);
  if (found == all_.end() || saved(id).removing) return std::nullopt;
  for (const std::string& warning : warnings) Tell(id, "warning", warning);
  SavedDownload changed = saved(id);
  // A download of some files is opened again by each start.
  const bool anew = changed.completed == absl::InfinitePast() || changed.content_id != chore.manifest->id();
  if (anew) changed.completed = options_.clock->Now();
  changed.name = chore.manifest->name();
  changed.content_id = chore.manifest->id();
  changed.paused = false;
  const absl::Status done = options_.journal->Commit({DownloadSaved{std::move(changed)}});
  if (!done.ok()) Tell(id, "warning", std::string(done.message()));
  found->second.state = State::kComplete;
  options_.feed->Changed(id);
  if (!anew) return std::nullopt;
  Tell(id, "complete", absl::StrCat("complete: ", found->second.target_path));
  return View(id);
}

void LiveDownloads::Removed(const Chore& chore, const std::vector<std::string>& warnings) {
  const SavedDownload& saved = chore.saved;
  for (const std::string& warning : warnings) Tell(saved.id, "warning", warning);
  // Otherwise it is done again at the next start.
  if (!options_.journal->Commit({DownloadForgotten{saved.id}}).ok()) return;
  all_.erase(saved.id);
  Tell(saved.id, "removed",
       absl::StrCat("removed ", saved.name.empty() ? saved.wanted : saved.name,
                    saved.remove_data ? " with its data" : ""));
}

}  // namespace shoal::leecher
