#include "services/seeder/seeder.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/seeder/catalog.h"
#include "services/seeder/folder/hash_cache.h"
#include "services/seeder/folder/hash_progress.h"
#include "services/seeder/seeder_metrics.h"
#include "services/seeder/shared_folder.h"
#include "services/seeder/tracker_link.h"
#include "shoal/base/clock.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/net/event_loop.h"
#include "shoal/service/http/http_server.h"
#include "shoal/service/log/log.h"
#include "shoal/stream/chunk_server.h"
#include "shoal/tracking/messages/manifest_summary.h"

namespace shoal::seeder {
namespace {

constexpr unsigned kMaxLoops = 8;
constexpr absl::Duration kShowHashingEvery = absl::Seconds(5);
// How often the trackers are asked whether they were told, until they were.
constexpr std::chrono::milliseconds kReadyCheck{50};

std::string WithoutTrailingSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

class SeederImpl final : public Seeder, public CatalogListener {
 public:
  explicit SeederImpl(Options options)
      : options_(std::move(options)),
        loops_("seeder", std::clamp(std::thread::hardware_concurrency(), 1u, kMaxLoops)),
        catalog_(std::make_shared<Catalog>(this)),
        hash_progress_(Clock::Real(), kShowHashingEvery) {
    options_.share = WithoutTrailingSlashes(std::move(options_.share));
  }
  ~SeederImpl() override { Stop(); }

  absl::Status Open();

  uint16_t port() const override { return server_->port(); }
  uint16_t grpc_port() const override { return health_ == nullptr ? 0 : health_->port(); }
  uint16_t http_port() const override { return http_ == nullptr ? 0 : http_->port(); }
  bool ready() const override { return ready_; }
  bool WaitUntilReady() override;
  void Stop() override;

 private:
  // CatalogListener
  void OnPublished(const std::shared_ptr<const OfferedSource>& source, bool from_cache) override;
  void OnWithdrawn(const std::shared_ptr<const Manifest>& manifest, const std::string& why) override;
  void OnHashing(const std::string& entry, uint64_t done_bytes, uint64_t total_bytes) override;
  void OnProblem(const std::string& entry, const absl::Status& why) override;
  void OnFirstScanDone(size_t contents) override;

  absl::Status OpenHttp();
  std::shared_ptr<const HashCache> OpenCache();
  void WatchReadiness();
  bool TrackersTold() const;
  SeederFigures Figures();
  void LogSent(const ContentId& id, const std::string& name) const;

  Options options_;
  const PeerId self_ = RandomPeerId();
  net::EventLoopGroup loops_;
  const std::shared_ptr<Catalog> catalog_;
  std::unique_ptr<stream::ChunkServer> server_;
  std::vector<std::unique_ptr<TrackerLink>> trackers_;
  std::unique_ptr<service::HealthEndpoint> health_;
  SeederMetrics metrics_;  // the HTTP thread's
  std::unique_ptr<service::HttpServer> http_;
  std::unique_ptr<SharedFolder> folder_;

  HashProgress hash_progress_;  // a hashing thread's, one at a time
  std::atomic<uint64_t> contents_ = 0;
  std::atomic<uint64_t> content_bytes_ = 0;
  std::atomic<uint64_t> problems_ = 0;
  std::atomic<bool> first_scan_done_ = false;
  std::atomic<bool> ready_ = false;

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<ContentId, std::string> offered_ ABSL_GUARDED_BY(mutex_);  // by name
  std::thread readiness_;

