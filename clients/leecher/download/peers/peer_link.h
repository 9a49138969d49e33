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

class PeerLink;

// Receives the events of all connections of a download. Called on its loop.
class LinkEvents {
 public:
  virtual void LinkReady(PeerLink& link) = 0;
  virtual void LinkManifest(PeerLink& link, std::string canonical) = 0;
  virtual void LinkGained(PeerLink& link, const stream::Have& have) = 0;
  // The peer starts to send a chunk, or continues after a pause. Returns false if the chunk is not needed or
  // has the wrong length.
  virtual bool LinkChunkBegan(PeerLink& link, ChunkIndex chunk, uint32_t length_bytes) = 0;
  // Returns memory for it; an empty buffer pauses the link until Resume.
  virtual ChunkBuffer LinkBuffer(PeerLink& link, uint32_t length_bytes) = 0;
  virtual void LinkProgress(PeerLink& link, ChunkIndex chunk, uint32_t bytes) = 0;
  virtual void LinkChunk(PeerLink& link, ChunkIndex chunk, ChunkBuffer bytes, uint32_t crc32) = 0;
  virtual void LinkCorrupt(PeerLink& link, ChunkIndex chunk) = 0;
  virtual void LinkRefused(PeerLink& link, const stream::Refuse& refuse) = 0;
  virtual void LinkNothingFresh(PeerLink& link) = 0;
  virtual void LinkClosed(PeerLink& link, const absl::Status& why) = 0;

 protected:
  ~LinkEvents() = default;
};

// A download's end of one connection: the session, and the peer's hello. Makes no decisions. Used on the
// download's loop; the connection ends when this is destroyed.
class PeerLink final : public stream::SessionDelegate {
 public:
  PeerLink(PeerSlot slot, const PeerBook::Call& call, LinkEvents* events);
  ~PeerLink() override;

  // `source`: the chunks held here, which are announced to the peer; null before the store is open.
  void Dial(net::EventLoop& loop, const net::TransportFactory& transports, const stream::SessionTerms& terms,
            const stream::SessionLimits& limits, std::shared_ptr<const ChunkSource> source);
  // No event follows. Must not be destroyed within one of its own events.
  void Close();

  PeerSlot slot() const { return slot_; }
  const PeerId& peer() const { return peer_; }
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

  // SessionDelegate
  void OnReady(const stream::Hello& theirs) override;
  void OnManifest(std::string canonical) override;
  void OnHave(const stream::Have& have) override;
  bool WantsChunk(ChunkIndex chunk, uint32_t length_bytes) override;
  ChunkBuffer BufferFor(ChunkIndex chunk, uint32_t length_bytes) override;
  void OnProgress(ChunkIndex chunk, uint32_t bytes) override;
  void OnChunk(ChunkIndex chunk, ChunkBuffer bytes, uint32_t crc32) override;
  void OnCorruptFrame(ChunkIndex chunk) override;
  void OnRefused(const stream::Refuse& refuse) override;
  void OnNothingFresh() override;
  void OnClosed(const absl::Status& why) override;

 private:
  const PeerSlot slot_;
  const PeerId peer_;
  const Endpoint endpoint_;
  const bool on_probation_;
  const bool failed_before_;
  LinkEvents* const events_;
  std::shared_ptr<stream::ChunkSession> session_;  // null once closed
  std::optional<stream::Hello> hello_;
  std::vector<ChunkRange> noted_gains_;
  std::optional<absl::Duration> manifest_asked_at_;
  bool joined_ = false;
  bool offered_ = false;
};

}  // namespace shoal::leecher
