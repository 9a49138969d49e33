#pragma once

#include <vector>

#include "shoal/service/http/embedded_files.h"

namespace shoal {

// The files of each page, as they were when the program was built: index.html, those beside it in its folder,
// and the shared parts that it uses. Each function is in a library of its own (CMakeLists.txt).
std::vector<service::EmbeddedFile> AgentPage();
std::vector<service::EmbeddedFile> TrackerPage();
std::vector<service::EmbeddedFile> SeederPage();

}  // namespace shoal
