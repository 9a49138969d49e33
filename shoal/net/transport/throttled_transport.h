#pragma once

#include <memory>

#include <boost/asio/io_context.hpp>

#include "shoal/net/rate_limit.h"
#include "shoal/net/transport/transport.h"

namespace shoal::net {

// The same stream, with what is read and what is written of chunks held to these limits (null: none). Other
// bytes are counted and go at once. A limit that is not set costs nothing but a look at it. `transport`
// itself when both are null.
std::unique_ptr<Transport> Throttled(std::unique_ptr<Transport> transport, boost::asio::io_context& context,
                                     std::shared_ptr<RateLimit> read_limit,
                                     std::shared_ptr<RateLimit> write_limit);

}  // namespace shoal::net
