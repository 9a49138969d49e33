#include "clients/leecher/agent/content/byte_ranges.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace shoal::leecher {
namespace {

constexpr absl::string_view kUnit = "bytes=";

// The number that `digits` means; one that is too large is the largest. Nullopt: not a number.
std::optional<uint64_t> Number(absl::string_view digits) {
  if (digits.empty()) return std::nullopt;
  uint64_t number = 0;
  for (const char digit : digits) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(digit))) return std::nullopt;
    const auto value = static_cast<uint64_t>(digit - '0');
    number = number > (UINT64_MAX - value) / 10 ? UINT64_MAX : number * 10 + value;
  }
  return number;
}

// Appends what `spec` means, unless that is nothing of the file. Returns false when it is no range.
bool Append(absl::string_view spec, uint64_t length_bytes, std::vector<ByteRange>& ranges) {
  const size_t dash = spec.find('-');
  if (dash == absl::string_view::npos) return false;
  const absl::string_view from = spec.substr(0, dash);
  const absl::string_view to = spec.substr(dash + 1);
  if (from.empty()) {
    const std::optional<uint64_t> suffix = Number(to);
    if (!suffix.has_value()) return false;
    const uint64_t taken = std::min(*suffix, length_bytes);
    if (taken > 0) ranges.push_back({length_bytes - taken, taken});
    return true;
  }
  const std::optional<uint64_t> first = Number(from);
  const std::optional<uint64_t> last = to.empty() ? UINT64_MAX : Number(to);
  if (!first.has_value() || !last.has_value() || *last < *first) return false;
  if (*first >= length_bytes) return true;
  ranges.push_back({*first, std::min(*last, length_bytes - 1) - *first + 1});
  return true;
}

void JoinOverlapping(std::vector<ByteRange>& ranges) {
  std::vector<ByteRange> sorted = ranges;
  std::sort(sorted.begin(), sorted.end(),
            [](const ByteRange& a, const ByteRange& b) { return a.first < b.first; });
  std::vector<ByteRange> joined;
  for (const ByteRange& range : sorted) {
    if (joined.empty() || range.first >= joined.back().first + joined.back().length_bytes) {
      joined.push_back(range);
      continue;
    }
    ByteRange& before = joined.back();
    before.length_bytes = std::max(before.length_bytes, range.first + range.length_bytes - before.first);
  }
  if (joined.size() < ranges.size()) ranges = std::move(joined);
}

}  // namespace

RequestedRanges RequestedRanges::Parse(absl::string_view header, uint64_t file_length_bytes) {
  header = absl::StripAsciiWhitespace(header);
  if (!absl::StartsWithIgnoreCase(header, kUnit)) return {};
  header.remove_prefix(kUnit.size());
  RequestedRanges requested;
  size_t count = 0;
  for (absl::string_view spec : absl::StrSplit(header, ',')) {
    spec = absl::StripAsciiWhitespace(spec);
    if (spec.empty()) continue;  // a list may have empty elements
    if (++count > kMaxRanges || !Append(spec, file_length_bytes, requested.ranges)) return {};
  }
  if (count == 0) return {};
  requested.kind = requested.ranges.empty() ? Kind::kUnsatisfiable : Kind::kRanges;
  JoinOverlapping(requested.ranges);
  return requested;
}

}  // namespace shoal::leecher
