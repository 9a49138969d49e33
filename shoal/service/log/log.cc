#include "shoal/service/log/log.h"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "shoal/base/clock.h"
#include "shoal/base/code_point.h"
#include "shoal/base/units.h"
#include "spdlog/logger.h"
#include "spdlog/sinks/stdout_sinks.h"

namespace shoal::service {
namespace {

// What StartLog sets. The name of the program and the format are written before threads start, and only read
// afterwards.
struct State {
  std::string program = "shoal";
  LogFormat format = LogFormat::kText;
  std::atomic<LogLevel> level = LogLevel::kInfo;
  spdlog::logger logger{"shoal", std::make_shared<spdlog::sinks::stderr_sink_mt>()};

  // spdlog gets whole lines: it contributes the lock and the unbuffered write to stderr.
  State() {
    logger.set_pattern("%v");
    logger.set_level(spdlog::level::trace);
  }
};

// Never destroyed: threads that outlive main may still log.
State& TheState() {
  static auto* const state = new State;
  return *state;
}

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

void AppendEscaped(absl::string_view text, bool quoted, std::string* out) {
  while (!text.empty()) {
    const auto byte = static_cast<uint8_t>(text[0]);
    const CodePoint point = CodePoint::At(text);
    size_t taken = point.bytes;
    if (quoted && (byte == '"' || byte == '\\')) {
      absl::StrAppend(out, "\\", text.substr(0, 1));
    } else if (byte == '\n') {
      out->append("\\n");
    } else if (byte == '\r') {
      out->append("\\r");
    } else if (byte == '\t') {
      out->append("\\t");
    } else if (taken == 0 || point.is_harmful()) {
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

std::string JsonText(absl::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
}

int exit_code_without_resources = 1;

// Exits for an exception that says that the system lacks something, and aborts for any other reason.
[[noreturn]] void EndProcess() {
  std::string what;
  try {
    if (const std::exception_ptr error = std::current_exception()) std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    what = "out of memory";
  } catch (const std::runtime_error& error) {  // std::system_error, and Boost's
    what = error.what();
  } catch (...) {
    std::abort();
  }
  if (what.empty()) std::abort();
  ReportFatal(absl::StrCat("the system lacks a resource: ", what,
                           " (are the limits of open files, ulimit -n, and processes, ulimit -u, too low?)"));
  std::_Exit(exit_code_without_resources);
}

}  // namespace

LogValue LogValue::Bytes(uint64_t bytes) {
  LogValue value(bytes);
  value.text_ = FormatBytes(bytes);
  return value;
}

LogValue LogValue::BytesPerSecond(double rate) {
  LogValue value(rate);
  value.text_ = FormatRate(rate);
  return value;
}

std::string LogValue::ToText() const {
  if (!text_.empty()) return text_;
  if (const auto* const text = std::get_if<std::string>(&value_)) return *text;
  return ToJson();
}

std::string LogValue::ToJson() const {
  struct Encoder {
    std::string operator()(const std::string& text) const { return JsonText(text); }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    // JSON has no infinity.
    std::string operator()(double number) const { return nlohmann::json(number).dump(); }
    std::string operator()(int64_t number) const { return absl::StrCat(number); }
    std::string operator()(uint64_t number) const { return absl::StrCat(number); }
  };
  return std::visit(Encoder(), value_);
}

LogFormat EarlyLogFormat(int argc, const char* const* argv) {
  constexpr absl::string_view kFlag = "--log-format";
  absl::string_view asked;
  if (const char* const environment = std::getenv("SHOAL_LOG_FORMAT")) asked = environment;
  for (int i = 1; i < argc; ++i) {
    absl::string_view word = argv[i];
    if (word == kFlag && i + 1 < argc) {
      asked = argv[i + 1];
    } else if (absl::ConsumePrefix(&word, kFlag) && absl::ConsumePrefix(&word, "=")) {
      asked = word;
    }
  }
  return asked == "json" ? LogFormat::kJson : LogFormat::kText;
}

absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view text) {
  if (absl::EqualsIgnoreCase(text, "debug")) return LogLevel::kDebug;
  if (absl::EqualsIgnoreCase(text, "info")) return LogLevel::kInfo;
  if (absl::EqualsIgnoreCase(text, "warning") || absl::EqualsIgnoreCase(text, "warn"))
    return LogLevel::kWarning;
  if (absl::EqualsIgnoreCase(text, "error")) return LogLevel::kError;
  return absl::InvalidArgumentError(
      absl::StrCat("log level \"", text, "\" is none of debug, info, warning, error"));
}

absl::StatusOr<LogFormat> ParseLogFormat(absl::string_view text) {
  if (text == "text") return LogFormat::kText;
  if (text == "json") return LogFormat::kJson;
  return absl::InvalidArgumentError(absl::StrCat("log format \"", text, "\" is neither text nor json"));
}

void StartLog(absl::string_view program, LogLevel level, LogFormat format) {
  State& state = TheState();
  state.program = std::string(program);
  state.format = format;
  SetLogLevel(level);
}

void SetLogLevel(LogLevel level) {
  TheState().level.store(level, std::memory_order_relaxed);
}

void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields) {
  State& state = TheState();
  if (level < state.level.load(std::memory_order_relaxed)) return;
  const LogLine line{Clock::Real().Now(), level, state.program, message, fields.begin(), fields.size()};
  const std::string text = state.format == LogFormat::kJson ? line.ToJson() : line.ToText();
  state.logger.log(spdlog::level::info, spdlog::string_view_t(text.data(), text.size()));
}

void ReportFatal(absl::string_view message) {
  const State& state = TheState();
  if (state.format == LogFormat::kJson) return Log(LogLevel::kError, message);
  std::string line = absl::StrCat(state.program, ": ");
  AppendEscaped(message, /*quoted=*/false, &line);
  std::fprintf(stderr, "%s\n", line.c_str());
}

void ExitWhenResourcesEnd(int exit_code) {
  exit_code_without_resources = exit_code;
  // A limit of the length of files (ulimit -f) is an error of the write that meets it, and not the end.
  std::signal(SIGXFSZ, SIG_IGN);
  std::set_terminate(EndProcess);
}

std::string LogLine::ToText() const {
  std::string out = absl::StrCat(TimeText(time), " ", NameOf(level), " ", program, ": ");
  AppendEscaped(message, /*quoted=*/false, &out);
  for (size_t i = 0; i < field_count; ++i) {
    const auto& [key, value] = fields[i];
    absl::StrAppend(&out, " ", key, "=");
    const std::string text = value.ToText();
    const bool quoted = NeedsQuotes(text);
    if (quoted) out.push_back('"');
    AppendEscaped(text, quoted, &out);
    if (quoted) out.push_back('"');
  }
  return out;
}

std::string LogLine::ToJson() const {
  std::string out =
      absl::StrCat("{\"time\":", JsonText(TimeText(time)), ",\"level\":", JsonText(NameOf(level)),
                   ",\"program\":", JsonText(program), ",\"message\":", JsonText(message));
  for (size_t i = 0; i < field_count; ++i) {
    absl::StrAppend(&out, ",", JsonText(fields[i].first), ":", fields[i].second.ToJson());
  }
  out.push_back('}');
  return out;
}

}  // namespace shoal::service
