#pragma once

#include <string>

#include "shoal/content/manifest/manifest_file.h"
#include "shoal/tracking/messages/messages.h"

namespace shoal::leecher {

// What `list --json`, `info --json` and `make --json` print: one object on one line, ASCII only
// (docs/operations.md, "JSON events"). Pure.

std::string JsonContent(const tracking::ContentStatus& content);
// `file`: null unless a .shoal file was asked about; `swarm`: null when no tracker knows it.
std::string JsonInfo(const tracking::ContentSummary& summary, const ManifestFile* file,
                     const tracking::GetSwarmResponse* swarm);
// A .shoal file was written to `path`.
std::string JsonMade(const tracking::ContentSummary& summary, const std::string& path);

}  // namespace shoal::leecher
