#include "services/tracker/shoal_datagrams.h"

#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "shoal/tracking/datagram.h"

namespace shoal::tracker {
namespace {

// Does what one request asks for.
struct Perform {
  Registry* registry;
  DoorMetrics* metrics;
  const Endpoint& source;
  DatagramReply* reply;

  void operator()(RegisterRequest& request) const {
    if (request.endpoint.ip.is_unspecified()) request.endpoint.ip = source.ip;
    Set(Call::kRegister, registry->Register(request));
  }
  void operator()(const HeartbeatRequest& request) const {
    Set(Call::kHeartbeat, registry->Heartbeat(request));
  }
  void operator()(const LookupRequest& request) const { Set(Call::kLookup, registry->Lookup(request)); }
  void operator()(const LeaveRequest& request) const {
    Set(Call::kLeave, absl::StatusOr<LeaveReply>(registry->Leave(request)));
  }

  template <typename Reply>
  void Set(Call call, absl::StatusOr<Reply> result) const {
    metrics->CountCall(Door::kUdp, call, result.status().code());
    if (result.ok()) {
      reply->body = *std::move(result);
    } else {
      reply->body = result.status();
    }
  }
};

}  // namespace

std::string ShoalDatagrams::Answer(ByteView bytes, const Endpoint& source) const {
  absl::StatusOr<DatagramRequest> request = DatagramRequest::Decode(bytes);
  if (!request.ok()) {
    metrics_->CountDatagrams(Datagram::kMalformed);
    return {};
  }
  DatagramReply reply;
  reply.transaction_id = request->transaction_id;
  reply.grpc_port = grpc_port_;
  if (!cookies_->Check(source, request->cookie)) {
    reply.body = DatagramCookie{cookies_->Make(source)};
    std::string encoded = reply.Encode();
    const bool fits = encoded.size() <= bytes.size();
    metrics_->CountDatagrams(fits ? Datagram::kCookieGiven : Datagram::kTooShort);
    return fits ? encoded : std::string();
  }
  std::visit(Perform{registry_, metrics_, source, &reply}, request->body);
  metrics_->CountDatagrams(Datagram::kAnswered);
  return reply.Encode();
}

}  // namespace shoal::tracker
