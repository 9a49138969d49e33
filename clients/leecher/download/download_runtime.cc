#include "clients/leecher/download/download_runtime.h"

#include <algorithm>
#include <utility>

namespace shoal::leecher {
namespace {

// One loop carries about a GB/s; a second one helps where many downloads run at once.
constexpr unsigned kMaxLoops = 2;

unsigned LoopCount(unsigned wanted) {
  return wanted != 0 ? wanted : std::clamp(net::UsableCores(), 1u, kMaxLoops);
}

}  // namespace

DownloadRuntime::DownloadRuntime(Options options)
    : options_(std::move(options)),
      chunk_memory_(std::make_shared<ChunkMemory>(options_.buffer_bytes)),
      sync_thread_(std::make_shared<SyncThread>()),
      close_watch_(std::make_shared<CloseWatch>()),
      loops_("download", LoopCount(options_.loops)),
      disk_(options_.disk_threads) {}

DownloadRuntime::~DownloadRuntime() {
  // Their threads call ClientAt, so they end first, and without the lock.
  std::map<std::string, std::unique_ptr<TrackerLookups>> lookups;
  {
    MutexLock lock(&mutex_);
    lookups.swap(lookups_);
  }
}

void DownloadRuntime::SetRateLimits(uint64_t down_bytes_per_second, uint64_t up_bytes_per_second) {
  if (limits().down != nullptr) limits().down->Set(down_bytes_per_second);
  if (limits().up != nullptr) limits().up->Set(up_bytes_per_second);
}

std::shared_ptr<tracking::TrackerClient> DownloadRuntime::ClientAt(const tracking::TrackerUrl& tracker) {
  MutexLock lock(&mutex_);
  std::shared_ptr<tracking::TrackerClient>& client = clients_[tracker.ToString()];
  if (client == nullptr) client = options_.make_tracker_client(tracker);
  return client;
}

TrackerLookups& DownloadRuntime::LookupsAt(const tracking::TrackerUrl& tracker) {
  MutexLock lock(&mutex_);
  std::unique_ptr<TrackerLookups>& lookups = lookups_[tracker.ToString()];
  if (lookups == nullptr) {
    lookups = std::make_unique<TrackerLookups>(
        TrackerLookups::Options{options_.self, options_.site, [this, tracker] { return ClientAt(tracker); }});
  }
  return *lookups;
}

}  // namespace shoal::leecher
