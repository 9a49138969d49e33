#pragma once

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "clients/leecher/cli/commands/arguments.h"
#include "clients/leecher/cli/commands/connecting.h"
#include "clients/leecher/cli/terminal/interrupts.h"
#include "clients/leecher/download/model/download_options.h"
#include "clients/leecher/session/exit_code.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/content/manifest/publisher_signature.h"

namespace shoal::leecher {

struct FetchedManifest {
  std::shared_ptr<const Manifest> manifest;
  std::optional<PublisherSignature> signature;  // who published it, verified; nullopt: it is not known
};

// Fetches the manifest of a content from the first peer that sends a valid one, and nothing else: no file is
// made. `request` says what to look up, at which trackers, and how long to wait. Blocks until the manifest is
// there, the waiting is over, or a signal comes. Errors:
//   kUnknownContent, kTrackerUnreachable, kTrackerRefused
//   kAmbiguousName  the message lists the ids
//   kNoPeer         no peer sent it in time
//   kUntrusted      `request` has trusted keys, and none of them signed it
//   CANCELLED       by a signal
absl::StatusOr<FetchedManifest> FetchManifest(DownloadOptions request, const Connections& connections,
                                              Interrupts& interrupts);

// `get --dry-run`: shows for each content what `get` would do, and changes nothing. Returns the exit code
// that `get` would fail with before it fetches a chunk; kOk when it would begin.
ExitCode RunDryRun(const GetOptions& options, Interrupts& interrupts);

}  // namespace shoal::leecher
