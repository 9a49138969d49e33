#include "clients/leecher/download/peers/peer_link.h"

#include <memory>
#include <utility>
#include <vector>

#include "shoal/net/transport/first_transport.h"

namespace shoal::leecher {
namespace {

// Dials all endpoints of one peer, whichever a session names.
class AnyOf final : public net::TransportFactory {
 public:
  AnyOf(const net::TransportFactory& transports, const std::vector<Endpoint>& endpoints,
        const net::DialTiming& timing)
      : transports_(transports), endpoints_(endpoints), timing_(timing) {}

  std::unique_ptr<net::Transport> Accept(net::EventLoop& loop, FileDescriptor socket) const override {
    return transports_.Accept(loop, std::move(socket));
  }
  std::unique_ptr<net::Transport> Dial(net::EventLoop& loop, const Endpoint&) const override {
    return net::DialFirst(loop, transports_, endpoints_, timing_);
  }

 private:
  const net::TransportFactory& transports_;
  const std::vector<Endpoint>& endpoints_;
  const net::DialTiming timing_;
};

}  // namespace

PeerLink::PeerLink(PeerSlot slot, const PeerBook::Call& call)
    : slot_(slot),
      peer_(call.peer),
      endpoints_(net::AlternateFamilies(call.endpoints)),
      endpoint_(endpoints_.front()),
      on_probation_(call.on_probation),
      failed_before_(call.failed_before) {}

PeerLink::~PeerLink() {
  Close();
}

void PeerLink::Dial(net::EventLoop& loop, const net::TransportFactory& transports,
                    const stream::SessionTerms& terms, const stream::SessionLimits& limits,
                    std::shared_ptr<const ChunkSource> source) {
  offered_ = source != nullptr;
  net::DialTiming timing;
  // A moment before the session gives up, so that each attempt has its reason.
  timing.timeout = limits.connect_timeout * 0.95;
  session_ = stream::ChunkSession::Dial(loop, AnyOf(transports, endpoints_, timing), endpoint_, terms, limits,
                                        std::move(source), this);
}

void PeerLink::Close() {
  if (session_ == nullptr) return;
  const std::shared_ptr<stream::ChunkSession> session = std::exchange(session_, nullptr);
  session->Close(/*tell=*/false);
}

void PeerLink::NoteReady(const stream::Hello& theirs) {
  hello_ = theirs;
  endpoint_ = session_->remote();
}

bool PeerLink::NoteGained(const stream::Have& have) {
  if (noted_gains_.size() + have.gained.size() > stream::kMaxRangesPerMessage) return false;
  noted_gains_.insert(noted_gains_.end(), have.gained.begin(), have.gained.end());
  return true;
}

void PeerLink::Request(std::span<const ChunkIndex> chunks) {
  if (session_ != nullptr) session_->Request(chunks);
}

void PeerLink::RequestAny(uint32_t chunks) {
  if (session_ != nullptr) session_->RequestAny(chunks);
}

void PeerLink::Cancel(std::span<const ChunkIndex> chunks) {
  if (session_ != nullptr) session_->Cancel(chunks);
}

void PeerLink::Offer(std::shared_ptr<const ChunkSource> source) {
  if (offered_ || !ready() || !hello_->serves_any) return;
  offered_ = true;
  session_->Offer(std::move(source));
}

void PeerLink::Announce(std::span<const ChunkIndex> gained) {
  if (offered_ && ready() && hello_->serves_any) session_->Announce(gained);
}

void PeerLink::AskManifest(absl::Duration now) {
  manifest_asked_at_ = now;
  if (session_ != nullptr) session_->RequestManifest();
}

void PeerLink::Resume() {
  if (session_ != nullptr) session_->ResumeReading();
}

}  // namespace shoal::leecher
