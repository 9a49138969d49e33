#include "services/tracker/udp/udp_listener.h"

#include <array>

#include "services/tracker/udp/datagram_filter.h"
#include "shoal/base/status_macros.h"
#include "shoal/tracking/messages/datagram.h"

namespace shoal::tracker {
namespace {

// A smaller batch has too little other work to do while memory is fetched.
constexpr size_t kMinPrefetchedBatch = 4;

}  // namespace

UdpListener::UdpListener(const Options& options, TrackerState* state, ListenerMetrics* metrics,
                         RateLimiter* limiter, const Clock* clock)
    : options_(options),
      metrics_(metrics),
      clock_(clock),
      cookies_(options.cookie_key, clock),
      connection_ids_(options.connection_id_key),
      shoal_(state->registry(), metrics, &cookies_, limiter, options.grpc_port),
      bep15_(state->bittorrent(), &connection_ids_, limiter) {}

absl::Status UdpListener::Start() {
  DatagramServer::Options server;
  server.listen = options_.listen;
  server.sockets = options_.sockets;
  server.filter = DatagramFilter();
  server.on_unsendable = [this](uint64_t count) { metrics_->CountDatagrams(Datagram::kUnsendable, count); };
  SHOAL_ASSIGN_OR_RETURN(server_, DatagramServer::Start(server, this));
  return absl::OkStatus();
}

void UdpListener::Stop() {
  if (server_) server_->Stop();
}

void UdpListener::Answer(std::span<IncomingDatagram> batch, bool overloaded) const {
  const absl::Duration now = clock_->Uptime();
  std::array<uint64_t, kDatagramKinds> counts{};
  if (batch.size() >= kMinPrefetchedBatch) bep15_.Prefetch(batch);
  for (IncomingDatagram& datagram : batch) {
    const Datagram result = tracking::LooksLikeDatagramRequest(datagram.bytes)
                                ? shoal_.Answer(now, overloaded, &datagram)
                                : bep15_.Answer(now, overloaded, &datagram);
    ++counts[static_cast<size_t>(result)];
  }
  metrics_->RecordDatagrams(clock_->Uptime() - now, batch.size());
  for (size_t kind = 0; kind < counts.size(); ++kind) {
    if (counts[kind] > 0) metrics_->CountDatagrams(static_cast<Datagram>(kind), counts[kind]);
  }
}

}  // namespace shoal::tracker
