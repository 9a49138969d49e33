#pragma once

#include "clients/leecher/cli/commands/arguments.h"
#include "clients/leecher/cli/terminal/interrupts.h"
#include "clients/leecher/session/exit_code.h"

namespace shoal::leecher {

// The commands of the command line. Each prints, blocks until it is done, and says how the process is to end.
ExitCode RunGet(const GetOptions& options, Interrupts& interrupts);
ExitCode RunList(const ListOptions& options);
ExitCode RunInfo(const InfoOptions& options);
ExitCode RunMake(const MakeOptions& options);
ExitCode RunSeed(const SeedOptions& options, Interrupts& interrupts);
ExitCode RunHealthCheck(const HealthCheckOptions& options);

}  // namespace shoal::leecher
