#include <string>

#include "absl/strings/str_cat.h"
#include "clients/leecher/cli/commands/commands.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/terminal_text.h"
#include "shoal/service/grpc/health_endpoint.h"

namespace shoal::leecher {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(2);

}  // namespace

ExitCode RunHealthCheck(const HealthCheckOptions& options) {
  const absl::Status health = service::CheckHealth(options.address, kPatience);
  if (health.ok()) return ExitCode::kOk;
  Console console(Console::Voice::kQuiet);
  console.Error(absl::StrCat("shoal-leecher: ", Printable(std::string(health.message()))));
  return ExitCode::kOther;
}

}  // namespace shoal::leecher
