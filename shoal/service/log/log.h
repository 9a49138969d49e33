#pragma once

#include <initializer_list>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal::service {

// A daemon's log: one line an event on stderr, a short message and key=value fields ("--log-format=text") or
// one JSON object ("--log-format=json"). Thread-safe. Never called per chunk, datagram or call.
enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view text);    // debug, info, warning, error
absl::StatusOr<LogFormat> ParseLogFormat(absl::string_view text);  // text, json

// Once, from main, before threads start. Until then: text, info.
void StartLog(absl::string_view program, LogLevel level, LogFormat format);
// At any time.
void SetLogLevel(LogLevel level);

using LogField = std::pair<absl::string_view, std::string>;

void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields = {});

inline void LogInfo(absl::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kInfo, message, fields);
}
inline void LogWarning(absl::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kWarning, message, fields);
}
inline void LogError(absl::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kError, message, fields);
}

}  // namespace shoal::service
