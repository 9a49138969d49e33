#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "shoal/base/endpoint.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::tracker {

// The origin of a report of a bad peer. Several reports from one origin count as one. The origin is derived
// from the source address, because peer ids are free to create
// (docs/adr/0030-a-lease-belongs-to-its-peer.md):
//  * the address itself, if it is a private one of IPv4 (RFC 1918), or of the reported peer's own network;
//  * its network otherwise: an IPv4 /24, an IPv6 /64;
//  * the peer id, for reporters on this machine, which all have one address.
using ReportOrigin = std::variant<IpAddress, PeerId>;

// `source`: of the report; unspecified: it came by no network, so from this machine. `reported`: the address
// of the peer that it is about.
ReportOrigin OriginOf(const PeerId& reporter, const IpAddress& source, const IpAddress& reported);

// From where a lease's peer was reported as dead or lying. One report proves nothing: the reporter may itself
// be cut off, or lie; kEnough of different origins do. Keeps an entry only for reported leases, and at most
// kEnough origins of each. Not thread-safe.
class PeerReports {
 public:
  static constexpr size_t kEnough = 3;

  // Returns: whether there are enough origins now, this one among them.
  bool Add(uint32_t lease, const ReportOrigin& origin) {
    auto& origins = origins_[lease];
    if (std::find(origins.begin(), origins.end(), origin) == origins.end() && origins.size() < kEnough) {
      origins.push_back(origin);
    }
    return origins.size() == kEnough;
  }

  // Requires: the lease has ended, or its peer has registered again.
  void Forget(uint32_t lease) { origins_.erase(lease); }

 private:
  absl::flat_hash_map<uint32_t, absl::InlinedVector<ReportOrigin, kEnough>> origins_;
};

}  // namespace shoal::tracker
