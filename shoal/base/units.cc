#include "shoal/base/units.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace shoal {
namespace {

constexpr std::array<const char*, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

absl::Status NoSize(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is no size (as in 4096, 512KiB, 1.5GiB, 10MB)"));
}

// What one of the unit is in bytes; 0 for no unit of ours. "K" alone is taken for KiB.
double UnitBytes(absl::string_view lower_case) {
  if (lower_case.empty() || lower_case == "b") return 1;
  const size_t power = absl::string_view("kmgtpe").find(lower_case.front()) + 1;
  if (power == 0) return 0;
  const absl::string_view rest = lower_case.substr(1);
  if (rest.empty() || rest == "ib") return std::pow(1024.0, static_cast<double>(power));
  if (rest == "b") return std::pow(1000.0, static_cast<double>(power));
  return 0;
}

// Three significant digits of a number in [0, 1024).
std::string ThreeDigits(double value) {
  if (value < 9.995) return absl::StrFormat("%.2f", value);
  if (value < 99.95) return absl::StrFormat("%.1f", value);
  return absl::StrFormat("%.0f", value);
}

std::string FormatScaled(double value) {
  size_t unit = 0;
  // 1023.5 would be shown as 1024: that is one of the next unit.
  while (value >= 1023.5 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return absl::StrCat(unit == 0 ? absl::StrFormat("%.0f", value) : ThreeDigits(value), " ", kUnits[unit]);
}

}  // namespace

absl::StatusOr<uint64_t> ParseBytes(absl::string_view text) {
  const std::string trimmed = absl::AsciiStrToLower(absl::StripAsciiWhitespace(text));
  const size_t digits = std::min(trimmed.find_first_not_of("0123456789."), trimmed.size());
  const absl::string_view number = absl::string_view(trimmed).substr(0, digits);
  const double unit = UnitBytes(absl::StripLeadingAsciiWhitespace(absl::string_view(trimmed).substr(digits)));
  if (unit == 0) return NoSize(text);
  // Whole bytes exactly, past what a double holds.
  uint64_t whole = 0;
  if (unit == 1) {
    if (!absl::SimpleAtoi(number, &whole)) return NoSize(text);
    return whole;
  }
  double value = 0;
  if (number.empty() || number.front() == '.' || number.back() == '.' || !absl::SimpleAtod(number, &value)) {
    return NoSize(text);
  }
  const double bytes = std::round(value * unit);
  if (!(bytes < std::ldexp(1.0, 64))) return NoSize(text);
  return static_cast<uint64_t>(bytes);
}

absl::StatusOr<uint64_t> ParseRate(absl::string_view text) {
  if (absl::EqualsIgnoreCase(text, "none")) return std::numeric_limits<uint64_t>::max();
  const std::string lower_case = absl::AsciiStrToLower(absl::StripAsciiWhitespace(text));
  absl::string_view amount = lower_case;
  absl::ConsumeSuffix(&amount, "/s");
  const bool in_bits = absl::ConsumeSuffix(&amount, "bit");
  // With a "b" behind the prefix ParseBytes counts in powers of ten; bits are never counted in others.
  const absl::StatusOr<uint64_t> amount_of =
      ParseBytes(in_bits && !absl::EndsWith(amount, "i") ? absl::StrCat(amount, "b") : std::string(amount));
  const uint64_t rate = amount_of.ok() ? *amount_of / (in_bits ? 8 : 1) : 0;
  const bool has_unit = absl::ascii_isalpha(lower_case.empty() ? '0' : lower_case.back());
  if (rate > 0 && rate < 1024 && !has_unit) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' would be ", rate,
                                                   " bytes per second; name a unit (as in ", text, "MiB, ",
                                                   text, "Mbit)"));
  }
  if (rate == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is no rate (as in 800KiB, 12MiB/s, 20Mbit, none)"));
  }
  return rate;
}

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  if (absl::EqualsIgnoreCase(text, "forever")) return absl::InfiniteDuration();
  const auto wrong = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is no length of time (as in 250ms, 30s, 5m, 1h30m, 2d, forever)"));
  };
  // absl::ParseDuration knows no days. It also takes "inf" and signs, which people here have no use for.
  absl::string_view rest = text;
  absl::Duration days;
  if (const size_t unit = text.find('d'); unit != absl::string_view::npos) {
    uint32_t count = 0;
    if (text.find_first_not_of("0123456789") != unit || !absl::SimpleAtoi(text.substr(0, unit), &count))
      return wrong();
    days = count * absl::Hours(24);
    rest = text.substr(unit + 1);
    if (rest.empty()) return days;
  }
  absl::Duration duration;
  const bool plain = !rest.empty() && (absl::ascii_isdigit(rest.front()) || rest.front() == '.');
  if (!plain || !absl::ParseDuration(rest, &duration) || duration == absl::InfiniteDuration()) return wrong();
  return days + duration;
}

std::string FormatBytes(uint64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  return FormatScaled(static_cast<double>(bytes));
}

std::string FormatRate(double bytes_per_second) {
  if (!(bytes_per_second > 0)) bytes_per_second = 0;
  return absl::StrCat(FormatScaled(bytes_per_second), "/s");
}

std::string FormatDuration(absl::Duration duration) {
  if (duration == absl::InfiniteDuration()) return "forever";
  duration = std::max(duration, absl::ZeroDuration());
  if (duration < absl::Milliseconds(9950)) return absl::StrFormat("%.1fs", absl::ToDoubleSeconds(duration));
  const int64_t seconds = absl::ToInt64Seconds(duration + absl::Milliseconds(500));
  if (seconds < 60) return absl::StrFormat("%ds", seconds);
  if (seconds < 3600) return absl::StrFormat("%dm%02ds", seconds / 60, seconds % 60);
  if (seconds < 86400) return absl::StrFormat("%dh%02dm", seconds / 3600, seconds / 60 % 60);
  return absl::StrFormat("%dd%02dh", seconds / 86400, seconds / 3600 % 24);
}

}  // namespace shoal
