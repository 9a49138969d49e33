#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/leecher/download/download_engine.h"
#include "clients/leecher/download/peers/refusal.h"

// What DownloadEngine does when its links tell of something, and when chunks are written.

namespace shoal::leecher {

// --- Links

void DownloadEngine::LinkReady(PeerLink& link) {
  const absl::Duration now = Uptime();
  if (link.hello().peer_id == options_.self) {
    // Reached ourselves by another address.
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
  // At once, with whatever else was stored by then: others wait for nothing but to hear of it.
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

}  // namespace shoal::leecher
