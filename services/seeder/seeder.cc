#include "services/seeder/seeder.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_join.h"
#include "services/seeder/catalog.h"
#include "services/seeder/catalog_record.h"
#include "services/seeder/folder/hash_cache.h"
#include "services/seeder/folder/hash_progress.h"
#include "services/seeder/seeder_pages.h"
#include "services/seeder/shared_folder.h"
#include "services/seeder/tracker_link.h"
#include "shoal/base/clock.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/units.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/transport/tls_transport.h"
#include "shoal/service/http/http_server.h"
#include "shoal/service/log/log.h"
#include "shoal/service/open_listeners.h"
#include "shoal/service/serving_pages.h"
#include "shoal/stream/chunk_server.h"
#include "shoal/tracking/announce/advertised_addresses.h"
#include "shoal/tracking/messages/manifest_summary.h"

namespace shoal::seeder {
namespace {

constexpr unsigned kMaxLoops = 8;
constexpr size_t kMaxShownLeftOut = 20;
constexpr absl::Duration kShowHashingEvery = absl::Seconds(5);
// The interval at which readiness is checked until it is reached.
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
        record_(Clock::Real()),
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
  void OnProblemOver(const std::string& entry, const std::string& message) override;
  void OnLeftOut(const std::string& entry, const std::vector<LeftOut>& left_out) override;
  void OnFirstScanDone(size_t contents) override;

  absl::Status OpenHttp();
  std::shared_ptr<const HashCache> OpenCache();
  void WatchReadiness();
  bool TrackersTold() const;
  service::ServingFigures Figures();
  std::vector<PageSources::Tracker> Trackers() const;
  void LogSent(const ContentId& id, const std::string& name) const;

  Options options_;
  const PeerIdentity self_ = PeerIdentity::Random();
  net::EventLoopGroup loops_;
  const std::shared_ptr<Catalog> catalog_;
  std::unique_ptr<stream::ChunkServer> server_;
  std::vector<std::unique_ptr<TrackerLink>> trackers_;
  std::unique_ptr<service::HealthEndpoint> health_;
  std::unique_ptr<service::HttpServer> http_;
  std::unique_ptr<SharedFolder> folder_;

  CatalogRecord record_;
  HashProgress hash_progress_;  // used by one hashing thread at a time
  std::atomic<uint64_t> contents_ = 0;
  std::atomic<uint64_t> content_bytes_ = 0;
  std::atomic<uint64_t> problems_ = 0;
  std::atomic<bool> first_scan_done_ = false;
  std::atomic<bool> ready_ = false;

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread readiness_;

