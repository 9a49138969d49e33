#include "tests/bench/bep15_load.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "services/tracker/bittorrent/bep15.h"
#include "services/tracker/tables/random_source.h"

namespace shoal::tracker {
namespace {

constexpr uint32_t kWanted = 50;
constexpr uint32_t kConnect = 0;
constexpr uint32_t kAnnounce = 1;
// A swarm up to this size is in one block, so that each of its peers may be told.
constexpr uint32_t kOneBlock = 190;

}  // namespace

Bep15Load::Bep15Load(const Options& options) : options_(options), named_(65536) {
  for (uint32_t swarm = 0; swarm < options.swarms; ++swarm) hashes_.push_back(HashOf(swarm));
}

InfoHash Bep15Load::HashOf(uint32_t swarm) {
  RandomSource random(swarm + 1);
  std::array<uint8_t, 20> hash;
  StoreBig(random.Next(), hash.data());
  StoreBig(random.Next(), hash.data() + 8);
  StoreBig(swarm, hash.data() + 16);
  return InfoHash(hash);
}

size_t Bep15Load::WriteGreeting(uint32_t tag, uint8_t* to) {
  const std::string request = bep15::BuildConnect({tag});
  std::copy(request.begin(), request.end(), to);
  return request.size();
}

bool Bep15Load::TakeProof(uint32_t socket, ByteView response) {
  if (response.size() < bep15::kConnectResponseBytes || LoadBig<uint32_t>(response.data()) != kConnect)
    return false;
  if (connection_ids_.size() <= socket) connection_ids_.resize(socket + 1);
  connection_ids_[socket] = LoadBig<uint64_t>(response.data() + 8);
  return true;
}

size_t Bep15Load::WriteRequest(uint32_t socket, uint32_t tag, uint32_t number, bool filling, uint8_t* to) {
  std::memset(to, 0, bep15::kAnnounceRequestBytes);
  StoreBig(connection_ids_[socket], to);
  StoreBig(kAnnounce, to + 8);
  StoreBig(tag, to + 12);
  std::memcpy(to + 16, hashes_[number % options_.swarms].bytes().data(), InfoHash::kSizeBytes);
  std::memcpy(to + 36, "-SHBENCH", 8);
  // Not for us: some trackers know a peer by its id.
  StoreBig(number, to + 44);
  StoreBig(uint64_t{Seeder(number) ? 0u : 1000u}, to + 64);
  StoreBig(uint32_t{filling ? 2u : 0u}, to + 80);
  StoreBig(kWanted, to + 92);
  StoreBig(static_cast<uint16_t>(1 + number / options_.swarms), to + 96);
  return bep15::kAnnounceRequestBytes;
}

uint32_t Bep15Load::TagOf(ByteView response) const {
  return response.size() < 8 ? 0 : LoadBig<uint32_t>(response.data() + 4);
}

bool Bep15Load::Right(uint32_t number, bool filling, ByteView response) {
  if (response.size() < bep15::kAnnounceHeadBytes || LoadBig<uint32_t>(response.data()) != kAnnounce)
    return false;
  const ByteView peers = response.subspan(bep15::kAnnounceHeadBytes);
  if (peers.size() % bep15::kPeerBytesV4 != 0) return false;
  if (filling) return true;
  ++announces_;
  told_ += peers.size() / bep15::kPeerBytesV4;
  if (options_.lenient) return true;
  if (options_.steady) {
    const uint32_t size = SizeOf(number % options_.swarms);
    const uint32_t seeders = options_.seeders ? (size + 9) / 10 : 0;
    const uint32_t others = Seeder(number) ? size - seeders : size - 1;
    if (LoadBig<uint32_t>(response.data() + 12) != size - seeders) return false;
    if (LoadBig<uint32_t>(response.data() + 16) != seeders) return false;
    if (size < kOneBlock && peers.size() / bep15::kPeerBytesV4 != std::min(kWanted, others)) return false;
  }
  return RightPeers(number, peers);
}

bool Bep15Load::RightPeers(uint32_t number, ByteView peers) {
  if (peers.size() > kWanted * bep15::kPeerBytesV4) return false;
  const uint32_t caller = number / options_.swarms;
  const bool to_seeder = Seeder(number);
  for (; !peers.empty(); peers = peers.subspan(bep15::kPeerBytesV4)) {
    const uint32_t place = LoadBig<uint16_t>(peers.data() + 4) - 1u;
    if (LoadBig<uint32_t>(peers.data()) != 0x7f000001 || place >= named_.size() || place == caller)
      return false;
    if (options_.steady && place >= SizeOf(number % options_.swarms)) return false;
    if (to_seeder && place % 10 == 0) return false;
    if (named_[place] == announces_) return false;
    named_[place] = announces_;
  }
  return true;
}

}  // namespace shoal::tracker
