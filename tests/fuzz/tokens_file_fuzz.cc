// A tracker's tokens file: parsing any bytes ends, and a token is found in a table only by its hash.

#include <cstdint>
#include <cstdlib>

#include "absl/strings/string_view.h"
#include "services/tracker/access/token_table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto table = shoal::tracker::TokenTable::Parse(text);
  if (!table.ok()) {
    if (table.status().message().empty()) std::abort();
    return 0;
  }
  // One line for each.
  if (table->size() > size / 64) std::abort();
  const shoal::tracker::TokenGrant* const grant = table->Find("secret");
  if (grant != nullptr) {
    if (grant->rights == 0 || grant->names.size() > shoal::tracker::TokenTable::kMaxGlobsPerToken)
      std::abort();
    if (grant->HasAllNames() && !grant->HasName("models-7b")) std::abort();
  }
  return 0;
}
