#include "clients/leecher/download/download_engine.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "shoal/base/clock.h"

namespace shoal::leecher {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);
// A tick that comes this late means that this machine slept, not that the peers did.
constexpr absl::Duration kOverslept = absl::Seconds(1);
// A peer that counts the content's chunks wrongly may have been mended by then.
constexpr absl::Duration kLongWait = absl::Minutes(5);
constexpr uint32_t kMinBuffers = 8;

}  // namespace

absl::Duration DownloadEngine::Uptime() {
  return Clock::Real().Uptime();
}

DownloadEngine::DownloadEngine(net::EventLoop& loop, DownloadOptions options, Download::Observer observer,
                               DownloadBoard& board)
    : loop_(loop),
      options_(std::move(options)),
      observer_(std::move(observer)),
      board_(board),
      began_(Uptime()),
      last_tick_(began_),
      stall_(options_.tuning.waiting_after, began_,
             [this](const std::string& because) { observer_(Waiting{because}); }),
      trackers_(loop, options_, observer_,
                [this](size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response) {
                  OnAnswer(tracker, response);
                }),
      rate_(began_),
      roster_(loop,
              PeerRoster::Options{options_.self, options_.listen_port, options_.max_peers, options_.tuning,
                                  options_.on_bad_peer},
              this, observer_),
      manifest_fetch_(roster_, options_.tuning),
      disk_(std::make_unique<DiskPipeline>()),
      content_(loop, *disk_, options_, this),
      fetch_(loop, roster_, *disk_, this) {}

DownloadEngine::~DownloadEngine() = default;

void DownloadEngine::Begin() {
  if (ending()) return;
  timer_ = std::make_unique<LoopTimer>(loop_, kTick, [this] { Tick(); });
  if (options_.make_tracker_client == nullptr || options_.trackers.empty()) {
    return End(Phase::kFailed, absl::InvalidArgumentError("no tracker was named"));
  }
  if (options_.manifest != nullptr) {
    UseContent(options_.manifest->id(), began_);
    UseManifest(options_.manifest);
  } else {
    finder_.emplace(options_.content, options_.trackers.size(), options_.tuning.start_patience, began_);
    if (const auto* name = std::get_if<std::string>(&options_.content)) name_ = *name;
  }
  trackers_.Begin(content_id_.is_zero() ? options_.content : tracking::ContentKey(content_id_));
  Publish();
}

// --- Trackers

void DownloadEngine::OnAnswer(size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response) {
  if (ending() || phase_ == Phase::kFinishing) return;
  const absl::Duration now = Uptime();
  if (content_id_.is_zero()) {
    finder_->Answer(tracker, response, now);
    Judge(now);
    return;
  }
  // An answer to a question from before the id was known may mean another content of that name.
  if (!response.ok() || response->contents.size() != 1 || response->contents[0].summary.id != content_id_)
    return;
  roster_.Learn(response->peers, now);
  CallPeers(now);
}

void DownloadEngine::Judge(absl::Duration now) {
  switch (finder_->Decide(now)) {
    case ContentFinder::Verdict::kOpen:
      return;
    case ContentFinder::Verdict::kFound:
      name_ = finder_->found().name;
      length_bytes_ = finder_->found().length_bytes;
      chunk_count_ = finder_->found().chunk_count;
      UseContent(finder_->found().id, now);
      roster_.Learn(finder_->peers(), now);
      CallPeers(now);
      return;
    case ContentFinder::Verdict::kAmbiguous:
      return End(Phase::kFailed, absl::FailedPreconditionError(
                                     absl::StrCat(finder_->candidates().size(), " contents have the name ",
                                                  name_, "; ask for one of them by its id")));
    case ContentFinder::Verdict::kNotFound:
      return End(Phase::kFailed,
                 absl::NotFoundError(options_.trackers.size() == 1 ? "the tracker does not know this content"
                                                                   : "no tracker knows this content"));
    case ContentFinder::Verdict::kUnreachable:
      return End(Phase::kFailed, absl::UnavailableError(absl::StrCat("no tracker answers: ",
                                                                     finder_->last_failure().message())));
  }
}

void DownloadEngine::UseContent(const ContentId& content, absl::Duration now) {
  content_id_ = content;
  phase_ = Phase::kFindingPeers;
  trackers_.SetContent(content);
  roster_.Begin(content);
  stall_.Moved(now);
}

