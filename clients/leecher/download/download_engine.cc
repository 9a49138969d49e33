#include "clients/leecher/download/download_engine.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "shoal/base/clock.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/units.h"

namespace shoal::leecher {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);
// A tick that is this late means that this machine slept, not that the peers were silent.
constexpr absl::Duration kOverslept = absl::Seconds(1);
// By then a peer with a wrong chunk count may have been repaired.
constexpr absl::Duration kLongWait = absl::Minutes(5);
constexpr uint32_t kMinBuffers = 8;
// Peers whose failures an error names.
constexpr size_t kShownFailures = 8;

// The outcome when no tracker gave a usable answer. `refusal`: of TrackerPolls; `last`: the last failure.
absl::Status TrackersFailed(const absl::Status& refusal, const absl::Status& last) {
  if (refusal.ok()) {
    return WithCause(absl::UnavailableError(absl::StrCat("no tracker answers: ", last.message())),
                     ErrorCause::kTrackerUnreachable);
  }
  return WithCause(
      absl::Status(refusal.code(), absl::StrCat("no tracker accepts the request: ", refusal.message())),
      CauseOf(refusal));
}

}  // namespace

class DownloadEngine::Link final : public PeerLink {
 public:
  Link(DownloadEngine& engine, PeerSlot slot, const PeerBook::Call& call)
      : PeerLink(slot, call), engine_(engine), fetch_(engine.fetch_) {}

  void OnReady(const stream::Hello& theirs) override {
    NoteReady(theirs);
    if (theirs.peer_id == engine_.runtime_.self()) {
      // This process, dialled at another address.
      return engine_.EndLink(*this, PeerRoster::Ending::kSelf, "it is this process itself");
    }
    engine_.Welcome(*this);
  }

  void OnManifest(std::string canonical) override { engine_.TakeManifest(*this, canonical); }

  void OnHave(const stream::Have& have) override {
    absl::Status status;
    if (joined()) {
      status = fetch_.Gained(*this, have, Uptime());
    } else if (!NoteGained(have)) {
      status = absl::InvalidArgumentError("it announced more chunks than can be remembered");
    }
    if (!status.ok()) engine_.EndLink(*this, PeerRoster::Ending::kFailed, std::string(status.message()));
  }

  bool WantsChunk(ChunkIndex chunk, uint32_t length_bytes) override {
    if (!fetch_.Began(*this, chunk, Uptime())) return false;
    if (fetch_.Fits(chunk, length_bytes)) return true;
    RejectChunk(chunk, "it has another length than the content's");
    return false;
  }

  ChunkBuffer BufferFor(ChunkIndex, uint32_t length_bytes) override {
    return fetch_.Buffer(*this, length_bytes, Uptime());
  }

  void OnProgress(ChunkIndex chunk, uint32_t bytes) override {
    const absl::Duration now = Uptime();
    engine_.roster_.tally().Received(peer(), now, bytes);
    engine_.received_bytes_ += bytes;
    engine_.runtime_.CountReceived(bytes);
    engine_.rate_.Add(now, bytes);
    fetch_.Progress(*this, chunk, bytes, now);
    engine_.stall_.MovedALittle(now);
  }

  void OnChunk(ChunkIndex chunk, ChunkBuffer bytes, uint32_t crc32) override {
    fetch_.Arrived(*this, chunk, std::move(bytes), crc32, Uptime());
  }

  void OnCorruptFrame(ChunkIndex chunk) override {
    RejectChunk(chunk, "its checksum is not the one that came with it");
  }

  void OnRefused(const stream::Refuse& refuse) override {
    const Refusal refusal = JudgeRefusal(refuse, engine_.options_.tuning);
    if (!refusal.chunks_alone || !joined()) {
      return engine_.EndLink(*this, refusal.ending, refusal.why, refusal.wait);
    }
    fetch_.Refused(*this, refuse.chunks, refusal.never_held, Uptime());
  }

