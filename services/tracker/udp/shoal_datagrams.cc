#include "services/tracker/udp/shoal_datagrams.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "shoal/tracking/messages/datagram.h"

namespace shoal::tracker {
namespace {

// Performs one request.
struct Perform {
  Registry* registry;
  AddressVerifier* verifier;
  ListenerMetrics* metrics;
  const PeerAddresses& addresses;
  Caller caller;
  tracking::DatagramResponse* response;

  void operator()(tracking::RegisterRequest& request) const {
    auto result = verifier->Register(caller, addresses, request);
    if (result.ok()) PeerAddresses::NameTo(caller, &result->peers);
    Set(Call::kRegister, std::move(result));
  }
  void operator()(const tracking::HeartbeatRequest& request) const {
    Set(Call::kHeartbeat, registry->Heartbeat(request, caller.source));
  }
  void operator()(const tracking::LookupRequest& request) const {
    auto result = registry->Lookup(request);
    if (result.ok()) PeerAddresses::NameTo(caller, &result->peers);
    Set(Call::kLookup, std::move(result));
  }
  void operator()(const tracking::LeaveRequest& request) const {
    Set(Call::kLeave, registry->Leave(request));
  }

  void operator()(const absl::Status& ill_formed) const { response->body = ill_formed; }

  template <typename Response>
  void Set(Call call, absl::StatusOr<Response> result) const {
    metrics->CountCall(Listener::kUdp, call, result.status().code());
    if (result.ok()) {
      response->body = *std::move(result);
    } else {
      response->body = result.status();
    }
  }
};

// `local`: where the datagram arrived; unspecified: unknown.
absl::Status NeedsToken(const IpAddress& local, uint16_t grpc_port) {
  const std::string url =
      absl::StrCat("grpc://", local.is_unspecified() ? "HOST:" : "",
                   local.is_unspecified() ? absl::StrCat(grpc_port) : Endpoint{local, grpc_port}.ToString());
  return absl::PermissionDeniedError(
      absl::StrCat("this tracker asks for tokens, which datagrams don't carry: name it as ", url,
                   ", with --tracker-token-file"));
}

}  // namespace

Datagram ShoalDatagrams::Answer(absl::Duration now, bool overloaded, const PeerAddresses& addresses,
                                IncomingDatagram* datagram) const {
  absl::StatusOr<tracking::DatagramRequest> request = tracking::DatagramRequest::Decode(datagram->bytes);
  if (!request.ok()) return Datagram::kMalformed;
  tracking::DatagramResponse response;
  response.transaction_id = request->transaction_id;
  response.grpc_port = grpc_port_;
  const bool proven = cookies_->Check(datagram->source, request->cookie);
  const bool admitted =
      proven ? limiter_->Admit(datagram->source.ip, now) : !overloaded && limiter_->AdmitUnproven(now);
  if (!admitted) return Datagram::kOverRate;
  const bool forbidden = proven && access_->needs_tokens();
  if (forbidden) {
    response.body = NeedsToken(datagram->local, grpc_port_);
  } else if (proven) {
    const Caller caller{datagram->source.ip, datagram->local};
    std::visit(Perform{registry_, verifier_, metrics_, addresses, caller, &response}, request->body);
  } else {
    response.body = tracking::DatagramCookie{cookies_->Make(datagram->source)};
  }
  const size_t asked = datagram->bytes.size();
  // The response to an ill-formed request is no larger than the request: it loses its text if need be; the
  // code always fits.
  const bool ill_formed = proven && !forbidden && std::holds_alternative<absl::Status>(request->body);
  std::string encoded = response.Encode(ill_formed ? asked : tracking::kMaxDatagramBytes);
  if (ill_formed && encoded.size() > asked) {
    response.body = absl::InvalidArgumentError("");
    encoded = response.Encode();
  }
  if (!proven && encoded.size() > asked) return Datagram::kTooShort;
  std::copy(encoded.begin(), encoded.end(), datagram->room.begin());
  datagram->response_bytes = encoded.size();
  if (ill_formed || forbidden) return Datagram::kRefused;
  return proven ? Datagram::kAnswered : Datagram::kCookieGiven;
}

}  // namespace shoal::tracker
