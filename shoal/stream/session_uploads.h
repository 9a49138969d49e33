#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/net/rate_limit.h"
#include "shoal/stream/outbox.h"
#include "shoal/stream/upload/fresh_chunks.h"
#include "shoal/stream/upload/upload_gate.h"
#include "shoal/stream/upload/upload_ledger.h"
#include "shoal/stream/upload/upload_queue.h"
#include "shoal/stream/wire/control.h"
#include "shoal/stream/wire/frame.h"

namespace shoal::stream {

// What the sessions of one server have done together. Thread safety: thread-safe.
struct SessionTotals {
  std::atomic<uint64_t> sent_bytes{0};
  std::atomic<uint64_t> sent_chunks{0};
  std::atomic<uint64_t> refused{0};
};

// What a server lends to a session for the content that its peer has named.
struct UploadService {
  std::shared_ptr<const ChunkSource> source;
  std::shared_ptr<FreshChunks> fresh;    // null: the peer can request only chunks by index
  std::shared_ptr<UploadGate> gate;      // null: chunks are sent without waiting for a turn
  std::shared_ptr<UploadLedger> ledger;  // null: nothing is accounted
  // What is sent of the content keeps to it, besides the limits of the session. Null: none.
  std::shared_ptr<net::RateLimit> write_limit;
  // Called on the session's loop when the source fails to read a chunk that it claims to hold. May be null.
  std::function<void(const absl::Status& why)> on_source_failure;
};

// What a session has sent and still owes. Thread safety: thread-safe.
struct UploadProgress {
  std::atomic<uint64_t> sent_bytes{0};  // payload
  // The peer has requested chunks whose sending has not begun.
  std::atomic<bool> peer_waits{false};
};

// The uploads of one connection: the source, the chunks that the peer has requested, which chunk goes next,
// whether it may be sent now, and the account of what was sent. Requests that can't be served become refusals
// in the outbox. It makes no socket call.
//
// Thread safety: bound to the session's loop, except progress().
class SessionUploads {
 public:
  struct OpenChunk {
    ChunkIndex index;
    FileRegion region;
  };

  // `outbox` must outlive this. `totals` may be null.
  SessionUploads(uint32_t max_queued_chunks, uint64_t max_queued_bytes, Outbox* outbox,
                 std::shared_ptr<SessionTotals> totals);

  // Serves out of `source` from now on, without turns and accounts: for a session that was dialled.
  // `on_source_failure` as in UploadService.
  void SetSource(std::shared_ptr<const ChunkSource> source,
                 std::function<void(const absl::Status& why)> on_source_failure);
  // Serves nothing, whatever SetSource says before or after.
  void Withhold();
  // Serves the peer that sent `theirs` from `endpoint`. `wake` is called, from any thread, when a turn may
  // have come. INVALID_ARGUMENT when the chunk set of the peer does not fit the content.
  absl::Status Begin(UploadService service, const Hello& theirs, Endpoint endpoint,
                     std::function<void()> wake);
  // Called once, at the end of the session.
  void End();

  const std::shared_ptr<const ChunkSource>& source() const { return source_; }  // may be null
  bool serves_any() const { return fresh_ != nullptr; }

  // Both: INVALID_ARGUMENT when there is no source, or a range reaches past the content; PERMISSION_DENIED
  // after Withhold.
  absl::Status Request(const stream::Request& request);
  absl::Status RequestAny(uint32_t chunks);
  void Cancel(const stream::Cancel& cancel);
  // The peer holds these chunks: they are not chosen for it, and are not fresh for others.
  absl::Status PeerGained(const std::vector<ChunkRange>& gained);

  bool has_chunks() const { return !queue_.empty() || credits_ > 0; }
  // Returns whether a chunk may be sent now. If not, `wake` of Begin will be called; until then the caller
  // calls CheckGate every UploadGate::kLookEvery. A turn that was granted or requested ends with EndTurn.
  bool MaySend();
  void CheckGate() { gate_->Look(); }
  void EndTurn();
  bool turn_requested() const { return turn_requested_; }

  // Opens and returns the next chunk: requested ones first, then fresh ones. Refuses chunks that can't be
  // opened. Returns nothing when none is left.
  std::optional<OpenChunk> OpenNext();
  FrameHeader HeaderOf(const OpenChunk& chunk) const;
  void CountSent(uint64_t bytes, uint64_t chunks);
  // Refuses a chunk that can't be opened or read, and reports a failure of the source.
  void Refuse(ChunkIndex index, const absl::Status& why);
  void CountRefused(uint64_t count);

  // Outlives this, for who holds it.
  const std::shared_ptr<UploadProgress>& progress() const { return progress_; }

 private:
  absl::Status NoSource() const;
  std::optional<OpenChunk> OpenOne();
  void NoteRequests() { progress_->peer_waits.store(has_chunks(), std::memory_order_relaxed); }
  void Say(const stream::Refuse& refuse);

  Outbox* const outbox_;
  const std::shared_ptr<SessionTotals> totals_;                 // may be null
  std::shared_ptr<const ChunkSource> source_;                   // may be null
  std::shared_ptr<FreshChunks> fresh_;                          // may be null
  FreshPeer fresh_peer_;                                        // the peer's place in fresh_
  std::shared_ptr<UploadGate> gate_;                            // may be null
  Uploader uploader_;                                           // this session's place in gate_
  bool turn_requested_ = false;                                 // and not over
  std::shared_ptr<UploadLedger> ledger_;                        // may be null
  std::function<void(const absl::Status&)> on_source_failure_;  // may be null
  std::shared_ptr<UploadLedger::Account> account_;              // in ledger_
  UploadQueue queue_;
  uint32_t credits_ = 0;  // chunks that the peer lets this end choose
  bool ended_ = false;
  bool withheld_ = false;
  const std::shared_ptr<UploadProgress> progress_ = std::make_shared<UploadProgress>();
};

}  // namespace shoal::stream
