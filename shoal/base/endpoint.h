#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal {

// An IPv4 or IPv6 address, kept as 16 bytes (IPv4 in its IPv4-mapped form, RFC 4291 section 2.5.5.2).
// Immutable value.
class IpAddress {
 public:
  constexpr IpAddress() = default;  // "::", the unspecified address
  constexpr explicit IpAddress(const std::array<uint8_t, 16>& bytes) : bytes_(bytes) {}
  static constexpr IpAddress V4(const std::array<uint8_t, 4>& bytes) {
    return IpAddress({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, bytes[0], bytes[1], bytes[2], bytes[3]});
  }

  // Accepts numeric forms only ("192.0.2.7", "2001:db8::1"). Errors: INVALID_ARGUMENT for anything else,
  // names included, so that no resolver is asked.
  static absl::StatusOr<IpAddress> Parse(absl::string_view text);

  bool is_unspecified() const;    // "::" or "0.0.0.0"
  constexpr bool is_v4() const {  // IPv4-mapped
    const auto words = std::bit_cast<std::array<uint64_t, 2>>(bytes_);
    return words[0] == 0 && (bytes_[8] | bytes_[9]) == 0 && (bytes_[10] & bytes_[11]) == 0xff;
  }
  // Returns what limits per address count by: an IPv4 address itself, and the /64 of an IPv6 address, which
  // one host can choose its addresses from.
  IpAddress SourcePrefix() const;
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  std::string ToString() const;

  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const IpAddress& address) {
    return H::combine(std::move(h), address.bytes_);
  }

 private:
  std::array<uint8_t, 16> bytes_{};
};

// An address and a port, as of a listener. Immutable value.
struct Endpoint {
  IpAddress ip;
  uint16_t port = 0;

  // Accepts "192.0.2.7:6881" and "[2001:db8::1]:6881". Errors: INVALID_ARGUMENT.
  static absl::StatusOr<Endpoint> Parse(absl::string_view text);
  std::string ToString() const;

  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Endpoint& endpoint) {
    return H::combine(std::move(h), endpoint.ip, endpoint.port);
  }
};

// A host and a port as people write them: "host:port" or "[v6]:port". The host may be a name.
struct HostPort {
  std::string host;
  uint16_t port = 0;

  static absl::StatusOr<HostPort> Parse(absl::string_view text);
  std::string ToString() const;
};

// Returns the addresses of `host`, at least one, in the order of the system's resolver. Blocks on the
// resolver, for seconds at worst. Does not call the resolver for a numeric host. Errors: NOT_FOUND with the
// resolver's message; INVALID_ARGUMENT for an address with a zone ("fe80::1%eth0").
absl::StatusOr<std::vector<IpAddress>> ResolveHost(const std::string& host);

// Returns the endpoint to listen on. Prefers an IPv4 address if `address.host` has one, because some clients
// of a name such as localhost do not try its IPv6 address. Blocks like ResolveHost. Errors: those of
// ResolveHost.
absl::StatusOr<Endpoint> ResolveListener(const HostPort& address);

}  // namespace shoal
