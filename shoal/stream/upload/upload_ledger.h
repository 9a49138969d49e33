#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "shoal/base/clock.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/mutex.h"
#include "shoal/base/rate_meter.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::stream {

// What was sent to one peer over one connection. Value type.
struct PeerUpload {
  PeerId peer;
  Endpoint endpoint;  // the source of the connection, with the port of the peer's listener if it has one
  uint64_t sent_bytes = 0;
  uint64_t sent_chunks = 0;
  double bytes_per_second = 0;  // over the last seconds
};

// What was sent of one content since its first request: in total, over each open connection, and to each peer
// over closed connections (up to UploadLedger::kMaxGone peers that received anything). Value type.
struct ContentTotals {
  uint64_t sent_bytes = 0;
  uint64_t sent_chunks = 0;
  double bytes_per_second = 0;
  std::vector<PeerUpload> peers;
  std::vector<PeerUpload> gone;  // without a rate
};

// Keeps the ContentTotals of one content. `clock` must outlive it. Thread safety: all methods are
// thread-safe.
class UploadLedger {
 public:
  static constexpr size_t kMaxGone = 1000;

  // The account of one connection, from Open to Close. Thread safety: all methods are thread-safe.
  class Account {
   public:
    Account(const PeerId& peer, const Endpoint& endpoint, absl::Duration now);
    void Sent(uint64_t bytes, uint64_t chunks, absl::Duration now);
    PeerUpload Read(absl::Duration now);

   private:
    Mutex mutex_;
    PeerUpload upload_ ABSL_GUARDED_BY(mutex_);
    RateMeter rate_ ABSL_GUARDED_BY(mutex_);
  };

  explicit UploadLedger(const Clock& clock = Clock::Real()) : clock_(clock) {}

  std::shared_ptr<Account> Open(const PeerId& peer, const Endpoint& endpoint);
  void Close(const std::shared_ptr<Account>& account);
  ContentTotals Read() const;

 private:
  const Clock& clock_;
  mutable Mutex mutex_;
  std::vector<std::shared_ptr<Account>> open_ ABSL_GUARDED_BY(mutex_);
  uint64_t closed_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t closed_chunks_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<PeerId, PeerUpload> gone_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::stream
