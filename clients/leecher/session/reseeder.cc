#include "clients/leecher/session/reseeder.h"

#include <algorithm>
#include <utility>

#include "clients/leecher/session/served_contents.h"
#include "shoal/base/mutex.h"
#include "shoal/net/event_loop.h"
#include "shoal/stream/chunk_server.h"
#include "shoal/tracking/announce/announcer.h"
#include "shoal/tracking/messages/manifest_summary.h"

namespace shoal::leecher {
namespace {

// One loop saturates what sendfile and a leecher's uplink can do; the second keeps a slow disk from holding
// up the rest.
constexpr unsigned kLoops = 2;
constexpr uint32_t kMaxSessions = 64;

class ReseederImpl final : public Reseeder {
 public:
  explicit ReseederImpl(Options options)
      : options_(std::move(options)),
        contents_(std::make_shared<ServedContents>()),
        own_loops_(options_.loops == nullptr ? std::make_unique<net::EventLoopGroup>("serve", kLoops)
                                             : nullptr),
        loops_(options_.loops == nullptr ? *own_loops_ : *options_.loops) {}

  ~ReseederImpl() override {
    // The announcers withdraw first, so that no peer is sent to a closed port.
    std::vector<Teller> tellers;
    {
      MutexLock lock(&mutex_);
      tellers = std::move(tellers_);
      tellers_.clear();
    }
    tellers.clear();
    if (server_ != nullptr) server_->Stop();
    if (own_loops_ != nullptr) own_loops_->Stop();
  }

  absl::Status Listen() {
    stream::ChunkServer::Options server;
    server.listen = options_.listen;
    server.self = options_.self;
    server.max_sessions = kMaxSessions;
    server.limits.write_limit = options_.limit_up;
    absl::StatusOr<std::unique_ptr<stream::ChunkServer>> started =
        stream::ChunkServer::Start(server, loops_, contents_);
    if (!started.ok()) return started.status();
    server_ = *std::move(started);
    return absl::OkStatus();
  }

  uint16_t port() const override { return server_->port(); }

  void Serve(std::shared_ptr<const ChunkSource> source,
             const std::vector<tracking::TrackerUrl>& trackers) override {
    const tracking::ContentSummary summary = tracking::SummaryOf(*source->manifest());
    contents_->Add(source);
    MutexLock lock(&mutex_);
    for (const tracking::TrackerUrl& tracker : trackers) {
      TellerFor(tracker).announcer->Offer(summary, [this, source] { return ProgressOf(*source); }, 0);
    }
  }

  void Gained(const ContentId& content, const std::vector<ChunkIndex>& chunks) override {
    server_->Announce(content, chunks);
  }

  void Report(const ContentId& content, const PeerId& peer, tracking::PeerReport::Reason reason) override {
    MutexLock lock(&mutex_);
    for (Teller& teller : tellers_) teller.announcer->Report(content, peer, reason);
  }

  void Withdraw(const ContentId& content) override {
    if (!contents_->Remove(content)) return;
    {
      MutexLock lock(&mutex_);
      for (Teller& teller : tellers_) teller.announcer->Withdraw(content);
    }
    server_->Drop(content);
  }

  Totals totals() const override {
    const stream::ChunkServer::Totals served = server_->totals();
    Totals totals{.contents = static_cast<uint32_t>(contents_->size()),
                  .peers = served.sessions,
                  .sent_bytes = served.sent_bytes,
                  .sent_chunks = served.sent_chunks};
    MutexLock lock(&mutex_);
    totals.trackers = static_cast<uint32_t>(tellers_.size());
    totals.trackers_told =
        static_cast<uint32_t>(std::count_if(tellers_.begin(), tellers_.end(), [](const Teller& teller) {
          return teller.announcer->all_registered();
        }));
    return totals;
  }

  stream::ContentTotals content_totals(const ContentId& content) const override {
    return server_->content_totals(content);
  }

 private:
  struct Teller {
    tracking::TrackerUrl tracker;
    std::unique_ptr<tracking::Announcer> announcer;
  };

  Teller& TellerFor(const tracking::TrackerUrl& tracker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto known = std::find_if(tellers_.begin(), tellers_.end(),
                                    [&](const Teller& teller) { return teller.tracker == tracker; });
    if (known != tellers_.end()) return *known;
    tracking::Announcer::Options announcer;
    announcer.self = options_.self;
    announcer.site = options_.site;
    announcer.endpoint.ip = options_.advertise.value_or(IpAddress());
    announcer.endpoint.port = server_->port();
    announcer.on_reachable = options_.on_tracker;
    announcer.on_rejected = options_.on_rejected;
    tellers_.push_back(
        {tracker, tracking::Announcer::Start(options_.make_tracker_client(tracker), std::move(announcer))});
    return tellers_.back();
  }

  tracking::Announcer::Progress ProgressOf(const ChunkSource& source) const {
    const stream::ChunkServer::Totals served = server_->totals();
    tracking::Announcer::Progress progress;
    progress.held = source.Held();
    progress.free_slots = kMaxSessions - std::min(served.sessions, kMaxSessions);
    const stream::ContentTotals sent = server_->content_totals(source.manifest()->id());
    progress.sent_bytes = sent.sent_bytes;
    progress.send_rate_bytes_per_second = static_cast<uint64_t>(sent.bytes_per_second);
    return progress;
  }

  const Options options_;
  const std::shared_ptr<ServedContents> contents_;
  const std::unique_ptr<net::EventLoopGroup> own_loops_;  // null when they were lent
  net::EventLoopGroup& loops_;
  std::unique_ptr<stream::ChunkServer> server_;
  mutable Mutex mutex_;
  std::vector<Teller> tellers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Reseeder>> Reseeder::Start(Options options) {
  auto reseeder = std::make_unique<ReseederImpl>(std::move(options));
  const absl::Status listening = reseeder->Listen();
  if (!listening.ok()) return listening;
  return std::unique_ptr<Reseeder>(std::move(reseeder));
}

}  // namespace shoal::leecher
