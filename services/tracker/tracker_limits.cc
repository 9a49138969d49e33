#include "services/tracker/tracker_limits.h"

#include <array>
#include <iterator>
#include <limits>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/text_lines.h"
#include "shoal/base/units.h"

namespace shoal::tracker {
namespace {

constexpr size_t kMaxFileBytes = 64 * 1024;
constexpr double kMaxRate = 1e9;

// A pointer to a limit, by its type.
using Place = std::variant<uint64_t*, uint32_t*, double*>;

struct Entry {
  LimitName name;
  Place (*place)(TrackerLimits&);
  bool in_bytes = false;
};

template <auto kMember>
Place OfRegistry(TrackerLimits& limits) {
  return &(limits.registry.*kMember);
}
template <auto kMember>
Place OfBitTorrent(TrackerLimits& limits) {
  return &(limits.bittorrent.*kMember);
}
template <auto kMember>
Place OfRates(TrackerLimits& limits) {
  return &(limits.rates.*kMember);
}

constexpr Entry kEntries[] = {
    {{"rate-per-address", "Calls a second of one address (IPv6: of one /64); 0: no limit"},
     OfRates<&RateLimiter::Rates::per_source_per_second>},
    {{"burst-per-address", "Calls that one address may make at once after a while of silence"},
     OfRates<&RateLimiter::Rates::per_source_burst>},
    {{"rate-unproven", "Cookies given a second to senders of datagrams that proved nothing; 0: no limit"},
     OfRates<&RateLimiter::Rates::unproven_per_second>},
    {{"max-contents", "Contents that are known, with a peer or without"},
     OfRegistry<&RegistryLimits::max_contents>},
    {{"new-contents-per-address",
      "Contents new to the tracker that one address may register a second; 0: no limit"},
     OfRegistry<&RegistryLimits::new_contents_per_second>},
    {{"new-contents-burst", "Contents new to the tracker that one address may register at once"},
     OfRegistry<&RegistryLimits::new_contents_burst>},
    {{"max-leases", "Leases in all"}, OfRegistry<&RegistryLimits::max_leases>},
    {{"max-peers-per-content", "Leases of one content"}, OfRegistry<&RegistryLimits::max_peers_per_content>},
    {{"max-signatures", "Publishers' signatures that are kept with a content, 16 at most"},
     OfRegistry<&RegistryLimits::max_signatures>},
    {{"max-chunk-set-bytes", "Memory for what partial peers hold, such as 2GiB"},
     OfRegistry<&RegistryLimits::max_chunk_set_bytes>,
     true},
    {{"max-watchers", "Watch streams"}, OfRegistry<&RegistryLimits::max_watchers>},
    {{"max-bittorrent-swarms", "Swarms of BitTorrent clients"}, OfBitTorrent<&BitTorrentLimits::max_swarms>},
    {{"max-bittorrent-peers", "Peers in them"}, OfBitTorrent<&BitTorrentLimits::max_peers>},
    {{"max-peers-per-bittorrent-swarm", "Peers in one of them"},
     OfBitTorrent<&BitTorrentLimits::max_peers_per_swarm>},
};

constexpr auto kNames = [] {
  std::array<LimitName, std::size(kEntries)> names{};
  for (size_t i = 0; i < names.size(); ++i) names[i] = kEntries[i].name;
  return names;
}();

const Entry* Find(absl::string_view name) {
  for (const Entry& entry : kEntries) {
    if (name == entry.name.name) return &entry;
  }
  return nullptr;
}

absl::Status Bad(absl::string_view name, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", why));
}

struct Store {
  const Entry& entry;
  absl::string_view name;
  absl::string_view text;

  template <typename Number>
  absl::Status operator()(Number* to) const {
    uint64_t value = 0;
    if (entry.in_bytes) {
      const auto bytes = ParseBytes(text);
      if (!bytes.ok()) return Bad(name, bytes.status().message());
      value = *bytes;
    } else if (!absl::SimpleAtoi(text, &value)) {
      return Bad(name, absl::StrCat("\"", text, "\" is no whole number"));
    }
    if (value > std::numeric_limits<Number>::max()) return Bad(name, "is too large");
    *to = static_cast<Number>(value);
    return absl::OkStatus();
  }
  absl::Status operator()(double* to) const {
    double value = 0;
    if (!absl::SimpleAtod(text, &value) || !(value >= 0 && value <= kMaxRate)) {
      return Bad(name, absl::StrCat("\"", text, "\" is no number from 0 to ", kMaxRate));
    }
    *to = value;
    return absl::OkStatus();
  }
};

}  // namespace

std::span<const LimitName> LimitNames() {
  return kNames;
}

absl::Status SetLimit(absl::string_view name, absl::string_view value, TrackerLimits* limits) {
  const Entry* const entry = Find(name);
  if (entry == nullptr) return Bad(name, "is no limit of this tracker");
  return std::visit(Store{*entry, name, value}, entry->place(*limits));
}

std::string LimitText(absl::string_view name, const TrackerLimits& limits) {
  const Entry* const entry = Find(name);
  if (entry == nullptr) return "";
  TrackerLimits copy = limits;
  return std::visit([](const auto* value) { return absl::StrCat(*value); }, entry->place(copy));
}

absl::StatusOr<TrackerLimits> ParseLimits(absl::string_view text, const TrackerLimits& flags) {
  TrackerLimits limits = flags;
  for (const TextLine& line : LinesOf(text, Comments::kOwnLines)) {
    const size_t equals = line.text.find('=');
    if (equals == absl::string_view::npos) return line.Fault("is not of the form name=value");
    const absl::string_view name = absl::StripAsciiWhitespace(line.text.substr(0, equals));
    const absl::string_view value = absl::StripAsciiWhitespace(line.text.substr(equals + 1));
    if (name == "log-level") {
      const auto level = service::ParseLogLevel(value);
      if (!level.ok()) return line.Fault(absl::StrCat("log-level: ", level.status().message()));
      limits.log_level = *level;
    } else if (const absl::Status set = SetLimit(name, value, &limits); !set.ok()) {
      return line.Fault(set.message());
    }
  }
  return limits;
}

absl::StatusOr<TrackerLimits> ReadLimitsFile(const std::string& path, const TrackerLimits& flags) {
  const auto text = ReadFile(path, kMaxFileBytes);
  if (!text.ok()) return Annotate(absl::StrCat(path, ": can't be read"), text.status());
  auto limits = ParseLimits(*text, flags);
  if (!limits.ok()) return Annotate(path, limits.status());
  return limits;
}

}  // namespace shoal::tracker