  void OnSourceFailure(const absl::Status& why) override {
    if (engine_.options_.on_source_failure != nullptr) {
      engine_.options_.on_source_failure(engine_.content_id_, why);
    }
  }

  void OnNothingFresh() override { fetch_.NothingFresh(*this, Uptime()); }

  void OnClosed(const absl::Status& why) override {
    NoteClosed();
    engine_.EndLink(*this, PeerRoster::Ending::kFailed, std::string(why.message()));
  }

 private:
  void RejectChunk(ChunkIndex chunk, const std::string& why) {
    fetch_.Discard(*this, chunk);
    engine_.ChunkWrong(chunk, peer(), endpoint(), why);
  }

  DownloadEngine& engine_;
  ChunkFetch& fetch_;
};

absl::Duration DownloadEngine::Uptime() {
  return Clock::Real().Uptime();
}

DownloadEngine::DownloadEngine(DownloadRuntime& runtime, net::LoopScope& loop,
                               std::shared_ptr<const net::TransportFactory> transports,
                               DownloadOptions options, DownloadObserver observer, DownloadBoard& board,
                               DownloadReaders& readers, std::function<void()> on_superseded)
    : runtime_(runtime),
      loop_(loop),
      transports_(std::move(transports)),
      options_(std::move(options)),
      observer_(std::move(observer)),
      board_(board),
      readers_(readers),
      on_superseded_(std::move(on_superseded)),
      tell_([this](const DownloadEvent& event) {
        const DownloadStatus status = Status();
        board_.PutStatus(status);
        observer_(event, status);
      }),
      began_(Uptime()),
      last_tick_(began_),
      stall_(options_.tuning.waiting_after, began_,
             [this](const std::string& because) { tell_(Waiting{because}); }),
      trackers_(
          loop, options_,
          [&runtime](const tracking::TrackerUrl& tracker) -> TrackerLookups& {
            return runtime.LookupsAt(tracker);
          },
          tell_,
          [this](size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response) {
            OnAnswer(tracker, response);
          }),
      rate_(began_),
      roster_(loop,
              PeerRoster::Options{runtime.self(), options_.listen_port, transports_, runtime.check_ticket(),
                                  options_.max_peers, options_.tuning, options_.on_bad_peer,
                                  [this](PeerSlot slot, const PeerBook::Call& call) {
                                    return std::make_unique<Link>(*this, slot, call);
                                  }},
              tell_),
      manifest_fetch_(roster_, options_.tuning),
      content_(loop, runtime.disk(), runtime.sync_thread(), runtime.close_watch(), options_, this),
      fetch_(loop, roster_, runtime.disk(), this) {}

DownloadEngine::~DownloadEngine() = default;

void DownloadEngine::Begin() {
  if (ending()) return;
  timer_ = std::make_unique<net::LoopTimer>(loop_.loop(), kTick, [this] { Tick(); });
  if (options_.trackers.empty()) {
    return End(Phase::kFailed,
               WithCause(absl::InvalidArgumentError("no tracker was named"), ErrorCause::kUsage));
  }
  if (options_.manifest != nullptr) {
    UseContent(options_.manifest->id(), began_);
    UseManifest(options_.manifest);
  } else {
    finder_.emplace(options_.content, options_.trackers.size(), Patience(), began_, options_.trusted);
    if (const auto* name = std::get_if<std::string>(&options_.content)) name_ = *name;
  }
  trackers_.Begin(content_id_.is_zero() ? options_.content : tracking::ContentKey(content_id_));
  Publish();
}

// --- Trackers

void DownloadEngine::OnAnswer(size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response) {
  if (ending() || phase_ == Phase::kFinishing) return;
  const absl::Duration now = Uptime();
  last_answer_ = now;
  if (response.ok() && response->contents.size() == 1) {
    roster_.Hold(tracker, response->contents.front().summary.id, response->ticket);
  }
  if (content_id_.is_zero()) {
    finder_->Answer(tracker, response, now);
    Judge(now);
    return;
  }
  if (response.ok() && !response->contents.empty()) {
    UseResponse(tracker, *response, now);
  } else if (response.ok() || absl::IsNotFound(response.status())) {
    roster_.Learn({}, tracker, /*whole=*/true, now);
  }
}

