#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/leecher/download/peers/peer_book.h"
#include "clients/leecher/download/policy/chunk_picker.h"
#include "shoal/stream/chunk_session.h"

namespace shoal::leecher {

// A download's end of one connection: the session, the peer's hello, and what was asked of the peer. It makes
// no decisions: what happens on the session is handled by the subclass, the SessionDelegate of the download.
// Used on the download's loop; the connection ends when this is destroyed.
class PeerLink : public stream::SessionDelegate {
 public:
  PeerLink(PeerSlot slot, const PeerBook::Call& call);
  ~PeerLink() override;
  PeerLink(const PeerLink&) = delete;
  PeerLink& operator=(const PeerLink&) = delete;

  // Dials all endpoints of the call, one soon after the other; the first that connects is used.
  // `transports` must outlive the connection. `source`: the chunks held here, which are announced to the
  // peer; null before the store is open.
  void Dial(net::EventLoop& loop, const net::TransportFactory& transports, const stream::SessionTerms& terms,
            const stream::SessionLimits& limits, std::shared_ptr<const ChunkSource> source);
  // No event follows. Must not be destroyed within one of its own events.
  void Close();

  PeerSlot slot() const { return slot_; }
  const PeerId& peer() const { return peer_; }
  // Where it is connected, or the first endpoint that was dialled.
  const Endpoint& endpoint() const { return endpoint_; }
  bool on_probation() const { return on_probation_; }
  bool failed_before() const { return failed_before_; }
  bool closed() const { return session_ == nullptr; }
  // The hellos were exchanged; hello() is the peer's.
  bool ready() const { return session_ != nullptr && hello_.has_value(); }
  const stream::Hello& hello() const { return *hello_; }
  bool hello_seen() const { return hello_.has_value(); }

  // Records chunks that the peer gained before the manifest is available. Returns false if there are too
  // many.
  bool NoteGained(const stream::Have& have);
  const std::vector<ChunkRange>& noted_gains() const { return noted_gains_; }

  // Chunks are fetched over this link from now on.
  void NoteJoined() { joined_ = true; }
  bool joined() const { return joined_; }
  void Request(std::span<const ChunkIndex> chunks);
  void RequestAny(uint32_t chunks);
  void Cancel(std::span<const ChunkIndex> chunks);

  // Announces the chunks held here, for a link that was dialled before the store was open, and those gained
  // since. Only peers that choose chunks by themselves need this; the others learn it from the chunk server
  // from which they request chunks.
  void Offer(std::shared_ptr<const ChunkSource> source);
  void Announce(std::span<const ChunkIndex> gained);

  void AskManifest(absl::Duration now);
  const std::optional<absl::Duration>& manifest_asked_at() const { return manifest_asked_at_; }

  // Resumes reading after an empty buffer.
  void Resume();

 protected:
  // For OnReady and OnClosed.
  void NoteReady(const stream::Hello& theirs);
  void NoteClosed() { session_.reset(); }

 private:
  const PeerSlot slot_;
  const PeerId peer_;
  const std::vector<Endpoint> endpoints_;
  Endpoint endpoint_;
  const bool on_probation_;
  const bool failed_before_;
  std::shared_ptr<stream::ChunkSession> session_;  // null once closed
  std::optional<stream::Hello> hello_;
  std::vector<ChunkRange> noted_gains_;
  std::optional<absl::Duration> manifest_asked_at_;
  bool joined_ = false;
  bool offered_ = false;
};

}  // namespace shoal::leecher
