#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "clients/leecher/session/json_contents.h"
#include "shoal/content/manifest/signing_key.h"

namespace shoal::leecher {

ExitCode RunKey(const KeyOptions& options) {
  Console console(Console::VoiceFor(options.json, /*quiet=*/false));
  const absl::StatusOr<SigningKey> there =
      options.if_missing ? SigningKey::Read(options.path) : absl::NotFoundError("a new one is wanted");
  const SigningKey key = there.ok() ? *there : SigningKey::Generate();
  const absl::Status written = there.ok() ? absl::OkStatus() : key.Write(options.path);
  if (!written.ok()) return console.Fail(written, ExitCodeFor(written));
  const std::string text = key.public_key().ToText();
  console.Object(JsonKey(options.path, text));
  console.Say(text);
  // Other programs read the key alone.
  if (console.live()) {
    console.Say(absl::StrCat("The private key is in ", Printable(options.path),
                             ": keep it to yourself. Others give the line above to --trust."));
  }
  return console.End(ExitCode::kOk);
}

}  // namespace shoal::leecher
