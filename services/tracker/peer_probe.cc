#include "services/tracker/peer_probe.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "shoal/net/event_loop.h"
#include "shoal/stream/chunk_session.h"

namespace shoal::tracker {
namespace {

stream::SessionLimits ProbeLimits() {
  stream::SessionLimits limits;
  limits.connect_timeout = absl::Seconds(3);
  limits.hello_timeout = absl::Seconds(2);
  return limits;
}

}  // namespace

class PeerProbe::Impl {
 public:
  Impl(std::shared_ptr<const net::TransportFactory> transports, const TicketIssuer* tickets)
      : transports_(std::move(transports)), tickets_(*tickets), loop_("peer-probe") {}

  void Try(const Endpoint& endpoint, const PeerId& peer, const ContentId& content, const std::string& name,
           std::function<void(absl::Status)> done) {
    loop_.Post([this, endpoint, peer, content, name, done = std::move(done)] {
      stream::SessionTerms terms;
      terms.content_id = content;
      terms.self = self_;
      terms.ticket = tickets_.Issue(content, name, self_);
      sessions_.insert(std::make_unique<Session>(loop_, *transports_, endpoint, peer, terms,
                                                 [this, done](Session* session, const absl::Status& outcome) {
                                                   // Not from inside the session's own call.
                                                   loop_.Post([this, session] { sessions_.erase(session); });
                                                   done(outcome);
                                                 }));
    });
  }

  void Stop() {
    loop_.Post([this] { sessions_.clear(); });
    loop_.Stop();
  }

 private:
  // One connection, until the peer's hello or its end. It wants nothing else that a peer may send.
  class Session final : public stream::SessionDelegate {
   public:
    using Done = std::function<void(Session*, absl::Status)>;

    Session(net::EventLoop& loop, const net::TransportFactory& transports, const Endpoint& endpoint,
            const PeerId& peer, const stream::SessionTerms& terms, Done done)
        : peer_(peer), done_(std::move(done)) {
      session_ = stream::ChunkSession::Dial(loop, transports, endpoint, terms, ProbeLimits(), nullptr, this);
    }
    ~Session() override { session_->Close(false); }

    void OnReady(const stream::Hello& theirs) override {
      End(theirs.peer_id == peer_ ? absl::OkStatus()
                                  : absl::FailedPreconditionError("another peer answers there"));
    }
    void OnClosed(const absl::Status& why) override { End(why); }

    void OnManifest(std::string) override {}
    void OnHave(const stream::Have&) override {}
    bool WantsChunk(ChunkIndex, uint32_t) override { return false; }
    ChunkBuffer BufferFor(ChunkIndex, uint32_t) override { return {}; }
    void OnProgress(ChunkIndex, uint32_t) override {}
    void OnChunk(ChunkIndex, ChunkBuffer, uint32_t) override {}
    void OnCorruptFrame(ChunkIndex) override {}
    void OnRefused(const stream::Refuse&) override {}
    void OnNothingFresh() override {}

   private:
    void End(absl::Status outcome) {
      if (done_) std::exchange(done_, nullptr)(this, std::move(outcome));
    }

    const PeerId peer_;
    Done done_;
    std::shared_ptr<stream::ChunkSession> session_;
  };

  const std::shared_ptr<const net::TransportFactory> transports_;
  const TicketIssuer& tickets_;
  const PeerId self_ = RandomPeerId();
  net::EventLoop loop_;
  absl::flat_hash_set<std::unique_ptr<Session>> sessions_;  // used on the loop's thread
};

PeerProbe::PeerProbe(std::shared_ptr<const net::TransportFactory> transports, const TicketIssuer* tickets)
    : impl_(std::make_unique<Impl>(std::move(transports), tickets)) {}
PeerProbe::~PeerProbe() {
  Stop();
}

void PeerProbe::Try(const Endpoint& endpoint, const PeerId& peer, const ContentId& content,
                    const std::string& name, std::function<void(absl::Status)> done) {
  impl_->Try(endpoint, peer, content, name, std::move(done));
}

void PeerProbe::Stop() {
  impl_->Stop();
}

}  // namespace shoal::tracker
