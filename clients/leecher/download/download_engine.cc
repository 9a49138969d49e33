#include "clients/leecher/download/download_engine.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "shoal/base/clock.h"

namespace shoal::leecher {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);
// A tick that is this late means that this machine slept, not that the peers were silent.
constexpr absl::Duration kOverslept = absl::Seconds(1);
// By then a peer with a wrong chunk count may have been repaired.
constexpr absl::Duration kLongWait = absl::Minutes(5);
constexpr uint32_t kMinBuffers = 8;

}  // namespace

absl::Duration DownloadEngine::Uptime() {
  return Clock::Real().Uptime();
}

DownloadEngine::DownloadEngine(DownloadRuntime& runtime, net::LoopScope& loop, DownloadOptions options,
                               DownloadObserver observer, DownloadBoard& board)
    : runtime_(runtime),
      loop_(loop),
      options_(std::move(options)),
      observer_(std::move(observer)),
      board_(board),
      began_(Uptime()),
      last_tick_(began_),
      stall_(options_.tuning.waiting_after, began_,
             [this](const std::string& because) { observer_(Waiting{because}); }),
      trackers_(
          loop, options_,
          [&runtime](const tracking::TrackerUrl& tracker) -> TrackerLookups& {
            return runtime.LookupsAt(tracker);
          },
          observer_,
          [this](size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response) {
            OnAnswer(tracker, response);
          }),
      rate_(began_),
      roster_(loop,
              PeerRoster::Options{runtime.self(), options_.listen_port, runtime.transports(),
                                  options_.max_peers, options_.tuning, options_.on_bad_peer},
              this, observer_),
      manifest_fetch_(roster_, options_.tuning),
      content_(loop, runtime.disk(), runtime.sync_thread(), options_, this),
      fetch_(loop, roster_, runtime.disk(), this) {}

DownloadEngine::~DownloadEngine() = default;

