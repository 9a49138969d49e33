#include <array>
#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/terminal/console.h"
#include "shoal/base/byte_order.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::leecher {

std::string TokenLine(const std::string& token, const TokenOptions& options) {
  const Sha256Digest digest = Sha256::Of(AsBytes(token));
  std::string line =
      absl::StrCat(absl::BytesToHexString(std::string(digest.begin(), digest.end())), " ", options.rights);
  for (const std::string& name : options.names) absl::StrAppend(&line, " ", name);
  return line;
}

ExitCode RunToken(const TokenOptions& options) {
  Console console(Console::VoiceFor(options.json, false));
  std::array<uint8_t, 32> bytes;
  FillRandom(bytes);
  const std::string token = absl::BytesToHexString(std::string(bytes.begin(), bytes.end()));
  const std::string line = TokenLine(token, options);
  if (options.json) {
    console.Object(nlohmann::json{{"token", token}, {"line", line}}.dump());
    return console.End(ExitCode::kOk);
  }
  console.Say(absl::StrCat("token, for the file of --tracker-token-file of its holder:\n  ", token));
  console.Say(absl::StrCat("line, for the file of --tokens of the tracker:\n  ", line));
  return console.End(ExitCode::kOk, true);
}

}  // namespace shoal::leecher
