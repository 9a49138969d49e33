#include "shoal/service/log/log.h"

#include <atomic>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/clock.h"
#include "shoal/service/log/log_line.h"
#include "spdlog/logger.h"
#include "spdlog/sinks/stdout_sinks.h"

namespace shoal::service {
namespace {

// What StartLog sets. The program's name and the format are written before threads start, and only read
// afterwards.
struct State {
  std::string program = "shoal";
  LogFormat format = LogFormat::kText;
  std::atomic<LogLevel> level = LogLevel::kInfo;
  spdlog::logger logger{"shoal", std::make_shared<spdlog::sinks::stderr_sink_mt>()};

  // Lines are made whole in log_line.cc; spdlog is the locked and unbuffered way to stderr.
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

}  // namespace

absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view text) {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warning") return LogLevel::kWarning;
  if (text == "error") return LogLevel::kError;
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

}  // namespace shoal::service
