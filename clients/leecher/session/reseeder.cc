#include "clients/leecher/session/reseeder.h"

#include <algorithm>
#include <map>
#include <utility>

#include "clients/leecher/session/arrivals.h"
#include "clients/leecher/session/served_contents.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"
#include "shoal/net/event_loop.h"
#include "shoal/stream/chunk_server.h"
#include "shoal/tracking/announce/advertised_addresses.h"
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
    server.self = options_.self.id();
    server.transports = options_.transports;
    server.max_sessions = kMaxSessions;
    server.check_ticket = options_.check_ticket;
    server.limits.write_limit = options_.limit_up;
    server.write_limit_of = [this](const ContentId& content) { return LimitOf(content); };
    server.on_source_failure = [this](const ContentId& content, const absl::Status& why) {
      SourceFailed(content, why);
    };
    absl::StatusOr<std::unique_ptr<stream::ChunkServer>> started =
        stream::ChunkServer::Start(server, loops_, contents_);
    if (!started.ok()) return started.status();
    server_ = *std::move(started);
    addresses_ = tracking::ChooseAdvertised(options_.advertise, {options_.listen.ip, server_->port()},
                                            tracking::ReadLocalNetwork());
    return absl::OkStatus();
  }

  Endpoint listens_at() const override { return {options_.listen.ip, server_->port()}; }
  const std::string& warning() const override { return addresses_.warning; }

  void Serve(std::shared_ptr<const ChunkSource> source, const std::vector<tracking::TrackerUrl>& trackers,
             const std::optional<PublisherSignature>& signature,
             std::shared_ptr<net::RateLimit> limit) override {
    Add({std::move(source), trackers, /*publishes=*/false, signature, std::move(limit)});
  }

  void Publish(std::shared_ptr<const ChunkSource> source, const std::vector<tracking::TrackerUrl>& trackers,
               const std::optional<PublisherSignature>& signature) override {
    Add({std::move(source), trackers, /*publishes=*/true, signature, nullptr});
  }

  void Gained(const ContentId& content, const std::vector<ChunkIndex>& chunks) override {
    server_->Announce(content, chunks);
  }

  void Report(const ContentId& content, const PeerId& peer, tracking::PeerReport::Reason reason) override {
    MutexLock lock(&mutex_);
    for (Teller& teller : tellers_) teller.announcer->Report(content, peer, reason);
  }

  void Withdraw(const std::shared_ptr<const ChunkSource>& source) override {
    const ContentId content = source->manifest()->id();
    MutexLock lock(&mutex_);
    std::erase_if(offers_, [&](const Offer& offer) { return offer.source == source; });
    for (Teller& teller : tellers_) {
      if (!IsOffered(content, teller.tracker)) teller.announcer->Withdraw(content);
    }
    if (contents_->Remove(source)) server_->Drop(content);
  }

  void SourceFailed(const ContentId& content, const absl::Status& why) override {
    tracking::ContentSummary summary;
    {
      MutexLock lock(&mutex_);
      for (const Offer& offer : offers_) {
        if (offer.source->manifest()->id() != content) continue;
        summary = tracking::SummaryOf(*offer.source->manifest(), offer.source->left_out_count());
        contents_->Remove(offer.source);
      }
      if (summary.id != content) return;  // withdrawn already
      std::erase_if(offers_, [&](const Offer& offer) { return offer.source->manifest()->id() == content; });
      for (Teller& teller : tellers_) teller.announcer->Withdraw(content);
      server_->Drop(content);
    }
    if (options_.on_broken != nullptr) options_.on_broken(summary, why);
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

  service::ServingFigures figures() const override {
    const Totals now = totals();
    service::ServingFigures figures;
    figures.sent_bytes = now.sent_bytes;
    figures.sent_chunks = now.sent_chunks;
    figures.refused = server_->totals().refused;
    figures.sessions = now.peers;
    figures.contents = now.contents;
    figures.trackers_away = now.trackers - now.trackers_told;
    figures.ready = now.trackers == now.trackers_told;
    figures.not_ready = "registering with the trackers";
    std::map<ContentId, std::string> names;
    {
      MutexLock lock(&mutex_);
      for (const Offer& offer : offers_) {
        const Manifest& manifest = *offer.source->manifest();
        names.try_emplace(manifest.id(), manifest.name());
      }
    }
    const auto requested = server_->all_content_totals();
    const std::map<ContentId, stream::ContentTotals> totals_of(requested.begin(), requested.end());
    for (const auto& [id, name] : names) {
      const auto found = totals_of.find(id);
      const stream::ContentTotals sent = found == totals_of.end() ? stream::ContentTotals() : found->second;
      figures.by_content.push_back({.id = id.ShortHex(),
                                    .name = name,
                                    .sent_bytes = sent.sent_bytes,
                                    .bytes_per_second = sent.bytes_per_second,
                                    .peers = sent.peers.size()});
    }
    return figures;
  }

  stream::ContentTotals content_totals(const ContentId& content) const override {
    return server_->content_totals(content);
  }

 private:
  struct Teller {
    tracking::TrackerUrl tracker;
    std::unique_ptr<tracking::Announcer> announcer;
  };

  // A source, and the trackers that it is announced to.
  struct Offer {
    std::shared_ptr<const ChunkSource> source;
    std::vector<tracking::TrackerUrl> trackers;
    bool publishes = false;
    std::optional<PublisherSignature> signature;
    std::shared_ptr<net::RateLimit> limit;
  };

  std::shared_ptr<net::RateLimit> LimitOf(const ContentId& content) {
    MutexLock lock(&mutex_);
    for (const Offer& offer : offers_) {
      if (offer.limit != nullptr && offer.source->manifest()->id() == content) return offer.limit;
    }
    return nullptr;
  }

  void Add(Offer offer) {
    const tracking::ContentSummary summary =
        tracking::SummaryOf(*offer.source->manifest(), offer.source->left_out_count());
    MutexLock lock(&mutex_);
    const std::shared_ptr<const ChunkSource> content = contents_->Add(offer.source);
    const uint32_t mean_chunk_bytes = content->manifest()->mean_chunk_bytes();
    offers_.push_back(std::move(offer));
    for (const tracking::TrackerUrl& tracker : offers_.back().trackers) {
      const bool publishes = std::any_of(offers_.begin(), offers_.end(), [&](const Offer& each) {
        return each.publishes && IsAbout(each, summary.id, tracker);
      });
      const auto is_signed = std::find_if(offers_.begin(), offers_.end(), [&](const Offer& each) {
        return each.signature.has_value() && IsAbout(each, summary.id, tracker);
      });
      TellerFor(tracker).announcer->Offer(
          summary,
          [this, content,
           arrivals = std::make_shared<Arrivals>(content->Held().count(), mean_chunk_bytes, Clock::Real())] {
            return ProgressOf(*content, arrivals.get());
          },
          /*max_peers=*/0, publishes, is_signed == offers_.end() ? std::nullopt : is_signed->signature);
    }
  }

  static bool IsAbout(const Offer& offer, const ContentId& content, const tracking::TrackerUrl& tracker) {
    return offer.source->manifest()->id() == content &&
           std::find(offer.trackers.begin(), offer.trackers.end(), tracker) != offer.trackers.end();
  }

  bool IsOffered(const ContentId& content, const tracking::TrackerUrl& tracker) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return std::any_of(offers_.begin(), offers_.end(),
                       [&](const Offer& offer) { return IsAbout(offer, content, tracker); });
  }

  Teller& TellerFor(const tracking::TrackerUrl& tracker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto known = std::find_if(tellers_.begin(), tellers_.end(),
                                    [&](const Teller& teller) { return teller.tracker == tracker; });
    if (known != tellers_.end()) return *known;
    tracking::Announcer::Options announcer;
    announcer.self = options_.self;
    announcer.site = options_.site;
    announcer.endpoint = addresses_.endpoints.front();
    announcer.other_endpoints.assign(addresses_.endpoints.begin() + 1, addresses_.endpoints.end());
    announcer.on_reachable = options_.on_tracker;
    announcer.on_rejected = options_.on_rejected;
    tellers_.push_back(
        {tracker, tracking::Announcer::Start(options_.make_tracker_client(tracker), std::move(announcer))});
    return tellers_.back();
  }

  tracking::Announcer::Progress ProgressOf(const ChunkSource& source, Arrivals* arrivals) const {
    const stream::ChunkServer::Totals served = server_->totals();
    tracking::Announcer::Progress progress;
    progress.held = source.Held();
    arrivals->Report(&progress);
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
  tracking::AdvertisedAddresses addresses_;  // constant once it listens
  mutable Mutex mutex_;
  std::vector<Teller> tellers_ ABSL_GUARDED_BY(mutex_);
  std::vector<Offer> offers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Reseeder>> Reseeder::Start(Options options) {
  auto reseeder = std::make_unique<ReseederImpl>(std::move(options));
  const absl::Status listening = reseeder->Listen();
  if (!listening.ok()) return listening;
  return std::unique_ptr<Reseeder>(std::move(reseeder));
}

}  // namespace shoal::leecher
