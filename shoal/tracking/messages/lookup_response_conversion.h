#pragma once

#include <string>

#include "shoal/tracking/messages/messages.h"

namespace shoal {

// A LookupReply as the bytes of its protobuf message, the same as by way of ToProto, without a message, a
// string or an allocation for each peer in between: what a tracker's time went into was these.
std::string EncodeLookupReply(const LookupReply& reply);

}  // namespace shoal
