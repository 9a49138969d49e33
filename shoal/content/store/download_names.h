#pragma once

#include <string>

#include "shoal/content/manifest/manifest.h"

namespace shoal {

// What a download that is not whole yet is called, beside the place that its content will have: the names
// begin with a dot and carry the first digits of the content id, so that two contents of one name are told
// apart. A long name is cut, between two characters, so that file systems take what is made from it.
struct DownloadNames {
  explicit DownloadNames(const Manifest& manifest);

  std::string data;     // ".NAME.ID12.shoal-tmp"
  std::string journal;  // ".NAME.ID12.shoal-progress"
};

}  // namespace shoal
