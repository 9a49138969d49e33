#include "shoal/service/log/log_line.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace shoal::service {
namespace {

absl::string_view NameOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

// How many bytes at the start of `text` are one printable character beyond ASCII in UTF-8; 0: none, show them
// as bytes. The C1 controls (U+0080 to U+009F) count as none: some terminals obey them.
size_t PrintableSequence(absl::string_view text) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  size_t size = 0;
  uint32_t code = 0;
  uint32_t smallest = 0;
  if ((at(0) & 0xE0) == 0xC0) {
    size = 2, code = at(0) & 0x1F, smallest = 0xA0;
  } else if ((at(0) & 0xF0) == 0xE0) {
    size = 3, code = at(0) & 0x0F, smallest = 0x800;
  } else if ((at(0) & 0xF8) == 0xF0) {
    size = 4, code = at(0) & 0x07, smallest = 0x10000;
  }
  if (size == 0 || size > text.size()) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
    code = (code << 6) | (at(i) & 0x3F);
  }
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return code < smallest || code > 0x10FFFF || surrogate ? 0 : size;
}

void AppendEscaped(absl::string_view text, bool quoted, std::string* out) {
  while (!text.empty()) {
    const auto byte = static_cast<uint8_t>(text[0]);
    size_t taken = 1;
    if (byte >= 0x80) taken = PrintableSequence(text);
    if (quoted && (byte == '"' || byte == '\\')) {
      absl::StrAppend(out, "\\", text.substr(0, 1));
    } else if (byte == '\n') {
      out->append("\\n");
    } else if (byte == '\r') {
      out->append("\\r");
    } else if (byte == '\t') {
      out->append("\\t");
    } else if (byte < 0x20 || byte == 0x7F || taken == 0) {
      absl::StrAppend(out, "\\x", absl::Hex(byte, absl::kZeroPad2));
      taken = 1;
    } else {
      out->append(text.data(), taken);
    }
    text.remove_prefix(taken);
  }
}

bool NeedsQuotes(absl::string_view value) {
  if (value.empty()) return true;
  for (const char c : value) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte <= 0x20 || byte == 0x7F || c == '"' || c == '=' || c == '\\') return true;
  }
  return false;
}

}  // namespace

std::string LogLine::ToText() const {
  std::string out = absl::StrCat(TimeText(time), " ", NameOf(level), " ", program, ": ");
  AppendEscaped(message, /*quoted=*/false, &out);
  for (size_t i = 0; i < field_count; ++i) {
    const auto& [key, value] = fields[i];
    absl::StrAppend(&out, " ", key, "=");
    const bool quoted = NeedsQuotes(value);
    if (quoted) out.push_back('"');
    AppendEscaped(value, quoted, &out);
    if (quoted) out.push_back('"');
  }
  return out;
}

std::string LogLine::ToJson() const {
  nlohmann::ordered_json object;
  object["time"] = TimeText(time);
  object["level"] = std::string(NameOf(level));
  object["program"] = std::string(program);
  object["message"] = std::string(message);
  for (size_t i = 0; i < field_count; ++i) object[std::string(fields[i].first)] = fields[i].second;
  return object.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace shoal::service
