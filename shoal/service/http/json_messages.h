#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace shoal::service {

// Between the bytes of a protobuf message and its canonical JSON, by the descriptor of the message, which is
// linked in. `type`: its full name, such as "shoal.leecher.v1.AddRequest". Default values are left out.
// Thread-safe.

// An empty text stands for an empty message. Errors: INVALID_ARGUMENT when it is no such JSON, an unknown
// field included.
absl::StatusOr<std::string> BytesFromJson(const std::string& json, const std::string& type);
// Errors: INTERNAL when the bytes are no such message.
absl::StatusOr<std::string> JsonFromBytes(const std::string& bytes, const std::string& type);

}  // namespace shoal::service
