#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "clients/leecher/cli/commands/arguments.h"
#include "clients/leecher/cli/terminal/console.h"
#include "clients/leecher/cli/terminal/interrupts.h"
#include "clients/leecher/download/model/download_options.h"
#include "clients/leecher/session/exit_code.h"
#include "shoal/content/manifest/signing_key.h"
#include "shoal/content/publish/manifest_builder.h"

namespace shoal::leecher {

// The commands of the command line. Each prints to stdout and stderr, blocks until it is done, and returns
// how the process is to end. `options` are checked as far as Interpret can. Those that take `interrupts` stop
// in order at the first signal; the others end with the process. Thread safety: the main thread only.

ExitCode RunGet(const GetOptions& options, Interrupts& interrupts);
ExitCode RunList(const ListOptions& options);
ExitCode RunInfo(const InfoOptions& options, Interrupts& interrupts);
ExitCode RunMake(const MakeOptions& options);
ExitCode RunSave(const SaveOptions& options, Interrupts& interrupts);
ExitCode RunSeed(const SeedOptions& options, Interrupts& interrupts);
ExitCode RunCerts(const CertsOptions& options);
ExitCode RunKey(const KeyOptions& options);
// Runs the agent until a signal comes.
ExitCode RunAgent(const AgentOptions& options, Interrupts& interrupts);
// Makes a token for a tracker, and prints it and its line for the tracker's file.
ExitCode RunToken(const TokenOptions& options);
// Sends a command to the agent of this machine.
ExitCode RunAgentCommand(const AgentCommandOptions& options, Interrupts& interrupts);
// Exits with 0 when the health service answers SERVING, with 1 otherwise.
ExitCode RunHealthCheck(const HealthCheckOptions& options);

// Returns the line of the tracker's file for `token`: its SHA-256, rights and names. Pure.
std::string TokenLine(const std::string& token, const TokenOptions& options);

// Returns what to download for `content`, one of the arguments of `get`. Reads it when it is a .shoal file,
// and asks the trackers for the id that begins with it when it can be one. Errors:
//   those of ReadManifestFile, and of TrackerClientsWithToken
//   INVALID_ARGUMENT     the file names no tracker, and `options` neither
//   PERMISSION_DENIED    (kUntrusted) the file has no signature that `options` trust
//   FAILED_PRECONDITION  several ids begin with it
absl::StatusOr<DownloadOptions> MakeGetRequest(const std::string& content, const GetOptions& options);

// Checks `-o` of `get` before anything else is done. Errors:
//   kUsage          it, or a part of it, is a file, and a folder is needed
//   kOutputInInput  it is the .shoal file that is read
absl::Status CheckGetOutput(const GetOptions& options);

// Returns OK if a .shoal file can be written to `path`: nothing exists there, or an earlier .shoal file,
// which would be replaced. Errors: those of CheckOutputFile; kTargetExists when it is another file, which
// would be lost.
absl::Status CheckManifestOutput(const std::string& path);

// Reads the key of --sign or --sign-key; none for an empty path. Errors: those of SigningKey::Read.
absl::StatusOr<std::optional<SigningKey>> ReadSignKey(const std::string& path);

// As BuildManifest, with a bar on a terminal when it takes long enough to be seen, and names what is left out
// on stderr. Same errors. `options` has no on_progress.
absl::StatusOr<BuiltManifest> HashWithProgress(const std::string& path, ManifestBuilderOptions options,
                                               Console& console);

}  // namespace shoal::leecher
