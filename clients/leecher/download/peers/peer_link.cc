#include "clients/leecher/download/peers/peer_link.h"

#include <utility>

namespace shoal::leecher {

PeerLink::PeerLink(PeerSlot slot, const PeerBook::Call& call, LinkEvents* events)
    : slot_(slot),
      peer_(call.peer),
      endpoint_(call.endpoint),
      on_probation_(call.on_probation),
      failed_before_(call.failed_before),
      events_(events) {}

PeerLink::~PeerLink() {
  Close();
}

void PeerLink::Dial(net::EventLoop& loop, const net::TransportFactory& transports,
                    const stream::SessionTerms& terms, const stream::SessionLimits& limits,
                    std::shared_ptr<const ChunkSource> source) {
  offered_ = source != nullptr;
  session_ = stream::ChunkSession::Dial(loop, transports, endpoint_, terms, limits, std::move(source), this);
}

void PeerLink::Close() {
  if (session_ == nullptr) return;
  const std::shared_ptr<stream::ChunkSession> session = std::exchange(session_, nullptr);
  session->Close(/*tell=*/false);
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

void PeerLink::OnReady(const stream::Hello& theirs) {
  hello_ = theirs;
  events_->LinkReady(*this);
}

void PeerLink::OnManifest(std::string canonical) {
  events_->LinkManifest(*this, std::move(canonical));
}

void PeerLink::OnHave(const stream::Have& have) {
  events_->LinkGained(*this, have);
}

bool PeerLink::WantsChunk(ChunkIndex chunk, uint32_t length_bytes) {
  return events_->LinkChunkBegan(*this, chunk, length_bytes);
}

ChunkBuffer PeerLink::BufferFor(ChunkIndex, uint32_t length_bytes) {
  return events_->LinkBuffer(*this, length_bytes);
}

void PeerLink::OnProgress(ChunkIndex chunk, uint32_t bytes) {
  events_->LinkProgress(*this, chunk, bytes);
}

void PeerLink::OnChunk(ChunkIndex chunk, ChunkBuffer bytes, uint32_t crc32) {
  events_->LinkChunk(*this, chunk, std::move(bytes), crc32);
}

void PeerLink::OnCorruptFrame(ChunkIndex chunk) {
  events_->LinkCorrupt(*this, chunk);
}

void PeerLink::OnRefused(const stream::Refuse& refuse) {
  events_->LinkRefused(*this, refuse);
}

void PeerLink::OnNothingFresh() {
  events_->LinkNothingFresh(*this);
}

void PeerLink::OnClosed(const absl::Status& why) {
  session_.reset();
  events_->LinkClosed(*this, why);
}

}  // namespace shoal::leecher
