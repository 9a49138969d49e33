#include "tests/bench/datagram_flood.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "services/tracker/bittorrent/bep15.h"
#include "services/tracker/tables/random_source.h"
#include "shoal/base/endpoint.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/net/sockaddr.h"
#include "tests/bench/bep15_load.h"

namespace shoal::tracker {
namespace {

constexpr size_t kFloodBatch = 32;
constexpr size_t kHeadBytes = sizeof(iphdr) + sizeof(udphdr);
constexpr std::array kKinds = {"garbage", "unproven", "connect"};

std::string Payload(const std::string& kind, RandomSource* random) {
  if (kind == "connect") return bep15::BuildConnect({static_cast<uint32_t>(random->Next())});
  if (kind == "unproven") {
    bep15::AnnounceRequest request;
    request.connection_id = random->Next() | uint64_t{1} << 63;
    request.info_hash = Bep15Load::HashOf(random->Below(1000));
    request.port = 1;
    return bep15::BuildAnnounce(request, "-FLOOD00");
  }
  std::string noise(1 + random->Below(1200), '\0');
  for (char& byte : noise) byte = static_cast<char>(random->Next());
  return noise;
}

void WriteHeads(uint16_t port, size_t payload_bytes, RandomSource* random, uint8_t* to) {
  iphdr ip{};
  ip.version = 4;
  ip.ihl = 5;
  ip.ttl = 64;
  ip.protocol = IPPROTO_UDP;
  ip.tot_len = htons(static_cast<uint16_t>(kHeadBytes + payload_bytes));
  ip.saddr = htonl(0x7f000000u | (1 + random->Below(0xfffffd)));
  ip.daddr = htonl(INADDR_LOOPBACK);
  udphdr udp{};
  udp.source = htons(static_cast<uint16_t>(1024 + random->Below(60000)));
  udp.dest = htons(port);
  udp.len = htons(static_cast<uint16_t>(sizeof(udp) + payload_bytes));  // and no checksum
  std::memcpy(to, &ip, sizeof(ip));
  std::memcpy(to + sizeof(ip), &udp, sizeof(udp));
}

}  // namespace

bool DatagramFlood::Known(const std::string& kind) {
  for (const char* known : kKinds) {
    if (kind == known) return true;
  }
  return kind == "mixed";
}

DatagramFlood::DatagramFlood(uint16_t port, double per_second, const std::string& kind)
    : thread_([this, port, per_second, kind] { Send(port, per_second, kind); }) {}

void DatagramFlood::Stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void DatagramFlood::Send(uint16_t port, double per_second, const std::string& kind) {
  const FileDescriptor fd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!fd.valid()) {
    std::perror("raw socket");
    std::exit(2);
  }
  RandomSource random(99);
  net::SocketAddress to = net::ToSocketAddress({IpAddress::V4({127, 0, 0, 1}), 0});
  // Made before, so that the flood costs the load's core little: only the sources are drawn anew.
  constexpr size_t kPayloads = 3 * kFloodBatch;
  std::array<std::string, kPayloads> packets;
  for (size_t i = 0; i < kPayloads; ++i) {
    packets[i] = std::string(kHeadBytes, '\0') + Payload(kind == "mixed" ? kKinds[i % 3] : kind, &random);
  }
  std::array<iovec, kPayloads> vectors;
  std::array<mmsghdr, kPayloads> messages{};
  for (size_t i = 0; i < kPayloads; ++i) {
    vectors[i] = {packets[i].data(), packets[i].size()};
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_name = to.get();
    messages[i].msg_hdr.msg_namelen = to.size;
  }
  const auto began = std::chrono::steady_clock::now();
  for (size_t first = 0; !stop_; first = (first + kFloodBatch) % kPayloads) {
    const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    if (static_cast<double>(sent_) > elapsed * per_second) {
      ::usleep(100);
      continue;
    }
    for (size_t i = first; i < first + kFloodBatch; ++i) {
      WriteHeads(port, packets[i].size() - kHeadBytes, &random,
                 reinterpret_cast<uint8_t*>(packets[i].data()));
    }
    const int sent = ::sendmmsg(fd.get(), messages.data() + first, kFloodBatch, MSG_DONTWAIT);
    sent_ += static_cast<uint64_t>(sent > 0 ? sent : 0);
  }
}

}  // namespace shoal::tracker
