#include "shoal/stream/transport_session.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/base/clock.h"
#include "shoal/net/transport/throttled_transport.h"
#include "shoal/stream/wire/canonical_manifests.h"

namespace shoal::stream {

namespace asio = boost::asio;

namespace {

// How long a peer may take to read why it is being closed.
constexpr absl::Duration kLastWordsTime = absl::Seconds(1);

std::chrono::steady_clock::duration ForTimer(absl::Duration time) {
  return absl::ToChronoNanoseconds(std::min(time, absl::Hours(24 * 365)));
}

std::string RefusedBecause(const Refuse& refuse) {
  std::string text = ReasonName(refuse.reason);
  if (!refuse.detail.empty()) absl::StrAppend(&text, " (", refuse.detail, ")");
  return text;
}

}  // namespace

TransportSession::TransportSession(PassKey, net::EventLoop& loop, std::unique_ptr<net::Transport> transport,
                                   const SessionTerms& terms, const SessionLimits& limits)
    : loop_(loop),
      transport_(net::Throttled(std::move(transport), loop.context(), limits.read_limit, limits.write_limit)),
      terms_(terms),
      limits_(limits),
      deadline_(loop.context()),
      watch_(loop.context()),
      reader_(*transport_),
      resumed_(loop.context()),
      tell_gains_(loop.context()),
      uploads_(limits.max_queued_chunks, limits.max_queued_bytes),
      work_(loop.context()),
      drained_(loop.context()) {}

std::shared_ptr<TransportSession> TransportSession::Dialling(
    net::EventLoop& loop, std::unique_ptr<net::Transport> transport, const SessionTerms& terms,
    const SessionLimits& limits, std::shared_ptr<const ChunkSource> source, SessionDelegate* delegate) {
  auto session = std::make_shared<TransportSession>(PassKey(), loop, std::move(transport), terms, limits);
  session->source_ = std::move(source);
  session->delegate_ = delegate;
  return session;
}

std::shared_ptr<TransportSession> TransportSession::Accepting(
    net::EventLoop& loop, std::unique_ptr<net::Transport> transport, const SessionTerms& terms,
    const SessionLimits& limits, std::function<Admission(const Hello&)> admit,
    std::function<void(const absl::Status&)> on_closed, std::shared_ptr<SessionTotals> totals) {
  auto session = std::make_shared<TransportSession>(PassKey(), loop, std::move(transport), terms, limits);
  session->admit_ = std::move(admit);
  session->on_closed_ = std::move(on_closed);
  session->totals_ = std::move(totals);
  return session;
}

void TransportSession::Start() {
  auto self = std::static_pointer_cast<TransportSession>(shared_from_this());
  loop_.Post([self] { asio::co_spawn(self->loop_.context(), self->Run(self), asio::detached); });
}

asio::awaitable<void> TransportSession::Run([[maybe_unused]] std::shared_ptr<TransportSession> self) {
  absl::Status status = co_await ShakeHands();
  if (status.ok() && !closed_) {
    asio::co_spawn(loop_.context(), WriteFrames(self), asio::detached);
    asio::co_spawn(loop_.context(), Watch(self), asio::detached);
    status = co_await ReadFrames();
  }
  Finish(std::move(status));
}

TransportSession::Task TransportSession::ShakeHands() {
  if (closed_) co_return absl::CancelledError("closed here");
  CloseAfter(limits_.connect_timeout,
             absl::StrCat("no connection within ", absl::FormatDuration(limits_.connect_timeout)));
  absl::Status status = co_await transport_->Open();
  if (!status.ok()) co_return status;
  CloseAfter(limits_.hello_timeout,
             absl::StrCat("no hello within ", absl::FormatDuration(limits_.hello_timeout)));
  const bool dialled = admit_ == nullptr;
  if (dialled) {
    status = co_await SayHello();
    if (!status.ok()) co_return status;
  }
  status = co_await HearHello();
  if (!status.ok()) co_return status;
  if (!dialled) {
    status = co_await SayHello();
    if (!status.ok()) co_return status;
  }
  ++deadline_count_;
  deadline_.cancel();
  ready_ = true;
  co_return absl::OkStatus();
}

TransportSession::Task TransportSession::SayHello() {
  Hello hello;
  hello.content_id = terms_.content_id;
  hello.peer_id = terms_.self;
  hello.listen_port = terms_.listen_port;
  hello.ticket = terms_.ticket;
  if (source_ != nullptr) {
    hello.chunk_count = source_->manifest()->chunk_count();
    hello.manifest_bytes = CanonicalManifests::Shared().LengthOf(source_->manifest());
    hello.held = source_->Held().Encode();
  }
  hello.serves_any = fresh_ != nullptr;
  said_hello_ = true;
  writing_.clear();
  AppendFrame(FrameType::kHello, hello.Encode(), &writing_);
  absl::Status status = co_await transport_->Write(AsBytes(writing_));
  co_return status;
}

TransportSession::Task TransportSession::HearHello() {
  absl::StatusOr<FrameHeader> header = co_await reader_.ReadHeader();
  if (!header.ok()) co_return header.status();
  const bool refused = header->type == FrameType::kRefuse && admit_ == nullptr;
  if (header->type != FrameType::kHello && !refused) co_return absl::InvalidArgumentError("no hello");
  absl::Status status = co_await reader_.ReadWhole(*header, &body_);
  if (!status.ok()) co_return status;
  if (closed_) co_return absl::CancelledError("closed here");
  if (refused) co_return HandleRefuse();

  absl::StatusOr<Hello> theirs = Hello::Decode(AsBytes(body_));
  if (!theirs.ok()) co_return theirs.status();
  if (std::min(theirs->version, kChunkStreamVersion) <
      std::max(theirs->min_version, kMinChunkStreamVersion)) {
    Refuse refuse;
    refuse.reason = Refuse::Reason::kVersion;
    refuse.detail =
        absl::StrCat("versions ", kMinChunkStreamVersion, " to ", kChunkStreamVersion, " are spoken here");
    status = co_await TurnAway(refuse);
    co_return status;
  }
  if (admit_ != nullptr) {
    Admission admission = admit_(*theirs);
    if (Refuse* refuse = std::get_if<Refuse>(&admission); refuse != nullptr) {
      status = co_await TurnAway(*refuse);
      co_return status;
    }
    terms_.content_id = theirs->content_id;
    status = Serve(std::get<Service>(std::move(admission)), *theirs);
    if (!status.ok()) co_return status;
  } else if (theirs->content_id != terms_.content_id) {
    co_return absl::InvalidArgumentError("answered about another content");
  }
  their_chunk_count_ = theirs->chunk_count;
  their_manifest_bytes_ = theirs->manifest_bytes;
  if (delegate_ != nullptr) delegate_->OnReady(*theirs);
  if (closed_) co_return absl::CancelledError("closed here");
  co_return absl::OkStatus();
}

absl::Status TransportSession::Serve(Service service, const Hello& theirs) {
  source_ = std::move(service.source);
  ledger_ = std::move(service.ledger);
  if (ledger_ != nullptr) {
    Endpoint endpoint = remote();
    if (theirs.listen_port != 0) endpoint.port = theirs.listen_port;
    account_ = ledger_->Open(theirs.peer_id, endpoint);
  }
  gate_ = std::move(service.gate);
  if (gate_ != nullptr) {
    std::weak_ptr<ChunkSession> weak = weak_from_this();
    uploader_ = gate_->Join([weak, &loop = loop_] {
      loop.Post([weak] {
        if (auto session = weak.lock()) std::static_pointer_cast<TransportSession>(session)->work_.Set();
      });
    });
  }
  fresh_ = std::move(service.fresh);
  if (fresh_ == nullptr) return absl::OkStatus();
  fresh_peer_ = fresh_->Join();
  if (theirs.held.empty()) return absl::OkStatus();
  // What the peer holds is not to be chosen, for it nor for others.
  const absl::StatusOr<ChunkSet> held =
      ChunkSet::Decode(source_->manifest()->chunk_count(), AsBytes(theirs.held));
  if (!held.ok()) return held.status();
  return fresh_->Holds(fresh_peer_, held->Ranges());
}

// Says why and waits for the peer to close: closing at once would reset the connection, and the peer could
// lose the refusal with what it has not read yet.
TransportSession::Task TransportSession::TurnAway(Refuse refuse) {
  if (totals_ != nullptr) totals_->refused.fetch_add(1, std::memory_order_relaxed);
  absl::Status refused = absl::CancelledError(absl::StrCat("refused: ", RefusedBecause(refuse)));
  CloseAfter(kLastWordsTime, refused.ToString());
  writing_.clear();
  AppendFrame(FrameType::kRefuse, refuse.Encode(), &writing_);
  absl::Status status = co_await transport_->Write(AsBytes(writing_));
  if (!status.ok()) co_return status;
  transport_->EndWriting();
  status = co_await reader_.Skip(kMaxFrameBytes);
  co_return refused;
}

asio::awaitable<void> TransportSession::Watch([[maybe_unused]] std::shared_ptr<TransportSession> self) {
  IdleMonitor monitor(limits_.idle_timeout, limits_.stall_timeout, Clock::Real().Uptime());
  while (!closed_) {
    boost::system::error_code ignored;
    watch_.expires_after(ForTimer(monitor.tick()));
    co_await watch_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (closed_) break;
    IdleMonitor::Observed observed;
    observed.received_bytes = transport_->received_bytes();
    observed.sent_bytes = transport_->sent_bytes();
    observed.sending = sending_ && !transport_->held_back();
    observed.paused = paused_ || transport_->held_back();
    switch (monitor.Look(Clock::Real().Uptime(), observed)) {
      case IdleMonitor::Verdict::kFine:
        break;
      case IdleMonitor::Verdict::kPing:
        Say(FrameType::kPing, "");
        break;
      case IdleMonitor::Verdict::kIdle:
        Finish(absl::DeadlineExceededError(
            absl::StrCat("the peer said nothing for ", absl::FormatDuration(limits_.idle_timeout))));
        break;
      case IdleMonitor::Verdict::kStalled:
        Finish(absl::DeadlineExceededError(
            absl::StrCat("the peer took nothing for ", absl::FormatDuration(limits_.stall_timeout))));
        break;
    }
  }
}

void TransportSession::CloseAfter(absl::Duration time, std::string message) {
  const uint64_t count = ++deadline_count_;
  deadline_.expires_after(ForTimer(time));
  auto self = std::static_pointer_cast<TransportSession>(shared_from_this());
  deadline_.async_wait([self, count, message = std::move(message)](const boost::system::error_code& error) {
    if (error || count != self->deadline_count_) return;
    self->Finish(absl::DeadlineExceededError(message));
  });
}

void TransportSession::RefuseAndClose(const Refuse& refuse) {
  if (IsClosing()) return;
  if (totals_ != nullptr) totals_->refused.fetch_add(1, std::memory_order_relaxed);
  last_words_ = refuse;
  if (!ready_) return Finish(absl::CancelledError("closed here"));
  CloseAfter(kLastWordsTime, "closed here");
  work_.Set();
}

void TransportSession::Close(bool tell) {
  if (!tell) delegate_ = nullptr;
  Finish(absl::CancelledError("closed here"));
}

void TransportSession::Finish(absl::Status why) {
  if (std::exchange(closed_, true)) return;
  if (last_words_.has_value())
    why = absl::CancelledError(absl::StrCat("refused: ", RefusedBecause(*last_words_)));
  transport_->Close();
  ++deadline_count_;
  deadline_.cancel();
  watch_.cancel();
  tell_gains_.cancel();
  if (fresh_ != nullptr) fresh_->Leave(fresh_peer_);
  if (gate_ != nullptr) gate_->Leave(uploader_);
  if (ledger_ != nullptr) ledger_->Close(account_);
  work_.Set();
  drained_.Set();
  resumed_.Set();
  // Not from inside the caller's call into this session.
  auto self = std::static_pointer_cast<TransportSession>(shared_from_this());
  loop_.Post([self, why = std::move(why)] {
    if (SessionDelegate* delegate = std::exchange(self->delegate_, nullptr); delegate != nullptr) {
      delegate->OnClosed(why);
    }
    self->admit_ = nullptr;
    if (auto on_closed = std::exchange(self->on_closed_, nullptr); on_closed != nullptr) on_closed(why);
  });
}

}  // namespace shoal::stream
