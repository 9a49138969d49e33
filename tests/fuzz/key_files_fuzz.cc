#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "services/tracker/registry/reserved_names.h"
#include "shoal/content/manifest/publisher_signature.h"

// The text files that name keys: whom a user trusts, and who may publish which names. The keys that are read
// make a file that is read the same.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(data, data + size);
  if (const auto trusted = shoal::TrustedKeys::ParseFile(text); trusted.ok()) {
    std::string again;
    for (const shoal::PublicKey& key : trusted->keys()) again += key.ToText() + "\n";
    const auto reread = shoal::TrustedKeys::ParseFile(again);
    if (!reread.ok() || *reread != *trusted) std::abort();
  }
  if (const auto reserved = shoal::tracker::ReservedNames::Parse(text); reserved.ok()) {
    // Globs with many '*' take long, so the name is short.
    reserved->Check("a.b", nullptr).IgnoreError();
  }
  return 0;
}
