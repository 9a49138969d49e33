#pragma once

#include <string>

#include "absl/status/status.h"

namespace shoal::leecher {

// What the command of --on-complete is told, in its environment.
struct CompletedContent {
  std::string path;        // SHOAL_FILE: absolute
  std::string content_id;  // SHOAL_CONTENT_ID
  std::string name;        // SHOAL_NAME
};

// Runs `command` by /bin/sh -c and waits for it. Its stdin is empty; its stdout goes to this process's stderr
// when `stdout_is_ours` (JSON must stay JSON). It gets this process's environment, with the variables above,
// and no blocked signal. ABORTED with the reason when it can't be started or ends with anything but 0.
absl::Status RunOnComplete(const std::string& command, const CompletedContent& content, bool stdout_is_ours);

}  // namespace shoal::leecher
