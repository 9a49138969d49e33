#pragma once

#include <string>

#include "shoal/tracking/messages/messages.h"

namespace shoal::tracking {

// A LookupResponse as the bytes of its protobuf message, the same as by way of ToProto, without a message, a
// string or an allocation for each peer in between: what a tracker's time went into was these.
std::string EncodeLookupResponse(const LookupResponse& response);

}  // namespace shoal::tracking
