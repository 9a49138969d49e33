#include "shoal/service/http/http_target.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

namespace shoal::service {

absl::StatusOr<HttpTarget> HttpTarget::Parse(absl::string_view target) {
  if (target.empty() || target[0] != '/') return absl::InvalidArgumentError("the target is no path");
  HttpTarget parsed;
  const size_t question_mark = target.find('?');
  if (question_mark != absl::string_view::npos) {
    parsed.query = std::string(target.substr(question_mark + 1));
    target = target.substr(0, question_mark);
  }
  for (size_t i = 0; i < target.size(); ++i) {
    char c = target[i];
    if (c == '%') {
      if (i + 2 >= target.size() || !absl::ascii_isxdigit(target[i + 1]) ||
          !absl::ascii_isxdigit(target[i + 2])) {
        return absl::InvalidArgumentError("a '%' without two hex digits");
      }
      c = absl::HexStringToBytes(target.substr(i + 1, 2))[0];
      i += 2;
    }
    if (c == '\0') return absl::InvalidArgumentError("a NUL in the path");
    parsed.path.push_back(c);
  }
  return parsed;
}

}  // namespace shoal::service
