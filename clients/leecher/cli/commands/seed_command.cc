#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/commands/hashing.h"
#include "clients/leecher/cli/commands/health.h"
#include "clients/leecher/cli/commands/serving.h"
#include "clients/leecher/cli/commands/tracker_messages.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
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
  absl::StatusOr<std::unique_ptr<Health>> health = Health::Start(options.serve.grpc);
  if (!health.ok()) return Fail(health.status(), ExitCode::kOther, console);
  absl::StatusOr<BuiltManifest> built = HashWithProgress(options.path, std::nullopt, console);
  if (!built.ok()) return Fail(built.status(), ExitCodeFor(built.status(), {}), console);

  TrackerMessages messages;
  absl::StatusOr<std::unique_ptr<Reseeder>> reseeder = StartServing(
      options.serve, RandomPeerId(), std::make_shared<net::RateLimit>(options.limit_up_bytes_per_second),
      tracking::MakeTrackerClient, messages.OnTracker(), messages.OnRejected());
  if (!reseeder.ok()) return Fail(reseeder.status(), ExitCode::kOther, console);

  const auto manifest = std::make_shared<const Manifest>(std::move(built->manifest));
  interrupts.Catch();
  (*reseeder)->Serve(std::make_shared<const FolderSource>(manifest, built->root, std::move(built->stamps)),
                     options.trackers);
  console.Say(absl::StrCat("id ", manifest->id().ToHex()));
  ServeOn(**reseeder, {manifest->name()}, options.duration, messages, console, interrupts);
  return ExitCode::kOk;
}

}  // namespace shoal::leecher
