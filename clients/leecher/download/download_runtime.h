#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "clients/leecher/download/discovery/tracker_lookups.h"
#include "clients/leecher/download/model/download_options.h"
#include "clients/leecher/download/storage/disk_pipeline.h"
#include "shoal/base/chunk_buffer.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/peer_identity.h"
#include "shoal/content/store/close_watch.h"
#include "shoal/content/store/early_sync.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/transport/transport.h"
#include "shoal/stream/chunk_session.h"
#include "shoal/tracking/client/tracker_client.h"

namespace shoal::leecher {

// The state that all downloads of a process share: event loops, disk threads, memory for chunks on their way
// to the disk, the thread that syncs files early, and one lookup thread and client per tracker. So the number
// of threads and connections does not depend on the number of downloads.
//
// Made once per process; outlives every download. It holds no state of an individual download. Thread safety:
// all methods are thread-safe.
class DownloadRuntime {
 public:
  struct Options {
    PeerIdentity self = PeerIdentity::Random();
    std::string site;   // peers of the same site are named first; empty: none
    RateLimits limits;  // of all downloads together
    // Makes the transports of connections to peers.
    std::shared_ptr<const net::TransportFactory> transports = net::TcpTransports();
    stream::TicketCheck check_ticket = nullptr;  // whom downloads serve; null: everybody
    unsigned loops = 0;                          // 0: one per usable core, at most two
    unsigned disk_threads = 0;                   // 0: one per core, at least two, at most four
    // Memory for chunks between the network and the disk, of all downloads together. Each download may use
    // one chunk more, so that it always makes progress.
    uint64_t buffer_bytes = 32 * 1024 * 1024;
    // MakeTrackerClient, or a test's own. Required. Called once per tracker.
    std::function<std::shared_ptr<tracking::TrackerClient>(const tracking::TrackerUrl&)> make_tracker_client;
  };

  explicit DownloadRuntime(Options options);
  ~DownloadRuntime();
  DownloadRuntime(const DownloadRuntime&) = delete;
  DownloadRuntime& operator=(const DownloadRuntime&) = delete;

  const PeerId& self() const { return options_.self.id(); }
  const PeerIdentity& identity() const { return options_.self; }
  const std::string& site() const { return options_.site; }
  const RateLimits& limits() const { return options_.limits; }
  const std::shared_ptr<const net::TransportFactory>& transports() const { return options_.transports; }
  const stream::TicketCheck& check_ticket() const { return options_.check_ticket; }
  // In bytes per second; net::RateLimit::kUnlimited: none. Takes effect at once. A limit that Options left
  // null stays absent.
  void SetRateLimits(uint64_t down_bytes_per_second, uint64_t up_bytes_per_second);

  // The loop for the next download; loops are assigned in turn.
  net::EventLoop& NextLoop() { return loops_.Next(); }
  // All of them, for a chunk server that serves what the downloads hold.
  net::EventLoopGroup& loops() { return loops_; }
  DiskPipeline& disk() { return disk_; }
  const std::shared_ptr<ChunkMemory>& chunk_memory() const { return chunk_memory_; }
  const std::shared_ptr<SyncThread>& sync_thread() const { return sync_thread_; }
  const std::shared_ptr<CloseWatch>& close_watch() const { return close_watch_; }
  // Payload of chunks that a download received. Costs an atomic addition.
  void CountReceived(uint64_t bytes) { received_bytes_.fetch_add(bytes, std::memory_order_relaxed); }
  // Of all downloads since the start, those that have ended included.
  uint64_t received_bytes() const { return received_bytes_.load(std::memory_order_relaxed); }
  // The client of one tracker, over one connection; made at the first call. Announcers share it.
  std::shared_ptr<tracking::TrackerClient> ClientAt(const tracking::TrackerUrl& tracker);
  // The lookups of one tracker; made at the first call. Valid as long as this.
  TrackerLookups& LookupsAt(const tracking::TrackerUrl& tracker);

 private:
  const Options options_;
  std::atomic<uint64_t> received_bytes_{0};
  const std::shared_ptr<ChunkMemory> chunk_memory_;
  const std::shared_ptr<SyncThread> sync_thread_;
  const std::shared_ptr<CloseWatch> close_watch_;
  net::EventLoopGroup loops_;
  DiskPipeline disk_;
  Mutex mutex_;
  // By URL.
  std::map<std::string, std::shared_ptr<tracking::TrackerClient>> clients_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<TrackerLookups>> lookups_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::leecher