void DownloadEngine::UseResponse(size_t tracker, const tracking::LookupResponse& response,
                                 absl::Duration now) {
  // Several contents have the name: that may change, and the one that was found is still the one wanted.
  if (response.contents.size() > 1) return;
  const tracking::ContentStatus& content = response.contents.front();
  if (content.summary.id != content_id_) {
    // Others may publish what they like under the name.
    if (!finder_.has_value() || finder_->Trusts(content)) OnReplaced(now);
    return;
  }
  const bool whole = !response.truncated && response.peers.size() < tracking::kDefaultPeersPerResponse;
  roster_.Learn(response.peers, tracker, whole, now);
  CallPeers(now);
}

void DownloadEngine::OnReplaced(absl::Duration now) {
  // The response to a lookup by name that was sent before its content was known may be about another one.
  if (!roster_.ready().empty() || roster_.connecting() > 0) return;
  replaced_ = true;
  // A publisher that restarts may be back in a moment, with what was fetched of it.
  if (manifest_ != nullptr && stall_.because().empty()) return;
  superseded_ = true;
  stall_.Moved(now);
  End(Phase::kFindingContent, absl::AbortedError("the name means another content by now"));
}

FindingPatience DownloadEngine::Patience() const {
  return {.unknown = options_.wait_for_content,
          .warming_up = std::max(options_.wait, options_.wait_for_content),
          .unreachable = options_.wait_for_content};
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
      for (size_t tracker = 0; tracker < options_.trackers.size(); ++tracker) {
        roster_.Learn(finder_->peers(tracker), tracker, /*whole=*/false, now);
      }
      CallPeers(now);
      return;
    case ContentFinder::Verdict::kAmbiguous:
      return End(Phase::kFailed,
                 WithCause(absl::FailedPreconditionError(absl::StrCat(
                               finder_->candidates().size(),
                               finder_->found().name == name_ ? " contents have the name "
                                                              : " contents have an id that begins with ",
                               name_, "; ask for one of them by its id")),
                           ErrorCause::kAmbiguousName));
    case ContentFinder::Verdict::kUntrusted: {
      std::vector<PublisherSignature> signers;
      for (const tracking::ContentStatus& content : finder_->untrusted())
        signers.insert(signers.end(), content.signatures.begin(), content.signatures.end());
      return End(Phase::kFailed, UntrustedContent("the content", signers));
    }
    case ContentFinder::Verdict::kNotFound: {
      std::string message = options_.trackers.size() == 1 ? "the tracker does not know this content"
                                                          : "no tracker knows this content";
      if (const absl::Status refusal = trackers_.refusal(); !refusal.ok())
        absl::StrAppend(&message, "; ", refusal.message());
      return End(Phase::kFailed, WithCause(absl::NotFoundError(message), ErrorCause::kUnknownContent));
    }
    case ContentFinder::Verdict::kUnreachable:
      return End(Phase::kFailed, TrackersFailed(trackers_.refusal(), finder_->last_failure()));
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
  if (std::holds_alternative<std::string>(options_.content) && options_.manifest == nullptr) {
    trackers_.SetAlternative(roster_.ready().empty() ? std::optional(options_.content) : std::nullopt);
  }
  // Connected peers that have nothing to send do not count.
  trackers_.SetLacking(!paused_ && (roster_.ready().empty() || !stall_.because().empty()));
}

// --- Manifest and store

uint64_t DownloadEngine::BufferBytes() const {
  return std::max(uint64_t{kMinBuffers} * manifest_->chunk_size_bytes(), options_.tuning.buffer_bytes);
}