  Mutex stop_mutex_;  // held while stopping: a second Stop waits for the first
  bool stopped_ ABSL_GUARDED_BY(stop_mutex_) = false;
};

absl::Status SeederImpl::Open() {
  // Checked before the first listener opens: without the folder there is nothing to serve.
  SHOAL_RETURN_IF_ERROR(FileDescriptor::Open(options_.share, O_RDONLY | O_DIRECTORY).status());
  stream::ChunkServer::Options serving;
  serving.listen = options_.listen;
  serving.self = self_.id();
  if (options_.tls != nullptr) serving.transports = net::TlsTransports(options_.tls);
  serving.max_sessions = options_.max_uploads;
  serving.parallel_uploads = options_.parallel_uploads;
  if (options_.tickets != nullptr) {
    serving.check_ticket = [tickets = options_.tickets](const stream::Hello& theirs,
                                                        std::optional<absl::string_view> name) {
      return tickets->Check(AsBytes(theirs.ticket), theirs.content_id, name, theirs.peer_id);
    };
  }
  serving.on_source_failure = [catalog = catalog_](const ContentId& id, const absl::Status& why) {
    catalog->NoteFailure(id, why);
  };
  serving.limits.write_limit = std::make_shared<net::RateLimit>(options_.limit_up_bytes_per_second);
  SHOAL_ASSIGN_OR_RETURN(server_, stream::ChunkServer::Start(serving, loops_, catalog_));
  if (options_.grpc.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(health_, options_.open_health_endpoint(*options_.grpc));
  }
  const tracking::AdvertisedAddresses advertised = tracking::ChooseAdvertised(
      options_.advertise, {options_.listen.ip, server_->port()}, tracking::ReadLocalNetwork());
  for (const tracking::TrackerUrl& tracker : options_.trackers) {
    trackers_.push_back(std::make_unique<TrackerLink>(options_.connect_tracker(tracker), self_,
                                                      advertised.endpoints, options_.site));
  }
  SHOAL_RETURN_IF_ERROR(OpenHttp());
  service::LogInfo(
      "seeder listens",
      {{"port", server_->port()},
       {"share", options_.share},
       {"limit_up",
        options_.limit_up_bytes_per_second == net::RateLimit::kUnlimited
            ? service::LogValue("none")
            : service::LogValue::BytesPerSecond(static_cast<double>(options_.limit_up_bytes_per_second))},
       {"peer", self_.id().ToHex()},
       {"advertise", absl::StrJoin(advertised.endpoints, ", ",
                                   [](std::string* out, const Endpoint& endpoint) {
                                     out->append(endpoint.ip.is_unspecified() ? "as trackers see this machine"
                                                                              : endpoint.ToString());
                                   })},
       {"grpc_port", health_ == nullptr ? service::LogValue("none") : service::LogValue(grpc_port())},
       {"http_port", http_ == nullptr ? service::LogValue("none") : service::LogValue(http_port())},
       {"tls", net::EncryptedBy(options_.tls)}});
  const std::string open = service::DescribeOpenListeners({{.at = {options_.listen.ip, server_->port()},
                                                            .tls = options_.tls.get(),
                                                            .asks_for_permit = options_.tickets != nullptr}},
                                                          "fetch what is published here");
  if (!open.empty()) service::LogInfo(open);
  if (!advertised.warning.empty()) {
    service::LogWarning("peers on other machines may not reach this seeder", {{"why", advertised.warning}});
  }

  SharedFolder::Options sharing;
  sharing.path = options_.share;
  sharing.settle = options_.settle;
  sharing.patience = options_.patience;
  sharing.links = options_.links;
  sharing.rescan = options_.rescan;
  sharing.cache = OpenCache();
  SHOAL_ASSIGN_OR_RETURN(folder_, SharedFolder::Start(sharing, catalog_, this));
  readiness_ = std::thread([this] { WatchReadiness(); });
  return absl::OkStatus();
}

absl::Status SeederImpl::OpenHttp() {
  if (!options_.http.has_value()) return absl::OkStatus();
  service::HttpServer::Options serving;
  serving.listen = *options_.http;
  serving.tls = options_.tls;
  service::HttpServer::Routes routes =
      SeederPages({.record = &record_,
                   .server = server_.get(),
                   .clock = &Clock::Real(),
                   .share = options_.share,
                   .version = options_.version,
                   .signer = options_.sign_key.has_value() ? options_.sign_key->public_key().ToText() : "",
                   .figures = [this] { return Figures(); },
                   .trackers = [this] { return Trackers(); }});
  routes.merge(service::ServingPages("shoal_seeder", options_.version, [this] { return Figures(); }));
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
  record_.OnPublished(source, from_cache);
  ++contents_;
  content_bytes_ += manifest.length_bytes();
  const auto free_slots = [this] {
    const uint32_t taken = server_->totals().sessions;
    return options_.max_uploads - std::min(taken, options_.max_uploads);
  };
  std::optional<PublisherSignature> signature;
  if (options_.sign_key.has_value()) {
    signature =
        PublisherSignature::Make(*options_.sign_key, manifest.id(), manifest.name(), Clock::Real().Now());
  }
  for (const std::unique_ptr<TrackerLink>& tracker : trackers_) {
    tracker->announcer().Offer(tracking::SummaryOf(manifest, source->left_out_count()),
                               UploadProgress(source, free_slots, Clock::Real()), 0,
                               /*publishes=*/true, signature);
  }
  service::LogInfo("published", {{"name", manifest.name()},
                                 {"id", manifest.id().ToHex()},
                                 {"size", service::LogValue::Bytes(manifest.length_bytes())},
                                 {"chunks", manifest.chunk_count()},
                                 {"files", manifest.files().size()},
                                 {"left_out", source->left_out_count()},
                                 {"hashed", from_cache ? "earlier" : "now"}});
  if (options_.observer != nullptr) options_.observer->OnPublished(source, from_cache);
}

void SeederImpl::OnWithdrawn(const std::shared_ptr<const Manifest>& manifest, const std::string& why) {
  --contents_;
  content_bytes_ -= manifest->length_bytes();
  for (const std::unique_ptr<TrackerLink>& tracker : trackers_) tracker->announcer().Withdraw(manifest->id());
  LogSent(manifest->id(), manifest->name());
  server_->Drop(manifest->id());
  record_.OnWithdrawn(manifest, why);
  service::LogInfo("withdrawn", {{"name", manifest->name()}, {"id", manifest->id().ToHex()}, {"why", why}});
  if (options_.observer != nullptr) options_.observer->OnWithdrawn(manifest, why);
}

void SeederImpl::LogSent(const ContentId& id, const std::string& name) const {
  const stream::ContentTotals sent = server_->content_totals(id);
  if (sent.sent_chunks == 0) return;
  service::LogInfo("sent", {{"name", name},
                            {"id", id.ToHex()},
                            {"bytes", service::LogValue::Bytes(sent.sent_bytes)},
                            {"chunks", sent.sent_chunks}});
}

void SeederImpl::OnHashing(const std::string& entry, uint64_t done_bytes, uint64_t total_bytes) {
  if (const auto line = hash_progress_.Report(entry, done_bytes, total_bytes)) {
    service::LogInfo("hashing", {{"name", entry},
                                 {"percent", line->percent},
                                 {"done", service::LogValue::Bytes(done_bytes)},
                                 {"total", service::LogValue::Bytes(total_bytes)},
                                 {"rate", service::LogValue::BytesPerSecond(line->rate_bytes_per_second)},
                                 {"left", shoal::FormatDuration(line->left)}});
  }
  record_.OnHashing(entry, done_bytes, total_bytes);
  if (options_.observer != nullptr) options_.observer->OnHashing(entry, done_bytes, total_bytes);
}

void SeederImpl::OnProblem(const std::string& entry, const absl::Status& why) {
  ++problems_;
  record_.OnProblem(entry, why);
  if (entry.empty()) {
    service::LogWarning("problem with the shared folder", {{"why", std::string(why.message())}});
  } else {
    service::LogWarning("not published", {{"name", entry}, {"why", std::string(why.message())}});
  }
  if (options_.observer != nullptr) options_.observer->OnProblem(entry, why);
}

void SeederImpl::OnProblemOver(const std::string& entry, const std::string& message) {
  record_.OnProblemOver(entry, message);
  if (options_.observer != nullptr) options_.observer->OnProblemOver(entry, message);
}

void SeederImpl::OnLeftOut(const std::string& entry, const std::vector<LeftOut>& left_out) {
  record_.OnLeftOut(entry, left_out);
  size_t shown = 0;
  for (const LeftOut& each : left_out) {
    if (++shown > kMaxShownLeftOut) {
      service::LogWarning("more is left out",
                          {{"name", entry}, {"entries", left_out.size() - kMaxShownLeftOut}});
      break;
    }
    service::LogWarning("left out", {{"name", entry}, {"path", each.path}, {"why", each.reason}});
  }
  if (left_out.empty()) service::LogInfo("nothing is left out any more", {{"name", entry}});
  if (options_.observer != nullptr) options_.observer->OnLeftOut(entry, left_out);
}

void SeederImpl::OnFirstScanDone(size_t contents) {
  service::LogInfo("first scan done", {{"contents", contents},
                                       {"size", service::LogValue::Bytes(content_bytes_)},
                                       {"problems", problems_.load()}});
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
  service::LogInfo("ready", {{"contents", contents_.load()},
                             {"trackers_told", trackers_.size() - static_cast<size_t>(away)},
                             {"trackers_away", away}});
  changed_.NotifyAll();
}

bool SeederImpl::WaitUntilReady() {
  MutexLock lock(&mutex_);
  while (!stopping_ && !ready_) changed_.Wait(&mutex_);
  return ready_;
}

service::ServingFigures SeederImpl::Figures() {
  const stream::ChunkServer::Totals totals = server_->totals();
  service::ServingFigures figures;
  figures.sent_bytes = totals.sent_bytes;
  figures.sent_chunks = totals.sent_chunks;
  figures.refused = totals.refused;
  figures.sessions = totals.sessions;
  figures.contents = contents_;
  figures.content_bytes = content_bytes_;
  figures.problems = problems_;
  figures.hashed_bytes = hash_progress_.hashed_bytes();
  figures.unpublished = 0;
  figures.left_out = 0;
  for (const CatalogRecord::Omission& omission : record_.omissions()) {
    ++*(omission.path.empty() ? figures.unpublished : figures.left_out);
  }
  for (const auto& source : record_.offered()) {
    const Manifest& manifest = *source->manifest();
    const stream::ContentTotals sent = server_->content_totals(manifest.id());
    figures.by_content.push_back({.id = manifest.id().ShortHex(),
                                  .name = manifest.name(),
                                  .sent_bytes = sent.sent_bytes,
                                  .bytes_per_second = sent.bytes_per_second,
                                  .peers = sent.peers.size()});
  }
  for (const std::unique_ptr<TrackerLink>& tracker : trackers_)
    figures.trackers_away += tracker->away() ? 1 : 0;
  figures.ready = ready_;
  figures.not_ready = first_scan_done_ ? "registering with the trackers" : "scanning the folder";
  return figures;
}

std::vector<PageSources::Tracker> SeederImpl::Trackers() const {
  std::vector<PageSources::Tracker> trackers;
  for (const std::unique_ptr<TrackerLink>& tracker : trackers_)
    trackers.push_back({tracker->url(), tracker->failure()});
  return trackers;
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
  // Ends before the trackers do, since its thread calls their announcers.
  folder_.reset();
  if (http_ != nullptr) http_->Stop();
  // In parallel: a tracker that does not respond must not delay the leave that the others receive.
  std::vector<std::thread> leaving;
  for (std::unique_ptr<TrackerLink>& tracker : trackers_) {
    leaving.emplace_back([&tracker] { tracker.reset(); });
  }
  for (std::thread& thread : leaving) thread.join();
  if (server_ != nullptr) server_->Stop();
  loops_.Stop();
  for (const auto& source : record_.offered()) LogSent(source->manifest()->id(), source->manifest()->name());
  if (health_ != nullptr) health_->Stop();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Seeder>> Seeder::Start(Options options) {
  auto seeder = std::make_unique<SeederImpl>(std::move(options));
  SHOAL_RETURN_IF_ERROR(seeder->Open());
  return seeder;
}

}  // namespace shoal::seeder
