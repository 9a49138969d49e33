#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "clients/leecher/cli/terminal/progress_line.h"

namespace shoal::leecher {

// Where a command prints. It alone knows whether a person looks at a terminal, how wide that is, and that
// some lines at its bottom are redrawn in place. Text given to it must be printable already (see Printable).
// One thread at a time.
//
// Text for people goes to stdout, errors go to stderr; with JSON nothing but objects goes to stdout.
class Console {
 public:
  enum class Voice {
    kNormal,
    kQuiet,  // errors only
    kJson,   // objects on stdout, errors on stderr
  };

  // Looks at stdin, stdout, NO_COLOR, TERM and the locale's variables once.
  explicit Console(Voice voice);
  ~Console();  // ends the live lines
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  Voice voice() const { return voice_; }
  bool json() const { return voice_ == Voice::kJson; }
  // Lines can be redrawn: a terminal that is to show progress.
  bool live() const { return live_; }
  // A person is there to answer a question.
  bool can_ask() const { return can_ask_; }
  // For lines as wide as the terminal is now (a few columns are left free); 80 columns where there is none.
  LineStyle style() const;
  // Lines that can be redrawn without scrolling.
  int max_live_lines() const;

  // A line for people, above the live lines. Nothing when quiet or JSON.
  void Say(absl::string_view line);
  // The same for what stands out: in bold where there are colours.
  void Headline(absl::string_view line);
  // The beginning of a line that a person is to end.
  void Prompt(absl::string_view text);
  // A line of JSON. Nothing without JSON, or when it is empty.
  void Object(const std::string& json);
  // On stderr, always.
  void Error(absl::string_view line);

  // Replaces the live lines. Nothing unless live().
  void Draw(const std::vector<std::string>& lines);
  // The live lines stay where they are, as ordinary ones (`keep`), or go.
  void EndDraw(bool keep);

 private:
  void Write(int fd, absl::string_view bytes);
  std::string EraseSequence() const;
  // The live lines are erased, `line` is written, and they are drawn again.
  void WriteAbove(int fd, absl::string_view line);

  const Voice voice_;
  bool live_ = false;
  bool can_ask_ = false;
  bool color_ = false;
  bool unicode_ = false;
  std::vector<std::string> drawn_;
};

}  // namespace shoal::leecher