  Mutex stop_mutex_;  // held while stopping, so that a second Stop waits for the first
  bool stopped_ ABSL_GUARDED_BY(stop_mutex_) = false;
};

absl::Status SeederImpl::Open() {
  // Before anybody is let in: without the folder there is nothing to serve.
  SHOAL_RETURN_IF_ERROR(FileDescriptor::Open(options_.share, O_RDONLY | O_DIRECTORY).status());
  stream::ChunkServer::Options serving;
  serving.listen = options_.listen;
  serving.self = self_;
  serving.max_sessions = options_.max_uploads;
  serving.parallel_uploads = options_.parallel_uploads;
  serving.limits.write_limit = std::make_shared<net::RateLimit>(options_.limit_up_bytes_per_second);
  SHOAL_ASSIGN_OR_RETURN(server_, stream::ChunkServer::Start(serving, loops_, catalog_));
  if (options_.grpc.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(health_, options_.open_health_endpoint(*options_.grpc));
  }
  SHOAL_RETURN_IF_ERROR(OpenHttp());
  for (const tracking::TrackerUrl& tracker : options_.trackers) {
    trackers_.push_back(std::make_unique<TrackerLink>(options_.connect_tracker(tracker), self_,
                                                      Endpoint{options_.advertise, server_->port()},
                                                      options_.site));
  }
  service::LogInfo("seeder listens",
                   {{"port", absl::StrCat(server_->port())},
                    {"share", options_.share},
                    {"limit_up", options_.limit_up_bytes_per_second == net::RateLimit::kUnlimited
                                     ? "none"
                                     : FormatRate(static_cast<double>(options_.limit_up_bytes_per_second))},
                    {"peer", self_.ToHex()},
                    {"advertise", options_.advertise.is_unspecified() ? "as trackers see us"
                                                                      : options_.advertise.ToString()},
                    {"grpc_port", health_ == nullptr ? "none" : absl::StrCat(grpc_port())},
                    {"http_port", http_ == nullptr ? "none" : absl::StrCat(http_port())}});

  SharedFolder::Options sharing;
  sharing.path = options_.share;
  sharing.settle = options_.settle;
  sharing.cache = OpenCache();
  SHOAL_ASSIGN_OR_RETURN(folder_, SharedFolder::Start(sharing, catalog_, this));
  readiness_ = std::thread([this] { WatchReadiness(); });
  return absl::OkStatus();
}

absl::Status SeederImpl::OpenHttp() {
  if (!options_.http.has_value()) return absl::OkStatus();
  service::HttpServer::Options serving;
  serving.listen = *options_.http;
  service::HttpServer::Routes routes;
  routes["/healthz"] = [](const service::HttpRequest&) { return service::HttpResponse{.body = "ok\n"}; };
  routes["/readyz"] = [this](const service::HttpRequest&) {
    if (ready_) return service::HttpResponse{.body = "ready\n"};
    return service::HttpResponse{
        .status = 503, .body = first_scan_done_ ? "trackers are being told\n" : "the folder is being read\n"};
  };
  routes["/metrics"] = [this](const service::HttpRequest&) {
    return service::HttpResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                                 .body = metrics_.Render(Figures())};
  };
  SHOAL_ASSIGN_OR_RETURN(http_, service::HttpServer::Start(serving, std::move(routes)));
  return absl::OkStatus();
}

std::shared_ptr<const HashCache> SeederImpl::OpenCache() {
  if (options_.state_folder.empty()) return nullptr;
  absl::StatusOr<std::unique_ptr<const HashCache>> cache =
      HashCache::Open(options_.state_folder, options_.share);
  if (cache.ok()) return *std::move(cache);
  service::LogWarning("no hash cache: everything is hashed again at each start",
                      {{"why", std::string(cache.status().message())}});
  return nullptr;
}

void SeederImpl::OnPublished(const std::shared_ptr<const OfferedSource>& source, bool from_cache) {
  const Manifest& manifest = *source->manifest();
  {
    MutexLock lock(&mutex_);
    offered_[manifest.id()] = manifest.name();
  }
  ++contents_;
  content_bytes_ += manifest.length_bytes();
  const auto free_slots = [this] {
    const uint32_t taken = server_->totals().sessions;
    return options_.max_uploads - std::min(taken, options_.max_uploads);
  };
  for (const std::unique_ptr<TrackerLink>& tracker : trackers_) {
    tracker->announcer().Offer(tracking::SummaryOf(manifest),
                               UploadProgress(source, free_slots, Clock::Real()), 0);
  }
  service::LogInfo("published", {{"name", manifest.name()},
                                 {"id", manifest.id().ToHex()},
                                 {"size", FormatBytes(manifest.length_bytes())},
                                 {"chunks", absl::StrCat(manifest.chunk_count())},
                                 {"files", absl::StrCat(manifest.files().size())},
                                 {"hashed", from_cache ? "earlier" : "now"}});
  if (options_.observer != nullptr) options_.observer->OnPublished(source, from_cache);
}

void SeederImpl::OnWithdrawn(const std::shared_ptr<const Manifest>& manifest, const std::string& why) {
  --contents_;
  content_bytes_ -= manifest->length_bytes();
  for (const std::unique_ptr<TrackerLink>& tracker : trackers_) tracker->announcer().Withdraw(manifest->id());
  LogSent(manifest->id(), manifest->name());
  server_->Drop(manifest->id());
  {
    MutexLock lock(&mutex_);
    offered_.erase(manifest->id());
  }
  service::LogInfo("withdrawn", {{"name", manifest->name()}, {"id", manifest->id().ToHex()}, {"why", why}});
  if (options_.observer != nullptr) options_.observer->OnWithdrawn(manifest, why);
}

void SeederImpl::LogSent(const ContentId& id, const std::string& name) const {
  const stream::ContentTotals sent = server_->content_totals(id);
  if (sent.sent_chunks == 0) return;
  service::LogInfo("sent", {{"name", name},
                            {"id", id.ToHex()},
                            {"bytes", FormatBytes(sent.sent_bytes)},
                            {"chunks", absl::StrCat(sent.sent_chunks)}});
}

void SeederImpl::OnHashing(const std::string& entry, uint64_t done_bytes, uint64_t total_bytes) {
  if (const auto line = hash_progress_.Report(entry, done_bytes, total_bytes)) {
    service::LogInfo("hashing",
                     {{"name", entry},
                      {"done", absl::StrCat(line->percent, "%")},
                      {"bytes", absl::StrCat(FormatBytes(done_bytes), " of ", FormatBytes(total_bytes))},
                      {"rate", FormatRate(line->rate_bytes_per_second)},
                      {"left", shoal::FormatDuration(line->left)}});
  }
  if (options_.observer != nullptr) options_.observer->OnHashing(entry, done_bytes, total_bytes);
}

void SeederImpl::OnProblem(const std::string& entry, const absl::Status& why) {
  ++problems_;
  if (entry.empty()) {
    service::LogWarning("problem with the shared folder", {{"why", std::string(why.message())}});
  } else {
    service::LogWarning("not published", {{"name", entry}, {"why", std::string(why.message())}});
  }
  if (options_.observer != nullptr) options_.observer->OnProblem(entry, why);
}

void SeederImpl::OnFirstScanDone(size_t contents) {
  service::LogInfo("first scan done", {{"contents", absl::StrCat(contents)},
                                       {"size", FormatBytes(content_bytes_)},
                                       {"problems", absl::StrCat(problems_.load())}});
  first_scan_done_ = true;
  changed_.NotifyAll();
  if (options_.observer != nullptr) options_.observer->OnFirstScanDone(contents);
}

bool SeederImpl::TrackersTold() const {
  return std::all_of(trackers_.begin(), trackers_.end(),
                     [](const std::unique_ptr<TrackerLink>& tracker) { return tracker->told_or_away(); });
}

void SeederImpl::WatchReadiness() {
  MutexLock lock(&mutex_);
  while (!stopping_ && !(first_scan_done_ && TrackersTold())) changed_.WaitFor(&mutex_, kReadyCheck);
  if (stopping_) return;
  ready_ = true;
  if (health_ != nullptr) health_->SetServing(true);
  const auto away =
      std::count_if(trackers_.begin(), trackers_.end(), [](const auto& link) { return link->away(); });
  service::LogInfo("ready", {{"contents", absl::StrCat(contents_.load())},
                             {"trackers_told", absl::StrCat(trackers_.size() - static_cast<size_t>(away))},
                             {"trackers_away", absl::StrCat(away)}});
  changed_.NotifyAll();
}

bool SeederImpl::WaitUntilReady() {
  MutexLock lock(&mutex_);
  while (!stopping_ && !ready_) changed_.Wait(&mutex_);
  return ready_;
}

SeederFigures SeederImpl::Figures() {
  const stream::ChunkServer::Totals totals = server_->totals();
  SeederFigures figures;
  figures.sent_bytes = totals.sent_bytes;
  figures.sent_chunks = totals.sent_chunks;
  figures.refused = totals.refused;
  figures.sessions = totals.sessions;
  figures.contents = contents_;
  figures.content_bytes = content_bytes_;
  figures.problems = problems_;
  {
    MutexLock lock(&mutex_);
    for (const auto& [id, name] : offered_) {
      const stream::ContentTotals sent = server_->content_totals(id);
      figures.by_content.push_back({.id = id.ShortHex(),
                                    .name = name,
                                    .sent_bytes = sent.sent_bytes,
                                    .bytes_per_second = sent.bytes_per_second,
                                    .peers = sent.peers.size()});
    }
  }
  for (const std::unique_ptr<TrackerLink>& tracker : trackers_)
    figures.trackers_away += tracker->away() ? 1 : 0;
  figures.ready = ready_;
  return figures;
}

void SeederImpl::Stop() {
  MutexLock stopping(&stop_mutex_);
  if (std::exchange(stopped_, true)) return;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (readiness_.joinable()) readiness_.join();
  if (health_ != nullptr) health_->SetServing(false);
  // Before the trackers, which its thread talks to.
  folder_.reset();
  if (http_ != nullptr) http_->Stop();
  // Side by side: one that does not answer must not keep the others from hearing that we leave.
  std::vector<std::thread> leaving;
  for (std::unique_ptr<TrackerLink>& tracker : trackers_) {
    leaving.emplace_back([&tracker] { tracker.reset(); });
  }
  for (std::thread& thread : leaving) thread.join();
  if (server_ != nullptr) server_->Stop();
  loops_.Stop();
  {
    MutexLock lock(&mutex_);
    for (const auto& [id, name] : offered_) LogSent(id, name);
  }
  if (health_ != nullptr) health_->Stop();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Seeder>> Seeder::Start(Options options) {
  auto seeder = std::make_unique<SeederImpl>(std::move(options));
  SHOAL_RETURN_IF_ERROR(seeder->Open());
  return seeder;
}

}  // namespace shoal::seeder
