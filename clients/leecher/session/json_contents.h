#pragma once

#include <string>

#include "shoal/content/manifest/manifest_file.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// The output of `list --json`, `info --json` and `make --json`: one object on one line, ASCII only
// (docs/json_events.md). Pure.

std::string JsonContent(const tracking::ContentStatus& content);
// `file`: null unless a .shoal file was asked about; `swarm`: null when no tracker knows it.
std::string JsonInfo(const tracking::ContentSummary& summary, const ManifestFile* file,
                     const tracking::GetSwarmResponse* swarm);
// A .shoal file was written to `path`.
std::string JsonMade(const tracking::ContentSummary& summary, const std::string& path);

}  // namespace shoal::leecher
