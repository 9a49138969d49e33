#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "shoal/service/log/log.h"

namespace shoal::service {

// One event of the log as the text of one line, without its end. Pure: whatever bytes come in, no control
// character and no line break goes out, so that a name from outside can neither forge a line nor drive a
// terminal. Bytes that are no UTF-8 are shown as \xNN in text, and as U+FFFD in JSON.
struct LogLine {
  absl::Time time;
  LogLevel level = LogLevel::kInfo;
  absl::string_view program;
  absl::string_view message;
  const LogField* fields = nullptr;
  size_t field_count = 0;

  // 2026-01-02T03:04:05.678Z info tracker: message key=value key2="with space"
  std::string ToText() const;
  // {"time":"...","level":"info","program":"tracker","message":"...","key":"value"}: values are always
  // strings.
  std::string ToJson() const;
};

}  // namespace shoal::service
