#include "shoal/content/store/download_names.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace shoal {
namespace {

constexpr absl::string_view kDataEnding = ".shoal-tmp";
constexpr absl::string_view kJournalEnding = ".shoal-progress";
// So that the longest name made from it, "." NAME "." ID12 ".shoal-progress.new", is one that file systems
// take.
constexpr size_t kMaxStemNameBytes = 255 - 1 - 1 - 12 - kJournalEnding.size() - 4;

std::string Stem(const Manifest& manifest) {
  absl::string_view name = manifest.name();
  if (name.size() > kMaxStemNameBytes) {
    size_t end = kMaxStemNameBytes;
    while ((static_cast<uint8_t>(name[end]) & 0xc0) == 0x80) --end;
    name = name.substr(0, end);
  }
  return absl::StrCat(".", name, ".", manifest.id().ShortHex());
}

}  // namespace

DownloadNames::DownloadNames(const Manifest& manifest)
    : data(absl::StrCat(Stem(manifest), kDataEnding)),
      journal(absl::StrCat(Stem(manifest), kJournalEnding)) {}

}  // namespace shoal
