#include <string>

#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "clients/leecher/session/json_contents.h"
#include "shoal/net/tls/development_certificates.h"

namespace shoal::leecher {

ExitCode RunCerts(const CertsOptions& options) {
  Console console(Console::VoiceFor(options.json, options.quiet));
  const bool there = options.if_missing && net::TlsContext::Load(net::DevelopmentFiles(options.folder)).ok();
  const absl::Status written =
      there ? absl::OkStatus() : net::WriteDevelopmentCertificates(options.folder, options.hosts);
  if (!written.ok()) return console.Fail(written, ExitCodeFor(written));
  const net::TlsFiles files = net::DevelopmentFiles(options.folder);
  console.Object(JsonCerts(files.certificate, files.key, files.authorities));
  console.Say(there ? "Certificates are there. Give every program:"
                    : "A development CA and a certificate for this machine. Give every program:");
  console.Say(absl::StrCat("  --tls-cert=", Printable(files.certificate), " --tls-key=", Printable(files.key),
                           " --tls-ca=", Printable(files.authorities)));
  console.Say("Who has ca-key.pem can make certificates that the others accept: keep it to yourself.");
  return console.End(ExitCode::kOk, true);
}

}  // namespace shoal::leecher