void DownloadEngine::CallPeers(absl::Duration now) {
  if (ending() || phase_ == Phase::kFinishing || content_id_.is_zero()) return;
  if (!paused_) roster_.CallPeers(now);
  // Connected peers that have nothing to give are as good as none.
  trackers_.SetLacking(!paused_ && (roster_.ready().empty() || !stall_.because().empty()));
}

// --- Manifest and store

uint64_t DownloadEngine::BufferBytes() const {
  return std::max(uint64_t{kMinBuffers} * manifest_->chunk_size_bytes(), options_.tuning.buffer_bytes);
}

void DownloadEngine::UseManifest(std::shared_ptr<const Manifest> manifest) {
  manifest_ = std::move(manifest);
  name_ = manifest_->name();
  length_bytes_ = manifest_->length_bytes();
  chunk_count_ = manifest_->chunk_count();
  const absl::Status opening = content_.Open(manifest_);
  if (!opening.ok()) End(Phase::kFailed, opening);
}

void DownloadEngine::StoreOpened(const absl::Status& status) {
  if (ending()) return ConcludeWhenWritten();
  if (!status.ok()) return End(Phase::kFailed, status);
  const absl::Duration now = Uptime();
  board_.PutSource(content_.store());
  roster_.Offer(content_.store());
  phase_ = Phase::kFetching;
  stall_.Moved(now);
  DownloadStatus facts;
  content_.Report(facts);
  observer_(DownloadStarted{content_id_, name_, content_.store()->target_path(), length_bytes_, chunk_count_,
                            facts.files, facts.wanted_files, facts.wanted_bytes, facts.resumed_bytes,
                            content_.store()->opening_took()});
  fetch_.Begin(content_.store(), BufferBytes(), options_.tuning);
  fetch_.SetSequential(options_.sequential);
  fetch_.SetPaused(paused_, now);
  WantInFetch();
  if (fetch_.done()) return FinishStore();
  const std::vector<PeerLink*> ready = roster_.ready();
  for (PeerLink* link : ready) JoinFetch(*link, now);
  Publish();
}

void DownloadEngine::JoinFetch(PeerLink& link, absl::Duration now) {
  const absl::Status joined = fetch_.Join(link, now);
  if (!joined.ok()) EndLink(link, PeerRoster::Ending::kNotNow, std::string(joined.message()), kLongWait);
}

void DownloadEngine::StoreSelected(const absl::Status& status) {
  if (ending()) return ConcludeWhenWritten();
  if (!status.ok()) return End(Phase::kFailed, status);
  WantInFetch();
  if (fetch_.done()) return FinishStore();
  Pursue(Uptime());
  Publish();
}

void DownloadEngine::WantInFetch() {
  using enum FilePriority;
  for (const FilePriority priority : {kSkip, kLow, kNormal, kHigh}) {
    for (const ChunkRange& chunks : content_.wanted().ChunksAt(priority))
      fetch_.SetPriority(chunks, priority);
  }
}

void DownloadEngine::SetPaused(bool paused) {
  if (ending() || phase_ == Phase::kFinishing || paused == paused_) return;
  const absl::Duration now = Uptime();
  paused_ = paused;
  if (fetch_.begun()) fetch_.SetPaused(paused, now);
  stall_.Moved(now);
  observer_(PausedChanged{paused});
  Pursue(now);
  Publish();
}

// --- Time

void DownloadEngine::Tick() {
  if (concluded_) return;
  const absl::Duration now = Uptime();
  const bool overslept = now - last_tick_ > kTick + kOverslept;
  last_tick_ = now;
  if (!ending() && phase_ != Phase::kFinishing) {
    if (overslept) fetch_.ExcuseAll(now);
    if (content_id_.is_zero()) Judge(now);
    if (!ending()) CheckPeers(now);
    if (paused_) stall_.MovedALittle(now);
    if (!ending() && !content_.busy()) stall_.Check(now, [&] { return FactsOfStall(now); });
  }
  Publish();
}

void DownloadEngine::CheckPeers(absl::Duration now) {
  if (options_.manifest != nullptr && !trackers_.answered() && !content_.busy() &&
      now - began_ > options_.tuning.start_patience) {
    return End(Phase::kFailed, absl::UnavailableError("no tracker answers, so no peer is known"));
  }
  for (PeerLink* link : fetch_.Frozen(now)) {
    EndLink(*link, PeerRoster::Ending::kFrozen, "it was asked for chunks, and nothing came");
  }
  if (roster_.book().connected() >= options_.max_peers && roster_.book().HasSpare(now)) {
    if (PeerLink* link = fetch_.Useless(now)) {
      EndLink(*link, PeerRoster::Ending::kNotNow, "it has less to give than others",
              options_.tuning.max_backoff);
    }
  }
  Pursue(now);
}

