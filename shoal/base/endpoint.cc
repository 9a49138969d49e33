#include "shoal/base/endpoint.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/status_macros.h"

namespace shoal {
namespace {

// SimpleAtoi takes signs and blanks; a port has neither.
std::optional<uint16_t> ParsePort(absl::string_view text) {
  if (text.empty() || text.size() > 5 || !std::all_of(text.begin(), text.end(), absl::ascii_isdigit))
    return std::nullopt;
  uint32_t port = 0;
  if (!absl::SimpleAtoi(text, &port) || port > 65535) return std::nullopt;
  return static_cast<uint16_t>(port);
}

}  // namespace

absl::StatusOr<IpAddress> IpAddress::Parse(absl::string_view text) {
  const std::string terminated(text);
  // inet_pton stops at a NUL, so "1.2.3.4\0x" would pass.
  if (terminated.find('\0') == std::string::npos) {
    std::array<uint8_t, 4> v4;
    if (inet_pton(AF_INET, terminated.c_str(), v4.data()) == 1) return V4(v4);
    std::array<uint8_t, 16> v6;
    if (inet_pton(AF_INET6, terminated.c_str(), v6.data()) == 1) return IpAddress(v6);
  }
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is no numeric IPv4 or IPv6 address"));
}

IpAddress IpAddress::SourcePrefix() const {
  if (is_v4()) return *this;
  std::array<uint8_t, 16> bytes{};
  std::copy_n(bytes_.begin(), 8, bytes.begin());
  return IpAddress(bytes);
}

bool IpAddress::is_unspecified() const {
  const auto zero = [](uint8_t byte) { return byte == 0; };
  return std::all_of(bytes_.begin(), bytes_.end(), zero) ||
         (is_v4() && std::all_of(bytes_.begin() + 12, bytes_.end(), zero));
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN];
  if (is_v4()) {
    inet_ntop(AF_INET, bytes_.data() + 12, text, sizeof(text));
  } else {
    inet_ntop(AF_INET6, bytes_.data(), text, sizeof(text));
  }
  return text;
}

absl::StatusOr<Endpoint> Endpoint::Parse(absl::string_view text) {
  SHOAL_ASSIGN_OR_RETURN(const HostPort split, HostPort::Parse(text));
  SHOAL_ASSIGN_OR_RETURN(const IpAddress ip, IpAddress::Parse(split.host));
  return Endpoint{ip, split.port};
}

std::string Endpoint::ToString() const {
  return HostPort{ip.ToString(), port}.ToString();
}

absl::StatusOr<HostPort> HostPort::Parse(absl::string_view text) {
  const auto wrong = [&] {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", text, "' is no HOST:PORT (as in tracker.example:50051, 192.0.2.7:6881, [2001:db8::1]:6881)"));
  };
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return wrong();
  absl::string_view host = text.substr(0, colon);
  if (!host.empty() && host.front() == '[') {
    if (host.size() < 2 || host.back() != ']') return wrong();
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == absl::string_view::npos) return wrong();
  } else if (host.find(':') != absl::string_view::npos) {
    return wrong();  // a bare IPv6 address: its port can't be told from its last group
  }
  const std::optional<uint16_t> port = ParsePort(text.substr(colon + 1));
  if (host.empty() || !port) return wrong();
  for (const char c : host) {
    if (absl::ascii_isspace(c) || absl::ascii_iscntrl(c) || c == '/' || c == '[' || c == ']') return wrong();
  }
  return HostPort{std::string(host), *port};
}

std::string HostPort::ToString() const {
  return host.find(':') == std::string::npos ? absl::StrCat(host, ":", port)
                                             : absl::StrCat("[", host, "]:", port);
}

absl::StatusOr<std::vector<IpAddress>> ResolveHost(const std::string& host) {
  if (const auto numeric = IpAddress::Parse(host); numeric.ok()) return std::vector<IpAddress>{*numeric};
  if (host.find('%') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", host, "' has a zone, which means nothing to other machines; name another address"));
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0) {
    return absl::NotFoundError(absl::StrCat("cannot resolve '", host, "': ", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, &freeaddrinfo);
  std::vector<IpAddress> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    IpAddress ip;
    if (one->ai_family == AF_INET) {
      std::array<uint8_t, 4> bytes;
      std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in*>(one->ai_addr)->sin_addr, bytes.size());
      ip = IpAddress::V4(bytes);
    } else if (one->ai_family == AF_INET6) {
      std::array<uint8_t, 16> bytes;
      std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(one->ai_addr)->sin6_addr,
                  bytes.size());
      ip = IpAddress(bytes);
    } else {
      continue;
    }
    if (std::find(addresses.begin(), addresses.end(), ip) == addresses.end()) addresses.push_back(ip);
  }
  if (addresses.empty()) {
    return absl::NotFoundError(absl::StrCat("cannot resolve '", host, "': it has no IPv4 or IPv6 address"));
  }
  return addresses;
}

absl::StatusOr<Endpoint> ResolveListener(const HostPort& address) {
  SHOAL_ASSIGN_OR_RETURN(const std::vector<IpAddress> addresses, ResolveHost(address.host));
  const auto v4 =
      std::find_if(addresses.begin(), addresses.end(), [](const IpAddress& ip) { return ip.is_v4(); });
  return Endpoint{v4 != addresses.end() ? *v4 : addresses.front(), address.port};
}

}  // namespace shoal
