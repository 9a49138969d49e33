#include "services/tracker/access/token_table.h"

#include <fnmatch.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "shoal/base/byte_order.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/file_io.h"
#include "shoal/base/status_macros.h"
#include "shoal/base/text_lines.h"

namespace shoal::tracker {
namespace {

constexpr Right kRights[] = {Right::kPublish, Right::kFetch, Right::kList, Right::kAdmin};

// A part of a line, as an error shows it.
std::string Quoted(absl::string_view text) {
  constexpr size_t kShown = 80;
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kShown)), text.size() > kShown ? "...\"" : "\"");
}

absl::StatusOr<Sha256Digest> ParseDigest(absl::string_view hex) {
  Sha256Digest digest;
  if (hex.size() != 2 * digest.size() || !std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit)) {
    return absl::InvalidArgumentError(absl::StrCat(
        Quoted(hex), " is not the SHA-256 of a token in 64 hex digits; shoal token prints a whole line"));
  }
  const std::string bytes = absl::HexStringToBytes(hex);
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

absl::StatusOr<uint8_t> ParseRights(absl::string_view text) {
  uint8_t rights = 0;
  for (const absl::string_view name : absl::StrSplit(text, ',')) {
    const auto* const right = std::find_if(std::begin(kRights), std::end(kRights),
                                           [&](Right known) { return name == RightName(known); });
    if (right == std::end(kRights)) {
      return absl::InvalidArgumentError(
          absl::StrCat(Quoted(name), " is no right; they are publish, fetch, list and admin"));
    }
    rights = static_cast<uint8_t>(rights | TokenGrant::Bit(*right));
  }
  return rights;
}

}  // namespace

const char* RightName(Right right) {
  switch (right) {
    case Right::kPublish:
      return "publish";
    case Right::kFetch:
      return "fetch";
    case Right::kList:
      return "list";
    case Right::kAdmin:
      break;
  }
  return "admin";
}

bool TokenGrant::HasName(const std::string& name) const {
  return HasAllNames() || std::any_of(names.begin(), names.end(), [&](const std::string& glob) {
           return fnmatch(glob.c_str(), name.c_str(), 0) == 0;
         });
}

absl::StatusOr<TokenTable> TokenTable::Parse(absl::string_view text) {
  TokenTable table;
  for (const TextLine& line : LinesOf(text, Comments::kAnywhere)) {
    if (line.text.find('\0') != absl::string_view::npos) return line.Fault("has a NUL");
    const std::vector<absl::string_view> words =
        absl::StrSplit(line.text, absl::ByAnyChar(" \t\r\v\f"), absl::SkipEmpty());
    const auto digest = ParseDigest(words[0]);
    if (!digest.ok()) return line.Fault(digest.status().message());
    if (words.size() < 2) return line.Fault("has no rights behind the hash, such as publish,fetch");
    const auto rights = ParseRights(words[1]);
    if (!rights.ok()) return line.Fault(rights.status().message());
    if (words.size() - 2 > kMaxGlobsPerToken) {
      return line.Fault(absl::StrCat("has more than ", kMaxGlobsPerToken, " names"));
    }
    for (size_t i = 2; i < words.size(); ++i) {
      if (words[i].size() > kMaxGlobBytes) return line.Fault("has a glob that is longer than any name");
    }
    TokenGrant grant{*rights, {words.begin() + 2, words.end()}};
    if (!table.grants_.try_emplace(*digest, std::move(grant)).second) {
      return line.Fault("has a token that an earlier line has");
    }
  }
  return table;
}

absl::StatusOr<TokenTable> TokenTable::Read(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFileBytes));
  auto table = Parse(text);
  if (!table.ok()) return Annotate(path, table.status());
  return table;
}

const TokenGrant* TokenTable::Find(absl::string_view token) const {
  const auto found =
      grants_.find(Sha256::Of(ByteView(reinterpret_cast<const uint8_t*>(token.data()), token.size())));
  return found == grants_.end() ? nullptr : &found->second;
}

}  // namespace shoal::tracker