StallFacts DownloadEngine::FactsOfStall(absl::Duration now) {
  StallFacts facts;
  facts.content_found = !content_id_.is_zero();
  facts.have_manifest = manifest_ != nullptr;
  facts.trackers = static_cast<uint32_t>(options_.trackers.size());
  facts.trackers_away = trackers_.away();
  facts.peers_known = static_cast<uint32_t>(roster_.book().known());
  facts.peers_dropped = roster_.book().dropped();
  facts.peers_connecting = roster_.connecting();
  facts.peers_ready = static_cast<uint32_t>(roster_.ready().size());
  facts.peers_owing = manifest_ == nullptr ? (manifest_fetch_.waiting() ? 1 : 0) : fetch_.owing();
  facts.peers_busy = roster_.book().left_alone(now);
  facts.disk_behind = fetch_.writing() > 0;
  return facts;
}

void DownloadEngine::TellGained() {
  if (gained_.empty()) return;
  roster_.Announce(gained_);
  if (options_.on_gained != nullptr) options_.on_gained(content_id_, gained_);
  gained_.clear();
}

void DownloadEngine::Publish() {
  const absl::Duration now = Uptime();
  DownloadStatus status;
  status.phase = phase_;
  status.content_id = content_id_;
  status.name = name_;
  status.length_bytes = length_bytes_;
  status.chunk_count = chunk_count_;
  status.wanted_bytes = length_bytes_;
  status.wanted_chunks = chunk_count_;
  content_.Report(status);
  status.chunks_under_way = fetch_.under_way();
  status.paused = paused_;
  status.received_bytes = received_bytes_;
  status.rate_bytes_per_second = rate_.BytesPerSecond(now);
  if (options_.limits.down != nullptr) {
    status.limit_down_bytes_per_second = options_.limits.down->bytes_per_second();
  }
  if (options_.limits.up != nullptr) {
    status.limit_up_bytes_per_second = options_.limits.up->bytes_per_second();
  }
  if (status.rate_bytes_per_second > 0 && content_.is_open() && status.wanted_bytes >= status.held_bytes) {
    status.eta = absl::Seconds(static_cast<double>(status.wanted_bytes - status.held_bytes) /
                               status.rate_bytes_per_second);
  }
  status.waiting_because = stall_.because();
  status.connected_peers = static_cast<uint32_t>(roster_.ready().size());
  status.chunks_refetched = chunks_refetched_;
  if (options_.uploads != nullptr && content_.is_open()) {
    const stream::ContentTotals uploads = options_.uploads(content_id_);
    status.sent_bytes = uploads.sent_bytes;
    status.send_rate_bytes_per_second = uploads.bytes_per_second;
    roster_.tally().Sent(uploads, now);
  }
  status.peers = roster_.tally().Report(now);
  board_.PutStatus(std::move(status));
}

// --- The end

void DownloadEngine::FinishStore() {
  phase_ = Phase::kFinishing;
  stall_.Moved(Uptime());
  trackers_.Stop();
  fetch_.Stop();
  roster_.CloseAll();
  Publish();
  content_.Finish();
}

void DownloadEngine::StoreFinished(const absl::Status& status) {
  // Whatever was decided meanwhile: the content is whole, or it is not.
  outcome_.reset();
  End(status.ok() ? Phase::kDone : Phase::kFailed, status);
}

void DownloadEngine::Stop() {
  End(Phase::kStopped, absl::CancelledError("stopped"));
}

void DownloadEngine::End(Phase phase, const absl::Status& outcome) {
  if (ending()) return;
  phase_ = phase;
  outcome_ = outcome;
  trackers_.Stop();
  fetch_.Stop();
  roster_.CloseAll();
  ConcludeWhenWritten();
}

void DownloadEngine::ConcludeWhenWritten() {
  if (concluded_ || content_.busy() || fetch_.writing() > 0) return;
  concluded_ = true;
  timer_.reset();
  TellGained();
  stall_.Clear();
  Publish();
  DownloadFinished finished;
  finished.outcome = *outcome_;
  if (content_.is_open()) finished.target_path = content_.store()->target_path();
  if (outcome_->code() == absl::StatusCode::kFailedPrecondition && finder_.has_value() &&
      !content_.is_open()) {
    finished.candidates = finder_->candidates();
  }
  observer_(finished);
  board_.PutOutcome(*outcome_);
}

}  // namespace shoal::leecher
