#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/commands/hashing.h"
#include "clients/leecher/cli/commands/serving.h"
#include "clients/leecher/cli/commands/tracker_messages.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "clients/leecher/session/downloads.h"
#include "clients/leecher/session/json_events.h"
#include "shoal/base/clock.h"
#include "shoal/content/publish/folder_source.h"

namespace shoal::leecher {
namespace {

ExitCode Fail(const absl::Status& error, ExitCode code, Console& console) {
  console.Error(absl::StrCat("shoal-leecher: ", Printable(std::string(error.message()))));
  console.Object(JsonError(error, code, Clock::Real().Now()));
  return code;
}

}  // namespace

ExitCode RunSeed(const SeedOptions& options, Interrupts& interrupts) {
  Console console(options.json    ? Console::Voice::kJson
                  : options.quiet ? Console::Voice::kQuiet
                                  : Console::Voice::kNormal);
  absl::StatusOr<std::unique_ptr<service::HealthEndpoint>> health = StartHealth(options.serve.grpc);
  if (!health.ok()) return Fail(health.status(), ExitCode::kOther, console);
  absl::StatusOr<BuiltManifest> built = HashWithProgress(options.path, std::nullopt, console);
  if (!built.ok()) return Fail(built.status(), ExitCodeFor(built.status(), {}), console);

  TrackerMessages messages;
  absl::StatusOr<std::optional<Downloads::Serving>> serving = ServingFrom(options.serve, messages);
  if (!serving.ok()) return Fail(serving.status(), ExitCode::kOther, console);
  Downloads::Options served;
  served.runtime.self = RandomPeerId();
  served.runtime.site = options.serve.site;
  served.runtime.limits.up = std::make_shared<net::RateLimit>(options.limit_up_bytes_per_second);
  served.runtime.make_tracker_client = tracking::MakeTrackerClient;
  served.serving = *std::move(serving);
  const absl::StatusOr<std::unique_ptr<Downloads>> downloads = Downloads::Start(std::move(served));
  if (!downloads.ok()) return Fail(downloads.status(), ExitCode::kOther, console);
  Reseeder& reseeder = *(*downloads)->serving();

  const auto manifest = std::make_shared<const Manifest>(std::move(built->manifest));
  interrupts.Catch();
  reseeder.Serve(std::make_shared<const FolderSource>(manifest, built->root, std::move(built->stamps)),
                 options.trackers);
  console.Say(absl::StrCat("id ", manifest->id().ToHex()));
  ServeOn(reseeder, {manifest->name()}, options.duration, messages, console, interrupts);
  return ExitCode::kOk;
}

}  // namespace shoal::leecher
