#include "services/tracker/registry/reserved_names.h"

#include <fnmatch.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/text_lines.h"

namespace shoal::tracker {
namespace {

constexpr uint64_t kMaxReserveFileBytes = 4 << 20;
// A name has no more, and fnmatch takes long for a long glob.
constexpr size_t kMaxGlobBytes = 255;

}  // namespace

absl::StatusOr<ReservedNames> ReservedNames::Parse(absl::string_view text) {
  ReservedNames reserved;
  for (const TextLine& line : LinesOf(text, Comments::kOwnLines)) {
    if (reserved.rules_.size() == kMaxRules)
      return line.Fault(absl::StrCat("more than ", kMaxRules, " rules"));
    const std::vector<absl::string_view> words =
        absl::StrSplit(line.text, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.size() < 2) return line.Fault("needs a glob and the public keys that may publish such names");
    if (words[0].size() > kMaxGlobBytes) return line.Fault("the glob is longer than any name");
    Rule& rule = reserved.rules_.emplace_back();
    rule.glob = std::string(words[0]);
    for (size_t i = 1; i < words.size(); ++i) {
      const auto key = PublicKey::Parse(words[i]);
      const absl::Status added = key.ok() ? rule.keys.Add(*key) : key.status();
      if (!added.ok()) return line.Fault(added.message());
    }
  }
  return reserved;
}

absl::StatusOr<ReservedNames> ReservedNames::Read(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxReserveFileBytes));
  auto reserved = Parse(text);
  if (!reserved.ok()) return Annotate(path, reserved.status());
  return reserved;
}

absl::Status ReservedNames::Check(const std::string& name, const PublicKey* signer) const {
  for (const Rule& rule : rules_) {
    if (fnmatch(rule.glob.c_str(), name.c_str(), FNM_NOESCAPE) != 0) continue;
    if (signer != nullptr && rule.keys.keys().contains(*signer)) return absl::OkStatus();
    return absl::PermissionDeniedError(absl::StrCat(
        "the name \"", name, "\" is reserved at this tracker (", rule.glob, "), and ",
        signer == nullptr ? "the content is not signed" : absl::StrCat("not for ", signer->ToText()),
        ": publish it with --sign-key of a key that is listed for the name, or under another name"));
  }
  return absl::OkStatus();
}

}  // namespace shoal::tracker
