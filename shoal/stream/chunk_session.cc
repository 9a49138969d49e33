#include "shoal/stream/chunk_session.h"

#include <utility>

#include "shoal/net/transport/transport.h"
#include "shoal/stream/transport_session.h"

namespace shoal::stream {

std::shared_ptr<ChunkSession> ChunkSession::Dial(net::EventLoop& loop,
                                                 const net::TransportFactory& transports,
                                                 const Endpoint& peer, const SessionTerms& terms,
                                                 const SessionLimits& limits,
                                                 std::shared_ptr<const ChunkSource> source,
                                                 SessionDelegate* delegate) {
  std::shared_ptr<TransportSession> session = TransportSession::Dialling(
      loop, transports.Dial(loop, peer), terms, limits, std::move(source), delegate);
  session->Start();
  return session;
}

}  // namespace shoal::stream
