#include "clients/leecher/cli/terminal/keys.h"

#include <poll.h>
#include <unistd.h>

#include <array>

#include "absl/strings/ascii.h"

namespace shoal::leecher {

std::vector<Key> ParseKeys(absl::string_view bytes) {
  std::vector<Key> keys;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c == '\x1b') {
      // ESC [ A, or ESC O A: parameters, then a letter.
      if (i + 1 >= bytes.size() || (bytes[i + 1] != '[' && bytes[i + 1] != 'O')) continue;
      i += 2;
      while (i < bytes.size() && !absl::ascii_isalpha(static_cast<unsigned char>(bytes[i])) &&
             bytes[i] != '~')
        ++i;
      if (i < bytes.size() && bytes[i] == 'A') keys.push_back({Key::Kind::kUp});
      if (i < bytes.size() && bytes[i] == 'B') keys.push_back({Key::Kind::kDown});
    } else if (c == '\n' || c == '\r') {
      keys.push_back({Key::Kind::kEnter});
    } else if (absl::ascii_isalpha(static_cast<unsigned char>(c))) {
      keys.push_back({Key::Kind::kLetter, absl::ascii_tolower(static_cast<unsigned char>(c))});
    }
  }
  return keys;
}

KeyReader::KeyReader() : is_terminal_(tcgetattr(STDIN_FILENO, &before_) == 0) {
  if (!is_terminal_) return;
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

KeyReader::~KeyReader() {
  if (is_terminal_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

std::vector<Key> KeyReader::Take() {
  pollfd input = {STDIN_FILENO, POLLIN, 0};
  if (!is_terminal_ || poll(&input, 1, 0) != 1 || (input.revents & POLLIN) == 0) return {};
  std::array<char, 256> bytes;
  const ssize_t length = read(STDIN_FILENO, bytes.data(), bytes.size());
  return length <= 0 ? std::vector<Key>() : ParseKeys({bytes.data(), static_cast<size_t>(length)});
}

}  // namespace shoal::leecher