void DownloadEngine::TakeManifest(PeerLink& link, const std::string& canonical) {
  if (manifest_ != nullptr || ending()) return;
  const absl::Duration now = Uptime();
  auto manifest = manifest_fetch_.Take(link, content_id_, canonical, now);
  stall_.Moved(now);
  if (manifest.ok()) {
    UseManifest(*std::move(manifest));
  } else if (absl::IsPermissionDenied(manifest.status())) {
    Pursue(now);
  } else {
    // The bytes are the content's own, so no other peer has better ones.
    End(Phase::kFailed, absl::IsUnimplemented(manifest.status())
                            ? manifest.status()
                            : absl::DataLossError(manifest.status().message()));
  }
}

std::optional<PublisherSignature> DownloadEngine::FindSignature() const {
  std::vector<PublisherSignature> known;
  // A tracker keeps signatures in the order in which they came, so that the first one is the publisher's
  // rather than that of somebody who signed the same content later.
  if (finder_.has_value()) known = finder_->signatures();
  if (options_.signature.has_value()) known.push_back(*options_.signature);
  for (const PublisherSignature& signature : known) {
    if (signature.Verifies(manifest_->id(), manifest_->name())) return signature;
  }
  return std::nullopt;
}

void DownloadEngine::UseManifest(std::shared_ptr<const Manifest> manifest) {
  manifest_ = std::move(manifest);
  name_ = manifest_->name();
  length_bytes_ = manifest_->length_bytes();
  chunk_count_ = manifest_->chunk_count();
  signature_ = FindSignature();
  if (options_.manifest_only) return End(Phase::kDone, absl::OkStatus());
  const absl::Status opening = content_.Open(manifest_);
  if (!opening.ok()) End(Phase::kFailed, opening);
}

void DownloadEngine::StoreOpened(const absl::Status& status) {
  if (ending()) return ConcludeWhenWritten();
  if (!status.ok()) return End(Phase::kFailed, status);
  const absl::Duration now = Uptime();
  board_.PutSource(content_.store());
  if (options_.on_opened != nullptr) options_.on_opened(content_.store(), signature_);
  roster_.Offer(content_.store());
  phase_ = Phase::kFetching;
  stall_.Moved(now);
  DownloadStatus facts;
  content_.Report(facts);
  tell_(DownloadStarted{content_id_, name_, content_.store()->target_path(), length_bytes_, chunk_count_,
                        facts.files, facts.wanted_files, facts.wanted_bytes, facts.resumed_bytes,
                        content_.store()->opening_took(), signature_});
  BeginFetch(now);
  if (whole()) return FinishStore();
  const std::vector<PeerLink*> ready = roster_.ready();
  for (PeerLink* link : ready) JoinFetch(*link, now);
  Publish();
}

void DownloadEngine::BeginFetch(absl::Duration now) {
  fetch_.Begin(content_.store(), BufferBytes(), runtime_.chunk_memory(), options_.tuning);
  fetch_.SetSequential(options_.sequential);
  fetch_.SetPaused(paused_, now);
  WantInFetch();
  sent_by_.resize(chunk_count_);
  if (!ahead_.has_value()) ahead_.emplace(manifest_);
  TakeReaders(/*all=*/true);
}

void DownloadEngine::JoinFetch(PeerLink& link, absl::Duration now) {
  const absl::Status joined = fetch_.Join(link, now);
  if (!joined.ok()) EndLink(link, PeerRoster::Ending::kNotNow, std::string(joined.message()), kLongWait);
}

