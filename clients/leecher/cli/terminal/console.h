#pragma once

#include <cerrno>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "clients/leecher/cli/terminal/interrupts.h"
#include "clients/leecher/cli/terminal/progress_line.h"
#include "clients/leecher/session/exit_code.h"

namespace shoal::leecher {

// The output of a command. Text for people goes to stdout and errors go to stderr; with JSON only objects go
// to stdout. On a terminal the console keeps some lines at the bottom ("live lines") and redraws them in
// place below everything else. It does not escape: text must be printable already (see Printable), except
// where a method says otherwise.
//
// Thread safety: one thread.
class Console {
 public:
  enum class Voice {
    kNormal,
    kQuiet,  // errors only
    kJson,   // objects on stdout, errors on stderr
  };
  // The voice of --json and --quiet. JSON comes first.
  static Voice VoiceFor(bool json, bool quiet) {
    if (json) return Voice::kJson;
    return quiet ? Voice::kQuiet : Voice::kNormal;
  }

  // Reads the state of stdin and stdout, NO_COLOR, TERM and the variables of the locale once.
  explicit Console(Voice voice);
  // Ends the live lines, which stay visible.
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  Voice voice() const { return voice_; }
  bool json() const { return voice_ == Voice::kJson; }
  // Lines can be redrawn: stdout is a terminal, and the voice shows progress.
  bool live() const { return live_; }
  // Both ends of the terminal are connected, so a question can be answered.
  bool can_ask() const { return can_ask_; }
  // The style of a line that fills the present width of the terminal, less a few columns. 80 columns where
  // there is no terminal.
  LineStyle style() const;
  // The number of lines that can be redrawn without scrolling.
  int max_live_lines() const;

  // Returns whether the program that reads the objects has gone: a command that only goes on for it ends.
  bool reader_gone() const { return json() && write_error_ == EPIPE; }

  // Prints a line for people above the live lines. No effect with kQuiet and kJson.
  void Say(absl::string_view line);
  // As Say, in bold where there are colours.
  void Headline(absl::string_view line);
  // Prints the beginning of a line that the answer completes.
  void Prompt(absl::string_view text);
  // Prints a line of JSON. No effect without kJson, or when `json` is empty.
  void Object(const std::string& json);
  // Prints a line on stderr, with any voice.
  void Error(absl::string_view line);
  // Reports a failure that ends a command: Error with the name of the program and the escaped message, and
  // JsonError. Returns `code`.
  ExitCode Fail(const absl::Status& error, ExitCode code);

  // To be called at the end of a command: returns `code`, or reports that stdout did not take what was
  // printed and returns kOther when that is the only failure. With kNormal that counts only when
  // `text_is_the_result`: a download, for example, is not worth less when its progress can't be shown.
  ExitCode End(ExitCode code, bool text_is_the_result = false);

  // Replaces the live lines. No effect unless live().
  void Draw(const std::vector<std::string>& lines);
  // Ends the live lines. With `keep` they stay as ordinary lines, otherwise they are erased.
  void EndDraw(bool keep);

 private:
  void Write(int fd, absl::string_view bytes);
  std::string EraseSequence() const;
  // Erases the live lines, writes `line` and draws them again.
  void WriteAbove(int fd, absl::string_view line);

  const Voice voice_;
  bool live_ = false;
  bool can_ask_ = false;
  bool color_ = false;
  bool unicode_ = false;
  std::vector<std::string> drawn_;
  int write_error_ = 0;  // errno of the first failure to write to stdout
};

// The name that this program was called by: "shoal" or "shoal-leecher". Errors and hints begin with it.
const char* ProgramName();

// Prints "QUESTION [y/N] " and reads one line from stdin. "y" and "yes" in any case mean yes; everything
// else, the end of the input (Ctrl-D) and a signal mean no. Requires: console.can_ask().
bool AskYesNo(Console& console, Interrupts& interrupts, absl::string_view question);

// Returns true when `answer` means yes. Pure.
bool IsYes(absl::string_view answer);

}  // namespace shoal::leecher
