#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace shoal::service {

// The log of a daemon: one line per event on stderr, as a short message with key=value fields
// ("--log-format=text") or as one JSON object ("--log-format=json"). It is not for output that another
// program reads, which goes to stdout, and is never called per chunk, datagram or call.
//
// Thread safety: all functions are thread-safe, except StartLog.
enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

// Accepts "debug", "info", "warning" and "error". Errors: INVALID_ARGUMENT with the accepted names.
absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view text);
// Accepts "text" and "json". Errors: INVALID_ARGUMENT with the accepted names.
absl::StatusOr<LogFormat> ParseLogFormat(absl::string_view text);

// Called from main, before threads start; a later call replaces the values of an earlier one. Until then
// lines are text, from info up.
void StartLog(absl::string_view program, LogLevel level, LogFormat format);
// Returns the format that the arguments of a program (--log-format=FORMAT, --log-format FORMAT) or else the
// environment (SHOAL_LOG_FORMAT) ask for, and text when they ask for none or for an unknown one. For StartLog
// before the arguments are parsed, so that errors in them have the right format too.
LogFormat EarlyLogFormat(int argc, const char* const* argv);
// Changes the level while the program runs.
void SetLogLevel(LogLevel level);

// The value of a field: text, a number or a boolean. JSON shows numbers and booleans as such. Value type.
class LogValue {
 public:
  LogValue(std::string text) : value_(std::move(text)) {}          // NOLINT(google-explicit-constructor)
  LogValue(const char* text) : value_(std::string(text)) {}        // NOLINT(google-explicit-constructor)
  LogValue(absl::string_view text) : value_(std::string(text)) {}  // NOLINT(google-explicit-constructor)
  template <typename T>
    requires std::is_arithmetic_v<T>
  LogValue(T number) : value_(Widened(number)) {}  // NOLINT(google-explicit-constructor)

  // A size or a rate: text shows it with a unit ("1.36 GiB", "12.3 MiB/s"), JSON as a number of bytes.
  static LogValue Bytes(uint64_t bytes);
  static LogValue BytesPerSecond(double rate);

  std::string ToText() const;
  // Returns a JSON value. Bytes that are not UTF-8 become U+FFFD.
  std::string ToJson() const;

 private:
  using Value = std::variant<std::string, int64_t, uint64_t, double, bool>;

  template <typename T>
  static Value Widened(T number) {
    if constexpr (std::is_same_v<T, bool>) return number;
    if constexpr (std::is_floating_point_v<T>) return static_cast<double>(number);
    if constexpr (std::is_signed_v<T>) return static_cast<int64_t>(number);
    return static_cast<uint64_t>(number);
  }

  Value value_;
  std::string text_;  // empty: the value as it is
};

using LogField = std::pair<absl::string_view, LogValue>;

// Writes one line unless `level` is below that of the log.
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

// Reports the error that ends the program: in text as "PROGRAM: message", without a time because a person at
// the command line reads it; in JSON as a line of the log.
void ReportFatal(absl::string_view message);

// From now on an exception that nothing catches, because the system has no memory, threads or descriptors
// left, ends the process with ReportFatal and `exit_code` instead of an abort. Other uncaught exceptions
// still abort, since they are defects. Called once, from main.
void ExitWhenResourcesEnd(int exit_code);

// One event of the log and its two renderings, without the end of the line. Whatever bytes it is given, it
// emits no control character and no line break, so that a name from outside can neither forge a line nor
// control a terminal. Bytes that are not UTF-8 become \xNN in text and U+FFFD in JSON. Views what it is
// given. Value type, pure.
struct LogLine {
  absl::Time time;
  LogLevel level = LogLevel::kInfo;
  absl::string_view program;
  absl::string_view message;
  const LogField* fields = nullptr;
  size_t field_count = 0;

  // Returns 2026-01-02T03:04:05.678Z info tracker: message key=value key2="with space"
  std::string ToText() const;
  // Returns {"time":"...","level":"info","program":"tracker","message":"...","key":"value","number":1}
  std::string ToJson() const;
};

}  // namespace shoal::service
