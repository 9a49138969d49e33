#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// What a person may mean by the word that names a content. Pure.
enum class ContentWord {
  kManifestFile,  // ends in ".shoal"
  kId,            // 64 hex digits
  kNameOrPrefix,  // 8 to 63 hex digits: a name, or the beginning of an id
  kName,
};
ContentWord Classify(absl::string_view word);

// The id that `prefix` begins, among contents that a tracker listed; the prefix itself, as a name, when one
// of them has that name or none begins so. FAILED_PRECONDITION when several begin so (the message lists
// them).
absl::StatusOr<tracking::ContentKey> ResolvePrefix(const std::string& prefix,
                                                   const std::vector<tracking::ContentStatus>& contents);

}  // namespace shoal::leecher
