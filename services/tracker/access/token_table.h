#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "shoal/content/manifest/checksum.h"

namespace shoal::tracker {

// What a token lets its holder do at a tracker.
enum class Right : uint8_t {
  kPublish,  // offer contents under their names
  kFetch,    // look up contents and their peers, and pass on what was fetched
  kList,     // list contents, see swarms, the pages and metrics
  kAdmin,    // all of these, whatever the names
};
const char* RightName(Right right);

// The rights of one token, and the names of contents that it is for.
struct TokenGrant {
  // In bits, by Right.
  uint8_t rights = 0;
  // Globs (fnmatch(3) without flags); empty: all names.
  std::vector<std::string> names = {};

  bool Has(Right right) const { return (rights & (Bit(right) | Bit(Right::kAdmin))) != 0; }
  bool HasAllNames() const { return names.empty() || (rights & Bit(Right::kAdmin)) != 0; }
  bool HasName(const std::string& name) const;

  static uint8_t Bit(Right right) { return static_cast<uint8_t>(1u << static_cast<uint8_t>(right)); }
};

// The tokens that a tracker accepts: the content of its tokens file. A line for each token:
//
//   SHA256-HEX RIGHT[,RIGHT...] [NAME-GLOB ...]  # comment
//
// The file has the SHA-256 of a token and not the token, so that its reader can't use it. Empty lines are
// ignored. Immutable.
class TokenTable {
 public:
  static constexpr uint64_t kMaxFileBytes = 1 << 20;
  static constexpr size_t kMaxGlobsPerToken = 64;
  static constexpr size_t kMaxGlobBytes = 255;  // a name has no more, and fnmatch takes long for a long glob

  // Errors: INVALID_ARGUMENT that names the line: a hash that is not 64 hex digits or occurs twice, an
  // unknown right or none, too many globs, a glob that is too long. A text without tokens is valid, and lets
  // nobody in.
  static absl::StatusOr<TokenTable> Parse(absl::string_view text);
  // Errors: those of Parse and of ReadFile, with the path.
  static absl::StatusOr<TokenTable> Read(const std::string& path);

  // Returns: null for an unknown token; valid as long as this. Looks for the hash of the token, so that the
  // time that it takes says nothing about other tokens.
  const TokenGrant* Find(absl::string_view token) const;
  size_t size() const { return grants_.size(); }

 private:
  absl::flat_hash_map<Sha256Digest, TokenGrant> grants_;
};

}  // namespace shoal::tracker
