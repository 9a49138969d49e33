#include "services/tracker/tracker.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/tracker/access/access_control.h"
#include "services/tracker/access/ticket_issuer.h"
#include "services/tracker/grpc/tracker_service.h"
#include "services/tracker/http/tracker_pages.h"
#include "services/tracker/limits/rate_limiter.h"
#include "services/tracker/metrics/listener_metrics.h"
#include "services/tracker/peer_probe.h"
#include "services/tracker/state/address_verifier.h"
#include "services/tracker/state/peer_addresses.h"
#include "services/tracker/state/tracker_state.h"
#include "services/tracker/state_file/state_file.h"
#include "services/tracker/udp/datagram_cookie.h"
#include "services/tracker/udp/udp_listener.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/interface_addresses.h"
#include "shoal/net/transport/tls_transport.h"
#include "shoal/service/grpc/grpc_server.h"
#include "shoal/service/http/connect_api.h"
#include "shoal/service/http/http_server.h"
#include "shoal/service/log/log.h"
#include "shoal/service/metrics/metrics.h"

namespace shoal::tracker {
namespace {

constexpr uint32_t kMostGrpcThreads = 4;
constexpr char kApiPrefix[] = "/api/";
// An interface that comes up later is noticed within this time.
constexpr absl::Duration kAddressRetryInterval = absl::Seconds(1);
constexpr absl::Duration kAddressRefreshInterval = absl::Seconds(5);
// A token that was withdrawn is refused within this time.
constexpr absl::Duration kTokenRefreshInterval = absl::Seconds(1);

std::vector<IpAddress> OwnAddresses() {
  std::vector<IpAddress> addresses;
  for (const net::InterfaceAddress& address : net::InterfaceAddresses()) addresses.push_back(address.ip);
  return addresses;
}

uint64_t RandomSeed() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

TrackerState::Options StateOptions(const Tracker::Options& options) {
  TrackerState::Options state;
  state.registry.lease = options.lease;
  state.registry.limits = options.limits.registry;
  state.registry.seed = RandomSeed();
  state.registry.lease_key = DatagramCookies::RandomKey();
  state.bittorrent_interval = options.bittorrent_interval;
  state.bittorrent_limits = options.limits.bittorrent;
  return state;
}

AddressVerifier::Options VerifierOptions(const Tracker::Options& options) {
  AddressVerifier::Options verifier;
  verifier.trusts_claims = options.trusts_addresses;
  return verifier;
}

void LogUnreachable(const Endpoint& endpoint, const PeerId& peer, const IpAddress& source,
                    const absl::Status& why) {
  service::LogWarning("a peer claims an address at which it does not answer this tracker: not handed out",
                      {{"address", endpoint.ToString()},
                       {"peer", peer.ToHex()},
                       {"seen_at", source.ToString()},
                       {"why", std::string(why.message())}});
}

// A thread that calls `work` every `interval` until it is destroyed.
class PeriodicThread {
 public:
  PeriodicThread(absl::Duration interval, std::function<void()> work)
      : thread_([this, interval, work = std::move(work)] { Run(interval, work); }) {}
  ~PeriodicThread() {
    {
      MutexLock lock(&mutex_);
      stop_ = true;
    }
    stopping_.NotifyAll();
    thread_.join();
  }

 private:
  void Run(absl::Duration interval, const std::function<void()>& work) {
    for (;;) {
      {
        MutexLock lock(&mutex_);
        if (!stop_) stopping_.WaitFor(&mutex_, absl::ToChronoMilliseconds(interval));
        if (stop_) return;
      }
      work();
    }
  }

  Mutex mutex_;
  CondVar stopping_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

class RunningTracker final : public Tracker {
 public:
  RunningTracker(const Options& options, std::unique_ptr<AccessControl> access,
                 std::unique_ptr<TicketIssuer> tickets)
      : state_file_(options.state_file),
        version_(options.version),
        state_(StateOptions(options), options.clock),
        limiter_(options.limits.rates, RandomSeed()),
        listener_metrics_(&metrics_, &state_, &limiter_),
        addresses_(OwnAddresses),
        access_(std::move(access)),
        tickets_(std::move(tickets)),
        verifier_(
            VerifierOptions(options), state_.registry(),
            [this](const Endpoint& endpoint, const PeerId& peer, const ContentId& content,
                   std::function<void(absl::Status)> done) {
              const auto known = state_.registry()->Lookup({content, std::nullopt, 0});
              const std::string name = known.ok() ? known->contents[0].summary.name : "";
              probe_.Try(endpoint, peer, content, name, std::move(done));
            },
            LogUnreachable, options.clock),
        probe_(options.tls == nullptr ? net::TcpTransports() : net::TlsTransports(options.tls),
               tickets_.get()),
        service_(TrackerService::Create(&state_, &addresses_, &verifier_, &listener_metrics_, &limiter_,
                                        access_.get(), tickets_.get(), options.clock)),
        clock_(options.clock) {
    metrics_.AddProcess(version_);
    SetReserved(options.reserved);
  }
  ~RunningTracker() override { Stop(absl::ZeroDuration()); }

