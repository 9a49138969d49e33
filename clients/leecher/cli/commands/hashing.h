#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "clients/leecher/cli/terminal/console.h"
#include "shoal/content/publish/manifest_builder.h"

namespace shoal::leecher {

// BuildManifest, with a bar while it goes on: on a terminal, when it takes long enough to be seen. Same
// errors.
absl::StatusOr<BuiltManifest> HashWithProgress(const std::string& path,
                                               std::optional<uint32_t> chunk_size_bytes, Console& console);

}  // namespace shoal::leecher
