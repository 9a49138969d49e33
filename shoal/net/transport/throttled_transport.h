#pragma once

#include <memory>

#include <boost/asio/io_context.hpp>

#include "shoal/net/rate_limit.h"
#include "shoal/net/transport/transport.h"

namespace shoal::net {

// Wraps `transport` so that reads, and writes of chunks, keep to these limits (null: none). Other bytes are
// counted and sent at once. An unset limit costs one check. Returns `transport` itself when both limits are
// null.
std::unique_ptr<Transport> Throttled(std::unique_ptr<Transport> transport, boost::asio::io_context& context,
                                     std::shared_ptr<RateLimit> read_limit,
                                     std::shared_ptr<RateLimit> write_limit);

}  // namespace shoal::net