  absl::Status Open(const Options& options) {
    ReadState();
    service::GrpcServer::Options grpc;
    grpc.listen = options.grpc;
    grpc.threads = std::min(net::UsableCores(), kMostGrpcThreads);
    grpc.tls = options.tls;
    service::GrpcMethods methods;
    service_->AddTo(Listener::kGrpc, &methods);
    SHOAL_ASSIGN_OR_RETURN(grpc_, service::GrpcServer::Start(grpc, std::move(methods)));
    if (options.udp) {
      const bool bittorrent = !access_->needs_tokens() || options.open_bittorrent;
      SHOAL_RETURN_IF_ERROR(OpenUdp(*options.udp, options.udp_sockets, bittorrent));
    }
    if (options.http) SHOAL_RETURN_IF_ERROR(OpenHttp(*options.http, options.tls));
    expiry_ =
        std::make_unique<PeriodicThread>(state_.registry()->advance_interval(), [this] { state_.Advance(); });
    address_refresh_ =
        std::make_unique<PeriodicThread>(kAddressRefreshInterval, [this] { addresses_.Refresh(); });
    retries_ = std::make_unique<PeriodicThread>(kAddressRetryInterval, [this] { verifier_.Advance(); });
    if (access_->needs_tokens()) {
      token_refresh_ =
          std::make_unique<PeriodicThread>(kTokenRefreshInterval, [this] { LogTokens(access_->Refresh()); });
    }
    if (tickets_->issues()) LogTicketKey("lookups bring tickets");
    grpc_->SetServing(true);
    ready_ = true;
    began_ = true;
    return absl::OkStatus();
  }

  uint16_t grpc_port() const override { return grpc_->port(); }
  uint16_t udp_port() const override { return udp_ ? udp_->port() : 0; }
  uint16_t http_port() const override { return http_ ? http_->port() : 0; }

  void SetLimits(const TrackerLimits& limits) override {
    state_.SetLimits(limits.registry, limits.bittorrent);
    limiter_.SetRates(limits.rates);
  }

  void SetReserved(std::shared_ptr<const ReservedNames> reserved) override {
    state_.registry()->SetReserved(std::move(reserved));
  }

  void ReloadTokens() override {
    if (access_->needs_tokens()) LogTokens(access_->Reload());
  }

  void ReloadTicketKey() override {
    if (!tickets_->issues()) return;
    const absl::Status read = tickets_->Reload();
    if (!read.ok()) {
      service::LogError("the key of tickets stays as it is", {{"why", std::string(read.message())}});
    } else {
      LogTicketKey("the key of tickets was read");
    }
  }

  void Stop(absl::Duration grace) override {
    // The pages stay up longest, to show that this tracker is stopping.
    ready_ = false;
    if (grpc_) grpc_->SetServing(false);
    service_->EndWatches();
    if (grpc_) grpc_->Stop(grace);
    if (udp_) udp_->Stop();
    // Nothing changes any more. A tracker that never ran keeps the file that it found.
    if (std::exchange(began_, false)) WriteState();
    if (http_) http_->Stop();
  }

 private:
  void ReadState() {
    if (state_file_.empty()) return;
    const auto read = LoadState(state_file_, &state_, *clock_);
    // A first start has no file.
    listener_metrics_.SetStateFile(read.ok() || absl::IsNotFound(read.status()),
                                   read.ok() ? read->peers + read->swarm_peers : 0);
    if (read.ok()) {
      LogState("went on from the state file", *read);
    } else if (!absl::IsNotFound(read.status())) {
      const std::string aside = state_file_ + ".unusable";
      const bool moved = std::rename(state_file_.c_str(), aside.c_str()) == 0;
      service::LogWarning(
          "the state file can't be used: starting empty",
          {{"why", std::string(read.status().message())}, {"moved_to", moved ? aside : "nowhere"}});
    }
  }

