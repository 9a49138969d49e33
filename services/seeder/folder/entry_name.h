#pragma once

#include "absl/strings/string_view.h"

namespace shoal::seeder {

// An entry is what lies directly in the shared folder: a file or a sub-folder, each of them one content under
// its own name.

// Whether something of that name is offered at all: not what is hidden, not metadata files (*.shoal), and not
// what is still being put together (*.shoal-tmp, *.shoal-progress). Thread-safe.
bool IsOfferedName(absl::string_view name);

}  // namespace shoal::seeder