void DownloadEngine::StoreSelected(const absl::Status& status) {
  if (ending()) return ConcludeWhenWritten();
  if (!status.ok()) return End(Phase::kFailed, status);
  WantInFetch();
  if (whole()) return FinishStore();
  TakeReaders(/*all=*/true);
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

// --- Readers

void DownloadEngine::TakeReaders(bool all) {
  if (!ahead_.has_value() || !fetch_.begun() || ending() || phase_ == Phase::kFinishing) return;
  const absl::Duration now = Uptime();
  const DownloadReaders::Changes changes = readers_.TakeChanges(all);
  for (const ReaderId gone : changes.gone) ahead_->Remove(gone);
  bool waits = all || !changes.gone.empty();
  for (const auto& [reader, chunks] : changes.needs) {
    if (chunks.first.value() < chunk_count_ && content_.Refuses(manifest_->PlaceOf(chunks.first).file)) {
      ahead_->Remove(reader);
      readers_.End(reader);
      continue;
    }
    const bool holds = content_.store()->Holds(chunks.first);
    ahead_->Set(reader, chunks, holds, now);
    // It may have looked before the chunk was stored, and told of its need after that.
    if (holds) readers_.Wake(reader);
    waits |= !holds;
  }
  content_.SetRead(ahead_->Files());
  // Otherwise what comes into the windows waits for the next tick.
  if (waits) PlanForReaders(now);
}

void DownloadEngine::PlanForReaders(absl::Duration now) {
  fetch_.SetRead(!ahead_->empty(), now);
  fetch_.SetUrgent(ahead_->Due(now, [this](ChunkIndex chunk) {
    return fetch_.IsMissing(chunk) && content_.Takes(manifest_->PlaceOf(chunk).file);
  }));
  fetch_.Refill(now);
}

void DownloadEngine::SetPaused(bool paused) {
  if (ending() || phase_ == Phase::kFinishing || paused == paused_) return;
  const absl::Duration now = Uptime();
  paused_ = paused;
  if (fetch_.begun()) fetch_.SetPaused(paused, now);
  stall_.Moved(now);
  tell_(PausedChanged{paused});
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
    // Complete but for what a reader needs.
    if (paused_ || fetch_.done()) stall_.MovedALittle(now);
    if (ahead_.has_value() && !ahead_->empty() && !ending()) PlanForReaders(now);
    if (!ending() && !content_.busy()) {
      stall_.Check(now, [&] { return FactsOfStall(now); });
      CheckWait(now);
    }
  }
  Publish();
}

