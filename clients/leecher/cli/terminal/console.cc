#include "clients/leecher/cli/terminal/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "clients/leecher/session/json_events.h"
#include "shoal/base/clock.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_descriptor.h"

namespace shoal::leecher {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool LocaleIsUtf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string value = Variable(name);
    if (value.empty()) continue;
    const std::string lower = absl::AsciiStrToLower(value);
    return absl::StrContains(lower, "utf-8") || absl::StrContains(lower, "utf8");
  }
  return false;
}

winsize TerminalSize() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) size.ws_col = 80;
  if (size.ws_row == 0) size.ws_row = 24;
  return size;
}

// The terminal echoes "^C" behind the last live line; the echo must not wrap to the next line.
constexpr int kFreeColumns = 3;

// Lines longer than the terminal, which may have become narrower, are cut by it. Wrapped lines could not be
// erased again.
constexpr char kWrapOff[] = "\x1b[?7l";
constexpr char kWrapOn[] = "\x1b[?7h";

constexpr size_t kMaxAnswerBytes = 1024;

}  // namespace

Console::Console(Voice voice) : voice_(voice) {
  const bool terminal = ::isatty(STDOUT_FILENO) == 1 && Variable("TERM") != "dumb";
  live_ = terminal && voice == Voice::kNormal;
  can_ask_ = voice == Voice::kNormal && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  color_ = live_ && Variable("NO_COLOR").empty();
  unicode_ = live_ && LocaleIsUtf8();
}

Console::~Console() {
  EndDraw(true);
}

LineStyle Console::style() const {
  return {.width = std::max(8, TerminalSize().ws_col - kFreeColumns),
          .label_width = 0,
          .unicode = unicode_,
          .color = color_};
}

int Console::max_live_lines() const {
  return std::max(1, TerminalSize().ws_row - 2);
}

void Console::Write(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      // The reader is gone or the disk is full; the command continues, and End reports it.
      if (fd == STDOUT_FILENO && write_error_ == 0) write_error_ = errno;
      return;
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

std::string Console::EraseSequence() const {
  if (drawn_.empty()) return "";
  // Moves to the first live line and erases everything below.
  return drawn_.size() == 1 ? "\r\x1b[J" : absl::StrCat("\r\x1b[", drawn_.size() - 1, "A\x1b[J");
}

void Console::WriteAbove(int fd, absl::string_view line) {
  const std::vector<std::string> lines = drawn_;
  EndDraw(false);
  Write(fd, absl::StrCat(line, "\n"));
  if (!lines.empty()) Draw(lines);
}

void Console::Say(absl::string_view line) {
  if (voice_ == Voice::kNormal) WriteAbove(STDOUT_FILENO, line);
}

void Console::Headline(absl::string_view line) {
  if (color_) {
    Say(absl::StrCat("\x1b[1m", line, "\x1b[0m"));
  } else {
    Say(line);
  }
}

void Console::Prompt(absl::string_view text) {
  EndDraw(true);
  Write(STDOUT_FILENO, text);
}

void Console::Object(const std::string& json) {
  if (voice_ == Voice::kJson && !json.empty()) Write(STDOUT_FILENO, absl::StrCat(json, "\n"));
}

void Console::Error(absl::string_view line) {
  WriteAbove(STDERR_FILENO, line);
}

ExitCode Console::Fail(const absl::Status& error, ExitCode code) {
  Error(absl::StrCat(ProgramName(), ": ", Printable(std::string(error.message()))));
  Object(JsonError(error, code, Clock::Real().Now()));
  return code;
}

ExitCode Console::End(ExitCode code, bool text_is_the_result) {
  const bool counts = voice_ == Voice::kJson || (voice_ == Voice::kNormal && text_is_the_result);
  if (write_error_ == 0 || !counts) return code;
  const absl::Status failed =
      WithCause(ErrnoStatus(write_error_, "cannot write to stdout"), ErrorCause::kWriteFailed);
  Error(absl::StrCat(ProgramName(), ": ", std::string(failed.message())));
  return code == ExitCode::kOk ? ExitCodeFor(failed) : code;
}

void Console::Draw(const std::vector<std::string>& lines) {
  if (!live_) return;
  std::string bytes = kWrapOff;
  if (!drawn_.empty()) absl::StrAppend(&bytes, "\r");
  if (drawn_.size() > 1) absl::StrAppend(&bytes, "\x1b[", drawn_.size() - 1, "A");
  absl::StrAppend(&bytes, absl::StrJoin(lines, "\x1b[K\n"), "\x1b[K",
                  drawn_.size() > lines.size() ? "\x1b[J" : "", kWrapOn);
  Write(STDOUT_FILENO, bytes);
  drawn_ = lines;
}

void Console::EndDraw(bool keep) {
  if (drawn_.empty()) return;
  Write(STDOUT_FILENO, keep ? std::string("\n") : EraseSequence());
  drawn_.clear();
}

const char* ProgramName() {
  return absl::string_view(program_invocation_short_name) == "shoal" ? "shoal" : "shoal-leecher";
}

bool IsYes(absl::string_view answer) {
  const absl::string_view word = absl::StripAsciiWhitespace(answer);
  return absl::EqualsIgnoreCase(word, "y") || absl::EqualsIgnoreCase(word, "yes");
}

bool AskYesNo(Console& console, Interrupts& interrupts, absl::string_view question) {
  console.Prompt(absl::StrCat(question, " [y/N] "));
  std::string answer;
  while (interrupts.signal() == 0 && answer.size() < kMaxAnswerBytes) {
    if (!interrupts.Wait(absl::InfiniteDuration(), STDIN_FILENO)) continue;
    char byte = 0;
    if (::read(STDIN_FILENO, &byte, 1) != 1) break;
    if (byte == '\n') return IsYes(answer);
    answer.push_back(byte);
  }
  console.Say("");  // ends the line of the question
  return false;
}

}  // namespace shoal::leecher
