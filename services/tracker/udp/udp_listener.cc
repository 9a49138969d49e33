#include "services/tracker/udp/udp_listener.h"

#include <array>
#include <cstdint>

#include "services/tracker/bittorrent/bep15.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/tracking/messages/datagram.h"

namespace shoal::tracker {
namespace {

// A smaller batch has too little other work to do while memory is fetched.
constexpr size_t kMinPrefetchedBatch = 4;

// ---- The datagram filter.

// The program sees a datagram including its UDP header.
constexpr uint32_t kHeader = 8;

constexpr uint32_t kShoalMagic = 0x53484431;  // "SHD1"
// Sent in place of a connection id in a connect.
constexpr uint32_t kProtocolIdHigh = 0x00000417;
constexpr uint32_t kProtocolIdLow = 0x27101980;
constexpr uint32_t kConnectionIdBit = 1u << 31;  // set in every connection id
constexpr size_t kScrapeRequestBytes = bep15::kConnectRequestBytes + InfoHash::kSizeBytes;

// Jump targets, as indexes into kProgram; Resolved converts them to the kernel's relative jumps.
enum Place : uint8_t { kScrape = 9, kConnect = 12, kShoal = 17, kKeep = 19, kDrop = 20, kNext = 255 };

constexpr sock_filter LoadWord(uint32_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kHeader + offset);
}
constexpr sock_filter LoadLength() {
  return BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0);
}
constexpr sock_filter IfEqual(uint32_t value, Place yes, Place no) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no);
}
constexpr sock_filter IfHasBit(uint32_t bit, Place yes, Place no) {
  return BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bit, yes, no);
}
constexpr sock_filter IfAtLeast(size_t bytes, Place yes, Place no) {
  return BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kHeader + static_cast<uint32_t>(bytes), yes, no);
}
constexpr sock_filter Return(uint32_t bytes) {
  return BPF_STMT(BPF_RET | BPF_K, bytes);
}

template <size_t kSize>
constexpr std::array<sock_filter, kSize> Resolved(std::array<sock_filter, kSize> program) {
  for (size_t at = 0; at < kSize; ++at) {
    sock_filter& step = program[at];
    if (BPF_CLASS(step.code) != BPF_JMP) continue;
    for (uint8_t* to : {&step.jt, &step.jf}) *to = static_cast<uint8_t>(*to == kNext ? 0 : *to - at - 1);
  }
  return program;
}

constexpr std::array kProgram = Resolved(std::array{
    LoadLength(),
    IfAtLeast(bep15::kConnectRequestBytes, kNext, kDrop),  // the shortest request
    LoadWord(0),
    IfEqual(kShoalMagic, kShoal, kNext),
    IfHasBit(kConnectionIdBit, kNext, kConnect),
    LoadWord(8),
    IfEqual(1, kNext, kScrape),
    LoadLength(),
    IfAtLeast(bep15::kAnnounceRequestBytes, kKeep, kDrop),
    /* kScrape: */ IfEqual(2, kNext, kDrop),
    LoadLength(),
    IfAtLeast(kScrapeRequestBytes, kKeep, kDrop),
    /* kConnect: */ IfEqual(kProtocolIdHigh, kNext, kDrop),
    LoadWord(4),
    IfEqual(kProtocolIdLow, kNext, kDrop),
    LoadWord(8),
    IfEqual(0, kKeep, kDrop),
    /* kShoal: */ LoadLength(),
    IfAtLeast(tracking::kMaxDatagramBytes + 1, kDrop, kKeep),
    /* kKeep: */ Return(UINT32_MAX),
    /* kDrop: */ Return(0),
});
static_assert(kProgram.size() == kDrop + 1);

}  // namespace

UdpListener::UdpListener(const Options& options, TrackerState* state, const CurrentPeerAddresses* addresses,
                         AddressVerifier* verifier, ListenerMetrics* metrics, RateLimiter* limiter,
                         const AccessControl* access, const Clock* clock)
    : options_(options),
      addresses_(addresses),
      metrics_(metrics),
      clock_(clock),
      cookies_(options.cookie_key, clock),
      connection_ids_(options.connection_id_key),
      shoal_(state->registry(), verifier, metrics, &cookies_, limiter, access, options.grpc_port),
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

std::span<const sock_filter> DatagramFilter() {
  return kProgram;
}

void UdpListener::Stop() {
  if (server_) server_->Stop();
}

void UdpListener::Answer(std::span<IncomingDatagram> batch, bool overloaded) const {
  const absl::Duration now = clock_->Uptime();
  const std::shared_ptr<const PeerAddresses> addresses = addresses_->Snapshot();
  std::array<uint64_t, kDatagramKinds> counts{};
  if (options_.bittorrent && batch.size() >= kMinPrefetchedBatch) bep15_.Prefetch(batch);
  for (IncomingDatagram& datagram : batch) {
    const Datagram result = tracking::LooksLikeDatagramRequest(datagram.bytes)
                                ? shoal_.Answer(now, overloaded, *addresses, &datagram)
                            : options_.bittorrent ? bep15_.Answer(now, overloaded, *addresses, &datagram)
                                                  : Datagram::kUnproven;
    ++counts[static_cast<size_t>(result)];
  }
  metrics_->RecordDatagrams(clock_->Uptime() - now, batch.size());
  for (size_t kind = 0; kind < counts.size(); ++kind) {
    if (counts[kind] > 0) metrics_->CountDatagrams(static_cast<Datagram>(kind), counts[kind]);
  }
}

}  // namespace shoal::tracker