void DownloadEngine::CheckPeers(absl::Duration now) {
  if (options_.manifest != nullptr && !trackers_.answered() && !content_.busy() &&
      now - began_ > options_.wait_for_content) {
    return End(Phase::kFailed, WithCause(absl::UnavailableError("no tracker answers, so no peer is known"),
                                         ErrorCause::kTrackerUnreachable));
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

void DownloadEngine::CheckWait(absl::Duration now) {
  // Nothing is waited for: it is paused, or all is there but for what a reader needs. Without an id: see
  // Judge.
  if (paused_ || fetch_.done() || content_id_.is_zero()) return;
  const bool hopeless = trackers_.all_heard() && roster_.ready().empty() && roster_.connecting() == 0;
  if (stall_.because().empty() && !(hopeless && options_.wait == absl::ZeroDuration())) {
    waiting_since_.reset();
    return;
  }
  if (!waiting_since_.has_value()) waiting_since_ = now;
  if (now - *waiting_since_ < options_.wait) return;
  // Trackers know whether a peer that was lost a moment ago is gone: what is said below comes after their
  // next answer.
  const bool asks_again =
      options_.wait > absl::ZeroDuration() && roster_.ready().empty() && last_ending_ > last_answer_;
  if (asks_again && now - *waiting_since_ < options_.wait + options_.tuning.lookup_timeout) return;
  std::string message = StallReason(FactsOfStall(now));
  // Not after this.
  if (const size_t later = message.find("; trying again soon"); later != std::string::npos)
    message.resize(later);
  if (options_.wait > absl::ZeroDuration()) {
    message = absl::StrCat("no byte for ", shoal::FormatDuration(options_.wait), ": ", message);
  }
  const std::string failures =
      DescribeFailures(roster_.book().Failures(kShownFailures), roster_.book().known());
  // What peers that trackers no longer name said last is not why nothing comes.
  if (roster_.ready().empty() && roster_.book().named() > 0 && !failures.empty()) {
    absl::StrAppend(&message, ". Tried: ", failures);
  } else if (roster_.ready().empty() && roster_.connecting() > 0) {
    absl::StrAppend(
        &message, ", without an answer yet from ",
        absl::StrJoin(roster_.Unanswered(kShownFailures), ", ",
                      [](std::string* out, const Endpoint& endpoint) { out->append(endpoint.ToString()); }),
        ". Is a firewall between here and there, or the peer stopped?");
  }
  if (roster_.ready().empty() && roster_.book().known() > 0 &&
      roster_.book().wanting_ticket() == roster_.book().known()) {
    return End(Phase::kFailed, WithCause(absl::PermissionDeniedError(message), ErrorCause::kNoTicket));
  }
  const bool tracker_there = trackers_.away() + trackers_.refusing() < options_.trackers.size();
  const ErrorCause cause = tracker_there              ? ErrorCause::kNoPeer
                           : trackers_.refusal().ok() ? ErrorCause::kTrackerUnreachable
                                                      : CauseOf(trackers_.refusal());
  End(Phase::kFailed, WithCause(absl::UnavailableError(message), cause));
}

StallFacts DownloadEngine::FactsOfStall(absl::Duration now) {
  StallFacts facts;
  facts.content_found = !content_id_.is_zero();
  if (finder_.has_value()) {
    facts.trackers_unknowing = finder_->trackers_unknowing();
    facts.trackers_warming_up = finder_->trackers_warming_up();
  }
  facts.have_manifest = manifest_ != nullptr;
  facts.trackers = static_cast<uint32_t>(options_.trackers.size());
  facts.trackers_away = trackers_.away();
  facts.trackers_refusing = trackers_.refusing();
  facts.refusal = std::string(trackers_.refusal().message());
  facts.peers_known = static_cast<uint32_t>(roster_.book().known());
  facts.peers_named = static_cast<uint32_t>(roster_.book().named());
  facts.peers_dropped = roster_.book().dropped();
  facts.peers_connecting = roster_.connecting();
  facts.peers_ready = static_cast<uint32_t>(roster_.ready().size());
  facts.peers_owing = manifest_ == nullptr ? (manifest_fetch_.waiting() ? 1 : 0) : fetch_.owing();
  facts.peers_busy = roster_.book().left_alone(now);
  facts.peers_broken = roster_.book().broken();
  facts.peers_wanting_ticket = roster_.book().wanting_ticket();
  facts.replaced = replaced_;
  facts.disk_behind = fetch_.writing() > 0;
  return facts;
}

void DownloadEngine::TellGained() {
  if (gained_.empty()) return;
  roster_.Announce(gained_);
  if (options_.on_gained != nullptr) options_.on_gained(content_id_, gained_);
  gained_.clear();
}

DownloadStatus DownloadEngine::Status() {
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
  if (const ChunkPicker* picker = fetch_.picker(); picker != nullptr) {
    for (const PeerLink* link : roster_.ready()) {
      roster_.tally().Holds(link->peer(), picker->CountOf(link->slot()));
    }
  }
  status.peers = roster_.tally().Report(now);
  return status;
}

DownloadDetails DownloadEngine::Details() const {
  DownloadDetails details;
  if (!content_.is_open() || fetch_.picker() == nullptr) return details;
  details.chunks =
      MakeChunkMap(content_.store()->Held(), *fetch_.picker(), sent_by_, roster_.tally().senders());
  for (uint32_t file = 0; file < manifest_->files().size(); ++file) {
    details.files.push_back({.priority = content_.wanted().priority(FileIndex(file))});
  }
  return details;
}

// --- Links

void DownloadEngine::Welcome(PeerLink& link) {
  const absl::Duration now = Uptime();
  roster_.Welcome(link);
  if (fetch_.begun()) {
    JoinFetch(link, now);
  } else if (manifest_ == nullptr) {
    phase_ = Phase::kFetchingManifest;
  }
  Pursue(now);
}

void DownloadEngine::EndLink(PeerLink& link, PeerRoster::Ending ending, const std::string& why,
                             absl::Duration wait) {
  const absl::Duration now = Uptime();
  const uint32_t moved = fetch_.Leave(link);
  last_ending_ = now;
  roster_.End(link, ending, why, now, wait);
  if (moved > 0) {
    chunks_refetched_ += moved;
    tell_(ChunksMoved{link.peer(), link.endpoint(), moved, why});
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
  sent_by_[chunk.value()] = roster_.tally().Stored(from);
  roster_.book().Proved(from);
  // Announced at once, with all that is stored by then: other peers wait for it.
  if (gained_.empty()) loop_.Post([this] { TellGained(); });
  gained_.push_back(chunk);
  if (ending()) return ConcludeWhenWritten();
  const absl::Duration now = Uptime();
  stall_.Moved(now);
  if (!ahead_->empty()) {
    for (const ReaderId reader : ahead_->Gained(chunk, now)) readers_.Wake(reader);
  }
  if (phase_ == Phase::kFetching && whole()) FinishStore();
}

void DownloadEngine::ChunkWrong(ChunkIndex chunk, const PeerId& from, const Endpoint& endpoint,
                                const std::string& why) {
  if (ending()) return ConcludeWhenWritten();
  ++chunks_refetched_;
  tell_(ChunkRejected{chunk, from, endpoint, why});
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
  roster_.CloseAll(Uptime());
  Publish();
  content_.Finish();
}

void DownloadEngine::StoreWarned(const std::string& warning) {
  if (!concluded_) tell_(DownloadWarning{warning});
}

void DownloadEngine::StoreFinished(const absl::Status& status) {
  if (absl::IsAborted(status)) return ending() ? ConcludeWhenWritten() : FetchLost();
  // Overrides what was decided meanwhile: the content is complete, or it is not.
  outcome_.reset();
  End(status.ok() ? Phase::kDone : Phase::kFailed, status);
}

void DownloadEngine::FetchLost() {
  const absl::Duration now = Uptime();
  phase_ = Phase::kFetching;
  stall_.Moved(now);
  BeginFetch(now);
  trackers_.Begin(content_id_);
  Pursue(now);
  Publish();
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
  roster_.CloseAll(Uptime());
  ConcludeWhenWritten();
}

void DownloadEngine::DiscardReplaced() {
  timer_.reset();
  gained_.clear();
  DownloadStatus facts;
  content_.Report(facts);
  tell_(ContentReplaced{content_id_, facts.held_bytes});
  if (!content_.is_open()) return on_superseded_();
  board_.PutSource(nullptr);
  if (options_.on_discarded != nullptr) options_.on_discarded(content_.store());
  content_.Discard();
}

void DownloadEngine::StoreDiscarded(const absl::Status& status) {
  if (!status.ok()) {
    tell_(DownloadWarning{
        absl::StrCat("what was fetched of the replaced content remains: ", status.message())});
  }
  on_superseded_();
}

void DownloadEngine::ConcludeWhenWritten() {
  if (concluded_ || content_.busy() || fetch_.writing() > 0) return;
  concluded_ = true;
  if (superseded_) return DiscardReplaced();
  timer_.reset();
  TellGained();
  stall_.Clear();
  DownloadFinished finished;
  finished.outcome = *outcome_;
  finished.manifest = manifest_;
  finished.signature = signature_;
  if (content_.is_open()) finished.target_path = content_.store()->target_path();
  if (CauseOf(*outcome_) == ErrorCause::kAmbiguousName && finder_.has_value()) {
    finished.candidates = finder_->candidates();
  }
  tell_(finished);
  board_.PutOutcome(*outcome_);
  readers_.EndAll();
}

}  // namespace shoal::leecher
