#include "services/tracker/datagram_dispatch.h"

#include "shoal/tracking/datagram.h"

namespace shoal::tracker {

std::string DatagramDispatch::Answer(ByteView datagram, const Endpoint& source) const {
  if (LooksLikeDatagramRequest(datagram)) return shoal_->Answer(datagram, source);
  metrics_->CountDatagrams(Datagram::kMalformed);
  return {};
}

}  // namespace shoal::tracker