  void LogState(absl::string_view what, const StateCounts& counts) {
    service::LogInfo(what, {{"file", state_file_},
                            {"contents", counts.contents},
                            {"peers", counts.peers},
                            {"bittorrent_swarms", counts.swarms},
                            {"bittorrent_peers", counts.swarm_peers}});
  }

  void WriteState() {
    if (state_file_.empty()) return;
    const auto written = SaveState(state_file_, state_, *clock_);
    if (written.ok()) {
      LogState("wrote the state file", *written);
    } else {
      service::LogError("the state file can't be written: peers will have to register again",
                        {{"why", std::string(written.status().message())}});
    }
  }

  void LogTokens(const absl::StatusOr<bool>& read) {
    if (!read.ok()) {
      service::LogError("the tokens stay as they are", {{"why", std::string(read.status().message())}});
    } else if (*read) {
      service::LogInfo("new tokens", {{"tokens", access_->tokens()}});
    }
  }

  // For the operators of peers that pin it (--ticket-issuer).
  void LogTicketKey(absl::string_view what) {
    service::LogInfo(what, {{"key", tickets_->public_key()->ToText()}});
  }

  absl::Status OpenUdp(const Endpoint& listen, uint32_t sockets, bool bittorrent) {
    UdpListener::Options options;
    options.listen = listen;
    options.sockets = sockets;
    options.grpc_port = grpc_->port();
    options.cookie_key = DatagramCookies::RandomKey();
    options.connection_id_key = DatagramCookies::RandomKey();
    options.bittorrent = bittorrent;
    udp_ = std::make_unique<UdpListener>(options, &state_, &addresses_, &verifier_, &listener_metrics_,
                                         &limiter_, access_.get(), clock_);
    return udp_->Start();
  }

  absl::Status OpenHttp(const Endpoint& listen, const std::shared_ptr<net::TlsContext>& tls) {
    service_->AddTo(Listener::kHttp, &http_methods_);
    service::HttpServer::Routes routes =
        TrackerPages({&state_, &metrics_, &listener_metrics_, &limiter_, clock_, &ready_, version_});
    routes[kApiPrefix] = service::ReadOnlyApi(&http_methods_, kApiPrefix);
    service::HttpServer::Options options;
    options.listen = listen;
    options.tls = tls;
    options.admit = PageGuard(access_.get());
    SHOAL_ASSIGN_OR_RETURN(http_, service::HttpServer::Start(options, std::move(routes)));
    return absl::OkStatus();
  }

  const std::string state_file_;
  const std::string version_;
  TrackerState state_;
  RateLimiter limiter_;
  service::Metrics metrics_;
  ListenerMetrics listener_metrics_;
  CurrentPeerAddresses addresses_;
  const std::unique_ptr<AccessControl> access_;
  const std::unique_ptr<TicketIssuer> tickets_;
  AddressVerifier verifier_;
  PeerProbe probe_;  // ends before what it reports to
  const std::unique_ptr<TrackerService> service_;
  service::GrpcMethods http_methods_;  // of which the HTTP listener takes the reads
  const Clock* const clock_;
  std::atomic<bool> ready_{false};
  bool began_ = false;  // and not stopped yet
  std::unique_ptr<service::GrpcServer> grpc_;
  std::unique_ptr<UdpListener> udp_;
  std::unique_ptr<service::HttpServer> http_;
  std::unique_ptr<PeriodicThread> expiry_;
  std::unique_ptr<PeriodicThread> address_refresh_;
  std::unique_ptr<PeriodicThread> retries_;
  std::unique_ptr<PeriodicThread> token_refresh_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Tracker>> Tracker::Start(const Options& options) {
  auto access = std::make_unique<AccessControl>();
  if (!options.tokens_file.empty()) {
    SHOAL_ASSIGN_OR_RETURN(access, AccessControl::Open(options.tokens_file));
    if (access->tokens() == 0) {
      service::LogWarning("the file of --tokens has no token: no caller is admitted until it has one",
                          {{"file", options.tokens_file}});
    }
  }
  auto tickets = std::make_unique<TicketIssuer>();
  if (!options.ticket_key_file.empty()) {
    TicketIssuer::Options issuing;
    issuing.key_file = options.ticket_key_file;
    issuing.lifetime = options.ticket_lifetime;
    issuing.clock = options.clock;
    SHOAL_ASSIGN_OR_RETURN(tickets, TicketIssuer::Open(issuing));
  }
  auto tracker = std::make_unique<RunningTracker>(options, std::move(access), std::move(tickets));
  SHOAL_RETURN_IF_ERROR(tracker->Open(options));
  return tracker;
}

}  // namespace shoal::tracker
