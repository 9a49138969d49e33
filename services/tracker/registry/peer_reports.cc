#include "services/tracker/registry/peer_reports.h"

#include <array>

#include "shoal/net/interface_addresses.h"

namespace shoal::tracker {
namespace {

// The first bytes of an address, as IpAddress keeps them, that are those of its network.
constexpr size_t kNetworkBytesV4 = 12 + 3;
constexpr size_t kNetworkBytesV6 = 8;

IpAddress NetworkOf(const IpAddress& ip) {
  std::array<uint8_t, 16> bytes = ip.bytes();
  std::fill(bytes.begin() + (ip.is_v4() ? kNetworkBytesV4 : kNetworkBytesV6), bytes.end(), 0);
  return IpAddress(bytes);
}

bool IsPrivateV4(const IpAddress& ip) {
  const uint8_t first = ip.bytes()[12];
  const uint8_t second = ip.bytes()[13];
  return ip.is_v4() && (first == 10 || (first == 172 && second / 16 == 1) || (first == 192 && second == 168));
}

}  // namespace

ReportOrigin OriginOf(const PeerId& reporter, const IpAddress& source, const IpAddress& reported) {
  if (source.is_unspecified() || net::IsLoopback(source)) return reporter;
  const IpAddress network = NetworkOf(source);
  return IsPrivateV4(source) || network == NetworkOf(reported) ? source : network;
}

}  // namespace shoal::tracker
