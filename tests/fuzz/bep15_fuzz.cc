#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "services/tracker/bittorrent/bep15.h"

// A parsed request survives a round trip through its builder. The parts of a response fit its bytes.

namespace shoal::tracker::bep15 {
namespace {

void Expect(bool condition) {
  if (!condition) std::abort();
}

void TryRequest(ByteView bytes) {
  const Request request = ParseRequest(bytes);
  Expect(AnnouncedSwarm(bytes).has_value() == std::holds_alternative<AnnounceRequest>(request));
  if (const auto* connect = std::get_if<ConnectRequest>(&request)) {
    const std::string built = BuildConnect(*connect);
    Expect(std::equal(built.begin(), built.end(), bytes.begin(),
                      [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; }));
  } else if (const auto* announce = std::get_if<AnnounceRequest>(&request)) {
    const std::string built = BuildAnnounce(*announce, "-XX0000-");
    const Request again = ParseRequest(AsBytes(built));
    const auto& same = std::get<AnnounceRequest>(again);
    Expect(same.info_hash == announce->info_hash && same.left_bytes == announce->left_bytes &&
           same.event == announce->event && same.wanted == announce->wanted && same.port == announce->port &&
           same.connection_id == announce->connection_id && same.transaction_id == announce->transaction_id);
  } else if (const auto* scrape = std::get_if<ScrapeRequest>(&request)) {
    Expect(!scrape->info_hashes.empty() && scrape->info_hashes.size() % InfoHash::kSizeBytes == 0);
    Expect(scrape->info_hashes.size() <= kMaxScrapedHashes * InfoHash::kSizeBytes);
    Expect(scrape->info_hashes.data() + scrape->info_hashes.size() <= bytes.data() + bytes.size());
  }
}

void TryResponse(ByteView bytes, bool v6) {
  const Response response = ParseResponse(bytes, v6);
  if (const auto* announce = std::get_if<AnnounceResponse>(&response)) {
    Expect(kAnnounceHeadBytes + announce->peers.size() * (v6 ? kPeerBytesV6 : kPeerBytesV4) <= bytes.size());
  } else if (const auto* scrape = std::get_if<ScrapeResponse>(&response)) {
    Expect(kScrapeHeadBytes + scrape->counts.size() * kScrapeEntryBytes <= bytes.size());
  }
}

}  // namespace
}  // namespace shoal::tracker::bep15

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  shoal::tracker::bep15::TryRequest({data, size});
  shoal::tracker::bep15::TryResponse({data, size}, false);
  shoal::tracker::bep15::TryResponse({data, size}, true);
  return 0;
}
