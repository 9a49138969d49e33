#pragma once

#include <string>

#include "absl/status/status.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::leecher {

// The folder of a follow rule. Each version of a content lies in a folder of its own,
// FOLDER/.shoal-versions/ID12/NAME, and FOLDER/NAME is a symbolic link to the current one. A new version
// takes the name in one step, and a program that reads the old one keeps what it has opened. All functions
// block.

// The folder that receives a version.
std::string VersionFolder(const std::string& folder, const ContentId& id);
// The folder of the rule, FOLDER, of what VersionFolder returned.
std::string FolderOfVersion(const std::string& version_folder);

// Makes FOLDER/NAME mean this version, which is complete. Errors: ALREADY_EXISTS when something that is no
// such link has the name, which is never replaced; others from errno, with the path.
absl::Status MakeCurrent(const std::string& folder, const std::string& name, const ContentId& id);

// Removes the folder of a version, which is empty, and the link if it leads there.
void ForgetVersion(const std::string& folder, const std::string& name, const ContentId& id);

}  // namespace shoal::leecher
