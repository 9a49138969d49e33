#pragma once

#include <string>

#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// Encodes a LookupResponse as the bytes of its protobuf message, the same as through ToProto, without a
// message, a string or an allocation per peer in between: those took most of a lookup's time.
std::string EncodeLookupResponse(const LookupResponse& response);

}  // namespace shoal::tracking
