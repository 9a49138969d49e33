#include "services/tracker/state/tracker_state.h"

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace shoal::tracker {
namespace {

constexpr uint32_t kMaxPeersInSwarmResponse = 1000;
constexpr uint32_t kSwarmsPerExportedPage = 256;
// Prefix of page tokens that name a place in BitTorrent's swarms. The registry's tokens begin with a name,
// and no name has a slash.
constexpr absl::string_view kBitTorrentToken = "/bittorrent/";

std::string PageToken(const BitTorrentSwarms::Cursor& next) {
  return absl::StrCat(kBitTorrentToken, next.shard, ".", next.slot);
}

std::optional<BitTorrentSwarms::Cursor> ParsePageToken(absl::string_view token) {
  if (!absl::ConsumePrefix(&token, kBitTorrentToken)) return std::nullopt;
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(token, absl::MaxSplits('.', 1));
  BitTorrentSwarms::Cursor cursor;
  if (!absl::SimpleAtoi(parts.first, &cursor.shard) || !absl::SimpleAtoi(parts.second, &cursor.slot))
    return std::nullopt;
  return cursor;
}

BitTorrentSwarms::Options BitTorrentOptions(const TrackerState::Options& options) {
  BitTorrentSwarms::Options bittorrent;
  bittorrent.interval = options.bittorrent_interval;
  // One announce may be lost, and the next one late.
  bittorrent.life = 2.5 * options.bittorrent_interval;
  bittorrent.limits = options.bittorrent_limits;
  bittorrent.seed = options.registry.seed;
  return bittorrent;
}

class RestoringSink final : public StateSink {
 public:
  RestoringSink(Registry* registry, BitTorrentSwarms* bittorrent, absl::Duration now)
      : registry_(registry), bittorrent_(bittorrent), now_(now) {}

  void Content(const tracking::ContentSummary& summary, absl::Time first_seen,
               absl::Time published) override {
    request_.content = summary;
    first_seen_ = first_seen;
    published_ = published;
    signatures_.clear();
  }
  void Signature(const PublisherSignature& signature) override { signatures_.push_back(signature); }
  void Peer(const ExportedPeer& peer) override {
    request_.peer_id = peer.id;
    request_.endpoint = peer.endpoint;
    request_.free_slots = peer.free_slots;
    request_.site = peer.site;
    request_.publishes = peer.publishes;
    request_.other_endpoints = peer.other_endpoints;
    request_.held = peer.held ? *peer.held : ChunkSet::All(request_.content.chunk_count);
    registry_->RestoreLease(request_, first_seen_, published_, signatures_).IgnoreError();
  }
  void Swarm(const InfoHash& info_hash, uint32_t completed) override {
    info_hash_ = info_hash;
    completed_ = completed;
  }
  void SwarmPeer(const Endpoint& endpoint, bool seeder, absl::Duration silent) override {
    bittorrent_->Restore(info_hash_, completed_, endpoint, seeder, silent, now_);
  }

 private:
  Registry* const registry_;
  BitTorrentSwarms* const bittorrent_;
  const absl::Duration now_;
  tracking::RegisterRequest request_;
  absl::Time first_seen_;
  absl::Time published_;
  std::vector<PublisherSignature> signatures_;
  InfoHash info_hash_;
  uint32_t completed_ = 0;
};

}  // namespace

TrackerState::TrackerState(const Options& options, const Clock* clock)
    : clock_(clock),
      started_(clock->Now() - clock->Uptime()),
      registry_(options.registry, clock),
      bittorrent_(BitTorrentOptions(options)) {}

absl::StatusOr<tracking::ListContentsResponse> TrackerState::ListContents(
    const tracking::ListContentsRequest& request) {
  if (const auto cursor = ParsePageToken(request.page_token)) return ListBitTorrent(request, *cursor);
  auto response = registry_.ListContents(request);
  // An id of a content is none of such a swarm.
  const bool has_swarms = bittorrent_.usage().swarms.count() > 0 && !request.id_prefix.has_value();
  if (response.ok() && response->next_page_token.empty() && has_swarms) {
    response->next_page_token = PageToken(BitTorrentSwarms::Cursor());
  }
  return response;
}

tracking::ListContentsResponse TrackerState::ListBitTorrent(const tracking::ListContentsRequest& request,
                                                            BitTorrentSwarms::Cursor cursor) const {
  const uint32_t page_size = Registry::PageSize(request);
  const std::string digits = absl::AsciiStrToLower(request.name_contains);
  tracking::ListContentsResponse response;
  std::vector<BitTorrentSwarms::Swarm> swarms;
  for (uint32_t scanned = 0; scanned < Registry::kMaxScannedPerPage; scanned += page_size) {
    swarms.clear();
    const uint32_t room = page_size - static_cast<uint32_t>(response.bittorrent_swarms.size());
    const bool more = bittorrent_.Page(&cursor, room, &swarms);
    for (const BitTorrentSwarms::Swarm& swarm : swarms) {
      if (!absl::StrContains(swarm.info_hash.ToHex(), digits)) continue;
      response.bittorrent_swarms.push_back(Describe(swarm));
    }
    if (!more) return response;
    if (response.bittorrent_swarms.size() == page_size) break;
  }
  response.next_page_token = PageToken(cursor);
  return response;
}

absl::StatusOr<tracking::GetSwarmResponse> TrackerState::GetSwarm(const tracking::ContentKey& key) {
  const auto* const info_hash = std::get_if<InfoHash>(&key);
  return info_hash != nullptr ? GetBitTorrentSwarm(*info_hash) : registry_.GetSwarm(key);
}

absl::StatusOr<tracking::GetSwarmResponse> TrackerState::GetBitTorrentSwarm(const InfoHash& info_hash) const {
  std::vector<BitTorrentShard::Peer> peers;
  const auto swarm = bittorrent_.Describe(info_hash, clock_->Uptime(), kMaxPeersInSwarmResponse, &peers);
  if (!swarm) {
    return absl::NotFoundError(
        absl::StrCat("no BitTorrent swarm ", info_hash.ToHex(), " is known to this tracker"));
  }
  tracking::GetSwarmResponse response;
  response.bittorrent_swarm = Describe(*swarm);
  for (const BitTorrentShard::Peer& peer : peers) {
    response.bittorrent_peers.push_back({peer.endpoint, peer.seeder, bittorrent_.Ticks(peer.age_ticks)});
  }
  return response;
}

tracking::BitTorrentSwarm TrackerState::Describe(const BitTorrentSwarms::Swarm& swarm) const {
  return {swarm.info_hash, started_ + bittorrent_.Ticks(swarm.first_tick), swarm.counts.seeders,
          swarm.counts.leechers, swarm.counts.completed};
}

void TrackerState::Export(StateSink* sink) const {
  registry_.Export(sink);
  ExportSwarms(sink);
}

void TrackerState::ExportSwarms(StateSink* sink) const {
  const absl::Duration now = clock_->Uptime();
  BitTorrentSwarms::Cursor cursor;
  std::vector<BitTorrentSwarms::Swarm> page;
  for (bool more = true; more;) {
    page.clear();
    more = bittorrent_.Page(&cursor, kSwarmsPerExportedPage, &page);
    for (const BitTorrentSwarms::Swarm& swarm : page) {
      std::vector<BitTorrentShard::Peer> peers;
      if (!bittorrent_.Describe(swarm.info_hash, now, std::numeric_limits<uint32_t>::max(), &peers)) continue;
      if (peers.empty()) continue;
      sink->Swarm(swarm.info_hash, swarm.counts.completed);
      for (const BitTorrentShard::Peer& peer : peers) {
        sink->SwarmPeer(peer.endpoint, peer.seeder, bittorrent_.Ticks(peer.age_ticks));
      }
    }
  }
}

std::unique_ptr<StateSink> TrackerState::Restoring() {
  return std::make_unique<RestoringSink>(&registry_, &bittorrent_, clock_->Uptime());
}

void TrackerState::SetLimits(const RegistryLimits& registry, const BitTorrentLimits& bittorrent) {
  registry_.SetLimits(registry);
  bittorrent_.SetLimits(bittorrent);
}

void TrackerState::Advance() {
  registry_.Advance();
  bittorrent_.Sweep(clock_->Uptime());
}

TrackerState::Stats TrackerState::stats() const {
  return {registry_.stats(), bittorrent_.usage().swarms.count(), bittorrent_.usage().peers.count()};
}

}  // namespace shoal::tracker
