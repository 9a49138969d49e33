#include "clients/leecher/cli/commands/content_argument.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace shoal::leecher {
namespace {

constexpr size_t kMinPrefixDigits = 8;

}  // namespace

ContentWord Classify(absl::string_view word) {
  if (word.size() > 6 && absl::EndsWith(word, ".shoal")) return ContentWord::kManifestFile;
  if (!std::all_of(word.begin(), word.end(), absl::ascii_isxdigit)) return ContentWord::kName;
  if (word.size() == 2 * ContentId::kSizeBytes) return ContentWord::kId;
  if (word.size() >= kMinPrefixDigits && word.size() < 2 * ContentId::kSizeBytes)
    return ContentWord::kNameOrPrefix;
  return ContentWord::kName;
}

absl::StatusOr<tracking::ContentKey> ResolvePrefix(const std::string& prefix,
                                                   const std::vector<tracking::ContentStatus>& contents) {
  const std::string digits = absl::AsciiStrToLower(prefix);
  std::vector<ContentId> ids;
  for (const tracking::ContentStatus& content : contents) {
    if (content.summary.name == prefix) return tracking::ContentKey(prefix);
    if (absl::StartsWith(content.summary.id.ToHex(), digits) &&
        std::find(ids.begin(), ids.end(), content.summary.id) == ids.end()) {
      ids.push_back(content.summary.id);
    }
  }
  if (ids.empty()) return tracking::ContentKey(prefix);
  if (ids.size() == 1) return tracking::ContentKey(ids.front());
  std::string message = absl::StrCat(ids.size(), " ids begin with ", prefix, "; give more digits:");
  for (const ContentId& id : ids) absl::StrAppend(&message, " ", id.ToHex());
  return absl::FailedPreconditionError(message);
}

}  // namespace shoal::leecher
