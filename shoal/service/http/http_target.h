#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal::service {

// The target of an HTTP request, taken apart. Pure.
struct HttpTarget {
  std::string path;   // with %XX decoded; starts with '/'
  std::string query;  // raw, without '?'

  // INVALID_ARGUMENT for a target that does not start with '/', a '%' without two hex digits, and a NUL.
  static absl::StatusOr<HttpTarget> Parse(absl::string_view target);
};

}  // namespace shoal::service
