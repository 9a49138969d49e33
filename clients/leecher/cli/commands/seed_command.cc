#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/commands/connecting.h"
#include "clients/leecher/cli/commands/serving.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/session/downloads.h"
#include "shoal/base/clock.h"
#include "shoal/content/manifest/publisher_signature.h"
#include "shoal/content/publish/folder_source.h"

namespace shoal::leecher {

ExitCode RunSeed(const SeedOptions& options, Interrupts& interrupts) {
  Console console(Console::VoiceFor(options.json, options.quiet));
  const auto connections = OpenConnections(options.tracker_token_file, options.trackers, options.tls,
                                           options.serve.ticket_issuers);
  if (!connections.ok()) return console.Fail(connections.status(), ExitCodeFor(connections.status()));
  absl::StatusOr<std::unique_ptr<service::HealthEndpoint>> health = StartHealth(options.serve.grpc);
  if (!health.ok()) return console.Fail(health.status(), ExitCode::kOther);
  absl::StatusOr<std::optional<SigningKey>> sign_key = ReadSignKey(options.sign_key);
  if (!sign_key.ok()) return console.Fail(sign_key.status(), ExitCodeFor(sign_key.status()));
  // Before the hashing, which can take hours: what is wrong with the listeners is said at once.
  TrackerMessages messages;
  absl::StatusOr<std::optional<Downloads::Serving>> serving = ServingFrom(options.serve, messages);
  if (!serving.ok()) return console.Fail(serving.status(), ExitCode::kOther);
  Downloads::Options served;
  served.runtime.site = options.serve.site;
  served.runtime.limits.up = std::make_shared<net::RateLimit>(options.limit_up_bytes_per_second);
  ConnectOver(*connections, &served);
  served.serving = *std::move(serving);
  const absl::StatusOr<std::unique_ptr<Downloads>> downloads = Downloads::Start(std::move(served));
  if (!downloads.ok()) return console.Fail(downloads.status(), ExitCode::kOther);
  Reseeder& reseeder = *(*downloads)->serving();
  const auto http = StartHttp(options.serve.http, options.tls, **downloads, console);
  if (!http.ok()) return console.Fail(http.status(), ExitCode::kOther);

  ManifestBuilderOptions builder;
  builder.links = options.links;
  absl::StatusOr<BuiltManifest> built = HashWithProgress(options.path, builder, console);
  if (!built.ok()) return console.Fail(built.status(), ExitCodeFor(built.status()));

  const auto manifest = std::make_shared<const Manifest>(std::move(built->manifest));
  std::optional<PublisherSignature> signature;
  if (sign_key->has_value()) {
    signature = PublisherSignature::Make(**sign_key, manifest->id(), manifest->name(), Clock::Real().Now());
  }
  interrupts.Catch();
  reseeder.Publish(
      std::make_shared<const FolderSource>(manifest, built->root, std::move(built->stamps), Clock::Real(),
                                           /*file_name=*/"", built->links, built->left_out.size()),
      options.trackers, signature);
  console.Say(absl::StrCat("id ", manifest->id().ToHex()));
  const std::string open = WhoMayFetch(reseeder.listens_at(), options.serve, options.tls.get());
  if (!open.empty()) console.Say(open);
  const bool kept = ServeOn(reseeder, {manifest->name()}, options.duration, messages, console, interrupts);
  return console.End(kept ? ExitCode::kOk : ExitCode::kOther);
}

}  // namespace shoal::leecher
