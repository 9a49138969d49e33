#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/interrupts.h"

namespace shoal::leecher {

// Prints "QUESTION [y/N] " on the terminal and reads one line. Only "y" and "yes" (any case) are a yes; the
// end of the input (Ctrl-D) and a signal are a no.
bool AskYesNo(Console& console, Interrupts& interrupts, absl::string_view question);

// What that line means. Pure.
bool IsYes(absl::string_view answer);

}  // namespace shoal::leecher
