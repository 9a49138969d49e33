#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace CLI {
class App;
}  // namespace CLI

namespace shoal::service {

// What the command lines of all programs have in common: help that fits the terminal, suggestions for
// mistyped commands and flags, exit codes, the configuration file of a service, and the flags as data. The
// flags themselves are declared by each program.

struct Program {
  std::string name;     // as it was called, such as "shoal-tracker"
  std::string version;  // "1.2.3"
  // Errors are lines of the log (service::ReportFatal), for a daemon with --log-format=json. Otherwise they
  // are text.
  bool log_errors = false;
  // Also called with the message of a usage error, so that a program with --json can print it as an object.
  // May be empty.
  std::function<void(const std::string& what)> on_error = {};
};

inline constexpr int kUsageExitCode = 2;

// Parses `words`, the command line without the program's name, into the variables of `app`. Also sets the
// name, the flag --version and the layout of --help of `app` and of its commands.
//
// Returns nothing when the program is to run. Returns the exit code when it is to end:
//   0  --help, --version or --dump-flags was printed
//   1  it could not be printed
//   2  wrong usage; stderr has the error, with the nearest known command or flag
//
// --dump-flags prints FlagsAsJson, for the generators of man pages and shell completions. It must be the only
// word, and is hidden from --help.
std::optional<int> ParseCommandLine(CLI::App& app, const Program& program, std::vector<std::string> words);

// Declares --config=FILE for the flags of `app` itself: a file of at most 64 KiB with a line NAME=VALUE for
// each setting, where NAME is that of a flag with an environment variable. Empty lines and lines that begin
// with '#' are ignored. A line may be repeated where the flag may. The command line overrides the
// environment, which overrides the file. Errors, which name the line, are wrong usage. Requires: `app`
// outlives the parsing. When `app` is a command, its parse_complete_callback must call ReadConfigFile.
void AddConfigFile(CLI::App& app);
// Reads the file that --config of `command` names, if it does.
void ReadConfigFile(CLI::App& command);

// Returns `message`, which begins with the flag whose value is wrong ("--wait: ..."), with the place where
// the value stands when that is not `words`, the command line: the variable, or the line of --config of
// `app`.
std::string WithPlace(const CLI::App& app, const std::vector<std::string>& words, absl::string_view message);

// Opens /dev/null in the place of each of stdin, stdout and stderr that is closed, so that no file or socket
// of the program takes its number and receives what is printed. Writing to these fails. To be called first in
// main.
void ReserveStandardDescriptors();

// The program, its commands and their flags as a JSON object:
//   {"program", "version", "description", "footer", "arguments", "flags", "commands"}
// where each command is such an object with "name" instead of "program" and "version".
//   flag:     {"names": ["-t", "--tracker"], "value": "URL" or null, "value_optional", "default" or null,
//              "env" or null, "repeatable", "group", "description"}
//   argument: {"name", "value" or null, "required", "repeatable", "description"}
// Hidden flags are left out.
std::string FlagsAsJson(const CLI::App& app, const Program& program);

// The last part of `argv0` when it is one of `names`, otherwise the first of `names`. Requires: a name.
std::string ProgramName(const char* argv0, const std::vector<std::string>& names);

// The candidate that `word` was probably meant to be: the one with the fewest edits (insertions, deletions,
// replacements, swaps of neighbours), ignoring case, if they are few for its length. Pure.
std::optional<std::string> NearestWord(absl::string_view word, const std::vector<std::string>& candidates);

// Breaks `text` into lines of at most `width` columns. Each line of `text` is broken for itself; its
// continuations are indented as its text is. A line that is indented by two spaces is a shell command, and is
// continued with a backslash. Pure.
std::string WrapText(absl::string_view text, int width);

}  // namespace shoal::service
