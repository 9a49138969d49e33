#include "shoal/content/manifest/content_path.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "shoal/base/code_point.h"

namespace shoal {
namespace {

constexpr size_t kMaxPartBytes = 255;  // NAME_MAX of common file systems

absl::Status Refuse(absl::string_view what, absl::string_view value, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(what, " '", absl::CHexEscape(value), "' ", why));
}

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t size = CodePoint::At(text).bytes;
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

bool IsControl(char c) {
  return static_cast<uint8_t>(c) < 0x20 || c == 0x7f;
}

}  // namespace

absl::Status CheckContentName(absl::string_view name) {
  constexpr absl::string_view kWhat = "the content name";
  if (name.empty()) return absl::InvalidArgumentError("the content name is empty");
  if (name.size() > kMaxNameBytes) return Refuse(kWhat, name, "is too long");
  if (name == "." || name == "..") return Refuse(kWhat, name, "is no name");
  for (const char c : name) {
    if (c == '/' || c == '\\') return Refuse(kWhat, name, "has more than one part");
    if (IsControl(c)) return Refuse(kWhat, name, "has control characters");
  }
  if (!IsUtf8(name)) return Refuse(kWhat, name, "is not UTF-8");
  return absl::OkStatus();
}

absl::Status CheckContentPath(absl::string_view path) {
  constexpr absl::string_view kWhat = "the path";
  if (path.empty()) return absl::InvalidArgumentError("a path is empty");
  if (path.size() > kMaxPathBytes) return Refuse(kWhat, path.substr(0, 64), "is too long");
  if (path.front() == '/') return Refuse(kWhat, path, "is absolute");
  if (path.find('\0') != absl::string_view::npos) return Refuse(kWhat, path, "has a NUL");
  if (path.find('\\') != absl::string_view::npos) return Refuse(kWhat, path, "has a backslash");
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const absl::string_view part = path.substr(begin, end - begin);
    if (part.empty()) return Refuse(kWhat, path, "has an empty part");
    if (part == "." || part == "..") return Refuse(kWhat, path, "has a part '.' or '..'");
    if (part.size() > kMaxPartBytes) return Refuse(kWhat, path, "has too long a part");
    begin = end + 1;
  }
  return absl::OkStatus();
}

absl::string_view FolderOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return path.substr(0, slash == absl::string_view::npos ? 0 : slash);
}

}  // namespace shoal
