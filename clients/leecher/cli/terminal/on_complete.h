#pragma once

#include <string>

#include "absl/status/status.h"

namespace shoal::leecher {

// The content that the command of --on-complete is run for, as its environment names it.
struct CompletedContent {
  std::string path;        // SHOAL_FILE: an absolute path
  std::string content_id;  // SHOAL_CONTENT_ID: 64 hex digits
  std::string name;        // SHOAL_NAME: chosen by the publisher; any bytes but NUL
};

// Runs `command` by `/bin/sh -c` and blocks until it has ended.
//
// The command inherits this process's environment, in which SHOAL_FILE, SHOAL_CONTENT_ID and SHOAL_NAME are
// replaced, and its working folder. The values are never part of the command's text, so a name cannot inject
// a command unless the command itself leaves the variable unquoted. No signal is blocked or ignored in it.
//
// Its stdin is /dev/null. Its stdout goes to this process's stderr when `stdout_is_ours`, because with JSON
// nothing but objects may appear on stdout.
//
// Errors: ABORTED with the reason when the shell cannot be started, is ended by a signal, or returns another
// exit code than 0.
absl::Status RunOnComplete(const std::string& command, const CompletedContent& content, bool stdout_is_ours);

}  // namespace shoal::leecher
