#include "services/seeder/folder/entry_name.h"

#include "absl/strings/match.h"

namespace shoal::seeder {

bool IsOfferedName(absl::string_view name) {
  return !name.empty() && name.front() != '.' && !absl::EndsWith(name, ".shoal") &&
         !absl::EndsWith(name, ".shoal-tmp") && !absl::EndsWith(name, ".shoal-progress");
}

}  // namespace shoal::seeder
