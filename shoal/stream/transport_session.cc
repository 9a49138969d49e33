#include "shoal/stream/transport_session.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "shoal/base/clock.h"
#include "shoal/stream/idle_monitor.h"
#include "shoal/stream/wire/frame.h"

namespace shoal::stream {

namespace asio = boost::asio;

namespace {

// The time that a peer has to read the refusal before the connection is closed.
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

std::shared_ptr<ChunkSession> ChunkSession::Dial(net::EventLoop& loop,
                                                 const net::TransportFactory& transports,
                                                 const Endpoint& peer, const SessionTerms& terms,
                                                 const SessionLimits& limits,
                                                 std::shared_ptr<const ChunkSource> source,
                                                 SessionDelegate* delegate) {
  std::shared_ptr<TransportSession> session = TransportSession::Dialling(
      loop, transports.Dial(loop, peer), terms, limits, std::move(source), delegate);
  session->Start();
  return session;
}

TransportSession::TransportSession(PassKey, net::EventLoop& loop, std::unique_ptr<net::Transport> transport,
                                   const SessionTerms& terms, const SessionLimits& limits,
                                   std::shared_ptr<SessionTotals> totals)
    : loop_(loop),
      transport_(net::Throttled(std::move(transport), loop, limits.read_limit, limits.write_limit)),
      terms_(terms),
      limits_(limits),
      deadline_(loop.context()),
      watch_(loop.context()),
      uploads_(limits.max_queued_chunks, limits.max_queued_bytes, &outbox_, std::move(totals)),
      writer_(loop.context(), *transport_, &outbox_, &uploads_),
      reader_(loop.context(), *transport_, &outbox_, &uploads_, &writer_) {}

std::shared_ptr<TransportSession> TransportSession::Dialling(
    net::EventLoop& loop, std::unique_ptr<net::Transport> transport, const SessionTerms& terms,
    const SessionLimits& limits, std::shared_ptr<const ChunkSource> source, SessionDelegate* delegate) {
  auto session =
      std::make_shared<TransportSession>(PassKey(), loop, std::move(transport), terms, limits, nullptr);
  session->uploads_.SetSource(std::move(source), session->FailureReport());
  session->reader_.SetDelegate(delegate);
  return session;
}

std::shared_ptr<TransportSession> TransportSession::Accepting(
    net::EventLoop& loop, std::unique_ptr<net::Transport> transport, const SessionTerms& terms,
    const SessionLimits& limits, std::function<Admission(const Hello&)> admit,
    std::function<void(const absl::Status&)> on_closed, std::shared_ptr<SessionTotals> totals) {
  auto limited = net::LimitedLater(std::move(transport), loop);
  net::LimitedTransport* const below = limited.get();
  auto session = std::make_shared<TransportSession>(PassKey(), loop, std::move(limited), terms, limits,
                                                    std::move(totals));
  session->limited_ = below;
  session->admit_ = std::move(admit);
  session->on_closed_ = std::move(on_closed);
  return session;
}

void TransportSession::Start() {
  loop_.Post([self = Self()] { asio::co_spawn(self->loop_.context(), self->Run(self), asio::detached); });
}

asio::awaitable<void> TransportSession::Run([[maybe_unused]] std::shared_ptr<TransportSession> self) {
  absl::Status status = co_await ShakeHands();
  if (status.ok() && !closed_) {
    asio::co_spawn(loop_.context(), Write(self), asio::detached);
    asio::co_spawn(loop_.context(), Watch(self), asio::detached);
    status = co_await reader_.Run(self);
  }
  Finish(std::move(status));
}

asio::awaitable<void> TransportSession::Write([[maybe_unused]] std::shared_ptr<TransportSession> self) {
  absl::Status status = co_await writer_.Run();
  if (!status.ok()) Finish(std::move(status));
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
  if (const auto& source = uploads_.source(); source != nullptr) {
    hello.chunk_count = source->manifest()->chunk_count();
    hello.manifest_bytes = source->manifest()->canonical_length_bytes();
    hello.held = source->Held().Encode();
  }
  hello.serves_any = uploads_.serves_any();
  said_hello_ = true;
  absl::Status status = co_await writer_.WriteNow(FrameType::kHello, hello.Encode());
  co_return status;
}

TransportSession::Task TransportSession::HearHello() {
  const absl::StatusOr<Hello> theirs = co_await reader_.ReadHello(/*accepts_refusal=*/admit_ == nullptr);
  if (!theirs.ok()) co_return theirs.status();
  absl::Status status;
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
    status = Serve(std::get<UploadService>(std::move(admission)), *theirs);
    if (!status.ok()) co_return status;
  } else if (theirs->content_id != terms_.content_id) {
    co_return absl::InvalidArgumentError("answered about another content");
  } else if (terms_.check_ticket != nullptr) {
    CheckTicket(*theirs);
  }
  reader_.SetManifestLength(theirs->manifest_bytes);
  if (SessionDelegate* delegate = reader_.delegate(); delegate != nullptr) delegate->OnReady(*theirs);
  if (closed_) co_return absl::CancelledError("closed here");
  co_return absl::OkStatus();
}

void TransportSession::CheckTicket(const Hello& theirs) {
  const std::shared_ptr<const ChunkSource>& source = uploads_.source();
  std::optional<absl::string_view> name;
  if (source != nullptr) name = source->manifest()->name();
  if (!terms_.check_ticket(theirs, name).ok()) {
    uploads_.Withhold();
  } else if (source == nullptr) {
    checked_without_name_.emplace();
    checked_without_name_->content_id = theirs.content_id;
    checked_without_name_->peer_id = theirs.peer_id;
    checked_without_name_->ticket = theirs.ticket;
  }
}

std::function<void(const absl::Status&)> TransportSession::FailureReport() {
  return [this, reported = false](const absl::Status& why) mutable {
    if (std::exchange(reported, true) || closed_) return;
    if (SessionDelegate* delegate = reader_.delegate(); delegate != nullptr) delegate->OnSourceFailure(why);
  };
}

absl::Status TransportSession::Serve(UploadService service, const Hello& theirs) {
  limited_->SetWriteLimit(service.write_limit);
  std::weak_ptr<ChunkSession> weak = weak_from_this();
  return uploads_.Begin(std::move(service), theirs, remote(), [weak, &loop = loop_] {
    loop.Post([weak] {
      if (auto session = weak.lock()) std::static_pointer_cast<TransportSession>(session)->writer_.Wake();
    });
  });
}

// Sends the refusal and waits for the peer to close. Closing at once would reset the connection, and the peer
// could lose the refusal together with bytes that it has not read yet.
TransportSession::Task TransportSession::TurnAway(Refuse refuse) {
  uploads_.CountRefused(1);
  absl::Status refused = absl::CancelledError(absl::StrCat("refused: ", RefusedBecause(refuse)));
  CloseAfter(kLastWordsTime, refused.ToString());
  absl::Status status = co_await writer_.WriteNow(FrameType::kRefuse, refuse.Encode());
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
    observed.sending = writer_.sending() && !transport_->held_back();
    observed.paused = reader_.paused() || transport_->held_back();
    switch (monitor.Look(Clock::Real().Uptime(), observed)) {
      case IdleMonitor::Verdict::kFine:
        break;
      case IdleMonitor::Verdict::kPing:
        writer_.Say(FrameType::kPing, "");
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
  deadline_.async_wait(
      [self = Self(), count, message = std::move(message)](const boost::system::error_code& error) {
        if (error || count != self->deadline_count_) return;
        self->Finish(absl::DeadlineExceededError(message));
      });
}

void TransportSession::RefuseAndClose(const Refuse& refuse) {
  if (IsClosing()) return;
  uploads_.CountRefused(1);
  writer_.EndWith(refuse);
  if (!ready_) return Finish(absl::CancelledError("closed here"));
  CloseAfter(kLastWordsTime, "closed here");
}

void TransportSession::Close(bool tell) {
  if (!tell) reader_.SetDelegate(nullptr);
  Finish(absl::CancelledError("closed here"));
}

void TransportSession::Request(std::span<const ChunkIndex> chunks) {
  if (IsClosing() || chunks.empty()) return;
  outbox_.Request(chunks);
  writer_.Wake();
}

void TransportSession::Cancel(std::span<const ChunkIndex> chunks) {
  if (IsClosing() || chunks.empty()) return;
  outbox_.Cancel(chunks);
  writer_.Wake();
}

void TransportSession::RequestAny(uint32_t chunks) {
  if (IsClosing() || chunks == 0) return;
  outbox_.RequestAny(chunks);
  writer_.Wake();
}

void TransportSession::RequestManifest() {
  if (!IsClosing()) reader_.RequestManifest();
}

void TransportSession::Offer(std::shared_ptr<const ChunkSource> source) {
  if (IsClosing() || uploads_.source() != nullptr) return;
  std::vector<ChunkIndex> held;
  if (said_hello_) source->Held().ForEach([&held](ChunkIndex index) { held.push_back(index); });
  uploads_.SetSource(std::move(source), FailureReport());
  if (checked_without_name_.has_value()) CheckTicket(*checked_without_name_);
  // Otherwise the hello, which is not sent yet, contains it.
  if (said_hello_) Announce(held);
}

void TransportSession::Announce(std::span<const ChunkIndex> gained) {
  if (!IsClosing() && !gained.empty()) writer_.Announce(gained, Self());
}

void TransportSession::Finish(absl::Status why) {
  if (std::exchange(closed_, true)) return;
  if (writer_.ending())
    why = absl::CancelledError(absl::StrCat("refused: ", RefusedBecause(*writer_.last_words())));
  transport_->Close();
  ++deadline_count_;
  deadline_.cancel();
  watch_.cancel();
  uploads_.End();
  writer_.Close();
  reader_.Close();
  // Posted, so that no callback runs inside a call of the owner into this session.
  loop_.Post([self = Self(), why = std::move(why)] {
    SessionDelegate* const delegate = self->reader_.delegate();
    self->reader_.SetDelegate(nullptr);
    if (delegate != nullptr) delegate->OnClosed(why);
    self->admit_ = nullptr;
    if (auto on_closed = std::exchange(self->on_closed_, nullptr); on_closed != nullptr) on_closed(why);
  });
}

}  // namespace shoal::stream
