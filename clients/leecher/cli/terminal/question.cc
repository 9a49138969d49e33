#include "clients/leecher/cli/terminal/question.h"

#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace shoal::leecher {
namespace {

constexpr size_t kMaxAnswerBytes = 1024;

}  // namespace

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
  console.Say("");  // the line that the person did not end
  return false;
}

}  // namespace shoal::leecher
