#pragma once

#include <termios.h>

#include <vector>

#include "absl/strings/string_view.h"

namespace shoal::leecher {

// A key that was pressed.
struct Key {
  enum class Kind { kLetter, kUp, kDown, kEnter };
  Kind kind = Kind::kLetter;
  char letter = 0;  // of kLetter, in lower case

  friend bool operator==(const Key&, const Key&) = default;
};

// Returns the keys in what a terminal sent. Sequences of other keys are skipped. Pure.
std::vector<Key> ParseKeys(absl::string_view bytes);

// Reads single keys from stdin while it lives, without an echo. Ctrl-C remains a signal. Nothing when stdin
// is no terminal.
//
// Thread safety: one thread, and one object at a time.
class KeyReader {
 public:
  KeyReader();
  // Restores the terminal.
  ~KeyReader();
  KeyReader(const KeyReader&) = delete;
  KeyReader& operator=(const KeyReader&) = delete;

  // The keys that were pressed since the last call. Does not wait.
  std::vector<Key> Take();

 private:
  termios before_ = {};
  const bool is_terminal_;
};

}  // namespace shoal::leecher
