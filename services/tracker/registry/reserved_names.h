#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "shoal/content/manifest/publisher_signature.h"

namespace shoal::tracker {

// Names that are for contents which the owners of certain keys have signed, as an operator lists them. The
// first rule whose glob matches a name counts, so that a file can begin with exceptions.
//
// Thread safety: immutable.
class ReservedNames {
 public:
  static constexpr size_t kMaxRules = 10'000;

  // A rule a line: a glob over names ('*', '?' and '[...]'), then public keys, all separated by spaces; empty
  // lines, and lines that begin with '#', are ignored. Errors: INVALID_ARGUMENT that names the line.
  static absl::StatusOr<ReservedNames> Parse(absl::string_view text);
  // Reads and parses a file of at most 4 MiB. Errors: those of ReadFile and Parse, with the path.
  static absl::StatusOr<ReservedNames> Read(const std::string& path);

  // Whether a content of that name may be registered with a signature of `signer` (null: without one).
  // Errors: PERMISSION_DENIED, with what to do.
  absl::Status Check(const std::string& name, const PublicKey* signer) const;
  size_t size() const { return rules_.size(); }

 private:
  struct Rule {
    std::string glob;
    TrustedKeys keys;
  };

  std::vector<Rule> rules_;
};

}  // namespace shoal::tracker
