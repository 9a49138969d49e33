#include "clients/leecher/download/peer_link.h"

#include <algorithm>
#include <utility>

#include "shoal/base/clock.h"

namespace shoal::leecher {
PeerLink::PeerLink(PeerSlot slot, const PeerBook::Call& call, const CreditLimits& limits, absl::Duration now,
                   LinkEvents* events)
    : slot_(slot),
      peer_(call.peer),
      endpoint_(call.endpoint),
      on_probation_(call.on_probation),
      failed_before_(call.failed_before),
      limits_(limits),
      events_(events),
      last_useful_(now) {}

PeerLink::~PeerLink() {
  Close();
}

void PeerLink::Dial(EventLoop& loop, const SessionTerms& terms, const SessionLimits& limits) {
  // Serving is the chunk server's business: this end of the connection gives nothing, whatever it is asked.
  session_ = ChunkSession::Dial(loop, endpoint_, terms, limits, nullptr, this);
}

void PeerLink::Close() {
  if (session_ == nullptr) return;
  const std::shared_ptr<ChunkSession> session = std::exchange(session_, nullptr);
  session->Close(/*tell=*/false);
}

bool PeerLink::NoteGained(const Have& have) {
  if (noted_gains_.size() + have.gained.size() > kMaxRangesPerMessage) return false;
  noted_gains_.insert(noted_gains_.end(), have.gained.begin(), have.gained.end());
  return true;
}

void PeerLink::OpenCredit(uint32_t chunk_bytes, absl::Duration now) {
  credit_.emplace(limits_, chunk_bytes, on_probation_, now);
  last_useful_ = now;
}

bool PeerLink::Owes(ChunkIndex chunk) const {
  return std::find(owed_.begin(), owed_.end(), chunk) != owed_.end();
}

void PeerLink::NoteRequest(ChunkIndex chunk, absl::Duration now) {
  owed_.push_back(chunk);
  unsent_.push_back(chunk);
  credit_->Asked(now);
  last_useful_ = now;
}

void PeerLink::SendRequests() {
  if (unsent_.empty()) return;
  if (session_ != nullptr) session_->Request(unsent_);
  unsent_.clear();
}

void PeerLink::Withdraw(ChunkIndex chunk, bool cancel) {
  const auto found = std::find(owed_.begin(), owed_.end(), chunk);
  if (found == owed_.end()) return;
  owed_.erase(found);
  credit_->Withdrawn();
  if (cancel && session_ != nullptr) session_->Cancel({&chunk, 1});
}

void PeerLink::AskManifest(absl::Duration now) {
  manifest_asked_at_ = now;
  if (session_ != nullptr) session_->RequestManifest();
}

void PeerLink::Resume(absl::Duration now) {
  if (!paused_) return;
  paused_ = false;
  if (credit_.has_value()) credit_->Excuse(now);
  if (session_ != nullptr) session_->ResumeReading();
}

void PeerLink::OnReady(const Hello& theirs) {
  hello_ = theirs;
  last_useful_ = Clock::Real().Uptime();
  events_->LinkReady(*this);
}

void PeerLink::OnManifest(std::string canonical) {
  events_->LinkManifest(*this, std::move(canonical));
}

void PeerLink::OnHave(const Have& have) {
  events_->LinkGained(*this, have);
}

bool PeerLink::WantsChunk(ChunkIndex chunk, uint32_t length_bytes) {
  if (!Owes(chunk)) {
    // Cancelled too late: its bytes are on their way, which shows that the peer is alive.
    if (credit_.has_value()) credit_->Excuse(Clock::Real().Uptime());
    return false;
  }
  return events_->LinkChunkFits(*this, chunk, length_bytes);
}

ChunkBuffer PeerLink::BufferFor(ChunkIndex, uint32_t length_bytes) {
  ChunkBuffer buffer = events_->LinkBuffer(*this, length_bytes);
  paused_ = !buffer;
  return buffer;
}

void PeerLink::OnProgress(ChunkIndex, uint32_t bytes) {
  if (credit_.has_value()) credit_->Progress(Clock::Real().Uptime(), bytes);
  events_->LinkProgress(*this, bytes);
}

void PeerLink::OnChunk(ChunkIndex chunk, ChunkBuffer bytes) {
  const auto found = std::find(owed_.begin(), owed_.end(), chunk);
  if (found == owed_.end()) return;  // cancelled while its last bytes came
  owed_.erase(found);
  credit_->Arrived(Clock::Real().Uptime());
  events_->LinkChunk(*this, chunk, std::move(bytes));
}

void PeerLink::OnCorruptFrame(ChunkIndex chunk) {
  events_->LinkCorrupt(*this, chunk);
}

void PeerLink::OnRefused(const Refuse& refuse) {
  events_->LinkRefused(*this, refuse);
}

void PeerLink::OnClosed(const absl::Status& why) {
  session_.reset();
  events_->LinkClosed(*this, why);
}

}  // namespace shoal::leecher