void DownloadEngine::Begin() {
  if (ending()) return;
  timer_ = std::make_unique<net::LoopTimer>(loop_.loop(), kTick, [this] { Tick(); });
  if (options_.trackers.empty()) {
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
  // The response to a lookup by name, sent before the id was known, may be about another content of that
  // name.
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
  // Connected peers that have nothing to send do not count.
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
  fetch_.Begin(content_.store(), BufferBytes(), runtime_.chunk_memory(), options_.tuning);
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
  if (runtime_.limits().down != nullptr) {
    status.limit_down_bytes_per_second = runtime_.limits().down->bytes_per_second();
  }
  if (runtime_.limits().up != nullptr) {
    status.limit_up_bytes_per_second = runtime_.limits().up->bytes_per_second();
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

// --- Links

void DownloadEngine::LinkReady(PeerLink& link) {
  const absl::Duration now = Uptime();
  if (link.hello().peer_id == runtime_.self()) {
    // This process, dialled at another address.
    return EndLink(link, PeerRoster::Ending::kNotNow, "it is this process itself", absl::Hours(24));
  }
  roster_.Welcome(link);
  if (fetch_.begun()) {
    JoinFetch(link, now);
  } else if (manifest_ == nullptr) {
    phase_ = Phase::kFetchingManifest;
  }
  Pursue(now);
}

void DownloadEngine::LinkManifest(PeerLink& link, std::string canonical) {
  if (manifest_ != nullptr || ending()) return;
  const absl::Duration now = Uptime();
  auto manifest = manifest_fetch_.Take(link, content_id_, canonical, now);
  stall_.Moved(now);
  if (manifest.ok()) {
    UseManifest(*std::move(manifest));
  } else {
    Pursue(now);
  }
}

void DownloadEngine::LinkGained(PeerLink& link, const stream::Have& have) {
  absl::Status status;
  if (link.joined()) {
    status = fetch_.Gained(link, have, Uptime());
  } else if (!link.NoteGained(have)) {
    status = absl::InvalidArgumentError("it told of more chunks than could be remembered");
  }
  if (!status.ok()) EndLink(link, PeerRoster::Ending::kFailed, std::string(status.message()));
}

bool DownloadEngine::LinkChunkBegan(PeerLink& link, ChunkIndex chunk, uint32_t length_bytes) {
  if (!fetch_.Began(link, chunk, Uptime())) return false;
  if (fetch_.Fits(chunk, length_bytes)) return true;
  fetch_.Discard(link, chunk);
  ChunkWrong(chunk, link.peer(), link.endpoint(), "it has another length than the content's");
  return false;
}

ChunkBuffer DownloadEngine::LinkBuffer(PeerLink& link, uint32_t length_bytes) {
  return fetch_.Buffer(link, length_bytes, Uptime());
}

void DownloadEngine::LinkProgress(PeerLink& link, ChunkIndex chunk, uint32_t bytes) {
  const absl::Duration now = Uptime();
  roster_.tally().Received(link.peer(), now, bytes);
  received_bytes_ += bytes;
  rate_.Add(now, bytes);
  fetch_.Progress(link, chunk, bytes, now);
  stall_.MovedALittle(now);
}

void DownloadEngine::LinkChunk(PeerLink& link, ChunkIndex chunk, ChunkBuffer bytes, uint32_t crc32) {
  fetch_.Arrived(link, chunk, std::move(bytes), crc32, Uptime());
}

void DownloadEngine::LinkCorrupt(PeerLink& link, ChunkIndex chunk) {
  fetch_.Discard(link, chunk);
  ChunkWrong(chunk, link.peer(), link.endpoint(), "its checksum is not the one that came with it");
}

void DownloadEngine::LinkRefused(PeerLink& link, const stream::Refuse& refuse) {
  const Refusal refusal = JudgeRefusal(refuse, options_.tuning);
  if (!refusal.chunks_alone || !link.joined()) {
    return EndLink(link, refusal.ending, refusal.why, refusal.wait);
  }
  fetch_.Refused(link, refuse.chunks, refusal.never_held, Uptime());
}

void DownloadEngine::LinkNothingFresh(PeerLink& link) {
  fetch_.NothingFresh(link, Uptime());
}

void DownloadEngine::LinkClosed(PeerLink& link, const absl::Status& why) {
  EndLink(link, PeerRoster::Ending::kFailed, std::string(why.message()));
}

void DownloadEngine::EndLink(PeerLink& link, PeerRoster::Ending ending, const std::string& why,
                             absl::Duration wait) {
  const absl::Duration now = Uptime();
  const uint32_t moved = fetch_.Leave(link);
  roster_.End(link, ending, why, now, wait);
  if (moved > 0) {
    chunks_refetched_ += moved;
    observer_(ChunksMoved{link.peer(), link.endpoint(), moved, why});
  }
  if (!this->ending() && phase_ != Phase::kFinishing) Pursue(now);
}

void DownloadEngine::Pursue(absl::Duration now) {
  if (fetch_.begun()) {
    fetch_.ResumePaused(now);
    fetch_.Refill(now);
  } else if (manifest_ == nullptr && !content_id_.is_zero() && !paused_) {
    manifest_fetch_.Ask(now);
  }
  CallPeers(now);
}

// --- Chunks

void DownloadEngine::ChunkStored(ChunkIndex chunk, const PeerId& from) {
  content_.Gained(chunk);
  roster_.tally().Stored(from);
  roster_.book().Proved(from);
  // Announced at once, with all that is stored by then: other peers wait for it.
  if (gained_.empty()) loop_.Post([this] { TellGained(); });
  gained_.push_back(chunk);
  if (ending()) return ConcludeWhenWritten();
  stall_.Moved(Uptime());
  if (fetch_.done() && phase_ == Phase::kFetching && !content_.busy()) FinishStore();
}

void DownloadEngine::ChunkWrong(ChunkIndex chunk, const PeerId& from, const Endpoint& endpoint,
                                const std::string& why) {
  if (ending()) return ConcludeWhenWritten();
  ++chunks_refetched_;
  observer_(ChunkRejected{chunk, from, endpoint, why});
  const std::string because = "it sent bytes that are not the content's";
  if (PeerLink* link = roster_.FindPeer(from)) {
    EndLink(*link, PeerRoster::Ending::kForGood, because);
  } else if (!roster_.book().is_dropped(from)) {
    roster_.Condemn(from, endpoint, because);
  }
  fetch_.Refill(Uptime());
}

void DownloadEngine::DiskFailed(const absl::Status& why) {
  if (ending()) return ConcludeWhenWritten();
  End(Phase::kFailed, why);
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
  // Overrides what was decided meanwhile: the content is complete, or it is not.
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
