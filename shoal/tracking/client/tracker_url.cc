#include "shoal/tracking/client/tracker_url.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace shoal::tracking {
namespace {

absl::Status BadUrl(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(
      "tracker \"", text, "\": ", why, "; write grpc://HOST:PORT, udp://HOST:PORT, or HOST:PORT for gRPC"));
}

}  // namespace

absl::StatusOr<TrackerUrl> TrackerUrl::Parse(absl::string_view text) {
  absl::string_view rest = absl::StripAsciiWhitespace(text);
  TrackerUrl url;
  const size_t scheme_end = rest.find("://");
  if (scheme_end != absl::string_view::npos) {
    const std::string scheme = absl::AsciiStrToLower(rest.substr(0, scheme_end));
    rest.remove_prefix(scheme_end + 3);
    if (scheme == "udp") {
      url.protocol = Protocol::kUdp;
    } else if (scheme != "grpc") {
      return BadUrl(text, absl::StrCat("unknown scheme \"", scheme, "\""));
    }
  }
  absl::ConsumeSuffix(&rest, "/");
  if (absl::StrContains(rest, "/")) return BadUrl(text, "nothing may follow the port");
  auto address = HostPort::Parse(rest);
  if (!address.ok()) return BadUrl(text, address.status().message());
  if (address->port == 0) return BadUrl(text, "port 0 is no port to connect to");
  url.address = *std::move(address);
  return url;
}

absl::StatusOr<std::vector<TrackerUrl>> TrackerUrl::ParseList(absl::string_view text) {
  std::vector<TrackerUrl> urls;
  for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    auto url = Parse(part);
    if (!url.ok()) return url.status();
    urls.push_back(*std::move(url));
  }
  if (urls.empty()) return BadUrl(text, "there is none");
  return urls;
}

bool TrackerUrl::AnyOverGrpc(const std::vector<TrackerUrl>& trackers) {
  return std::any_of(trackers.begin(), trackers.end(),
                     [](const TrackerUrl& tracker) { return tracker.protocol == Protocol::kGrpc; });
}

std::string TrackerUrl::ToString() const {
  return absl::StrCat(protocol == Protocol::kUdp ? "udp://" : "grpc://", address.ToString());
}

}  // namespace shoal::tracking
