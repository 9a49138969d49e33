#include "services/tracker/grpc/tracker_service.h"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/arena.h"
#include "services/tracker/grpc/watch_stream.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/peer_identity.h"
#include "shoal/tracker/v1/messages.pb.h"
#include "shoal/tracker/v1/tracker.pb.h"
#include "shoal/tracking/messages/proto_conversion.h"
#include "shoal/tracking/messages/warm_up.h"

namespace shoal::tracker {
namespace {

// The description of the service, for listeners that convert its messages to JSON. It registers itself where
// it is linked in, and nothing else refers to it.
[[gnu::used]] const void* const kServiceDescription =
    &descriptor_table_shoal_2ftracker_2fv1_2ftracker_2eproto;

constexpr Right kPublishing[] = {Right::kPublish};
constexpr Right kFetching[] = {Right::kFetch};

// The size of most requests as a message; larger ones allocate more.
constexpr size_t kRequestArenaBytes = 1024;

// A request's message, in an arena.
template <typename Message>
class Parsed {
 public:
  explicit Parsed(ByteView bytes)
      : arena_(memory_, sizeof memory_), message_(google::protobuf::Arena::CreateMessage<Message>(&arena_)) {
    ok_ = message_->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  }
  bool ok() const { return ok_; }
  const Message& operator*() const { return *message_; }

 private:
  alignas(8) char memory_[kRequestArenaBytes];
  google::protobuf::Arena arena_;
  Message* const message_;
  bool ok_ = false;
};

template <typename Message, typename Response>
std::string Encode(const Response& response) {
  Message message;
  ToProto(response, &message);
  return message.SerializeAsString();
}

// LookupResponse makes up most of the bytes that a tracker sends, so it has an encoder of its own.
template <>
std::string Encode<v1::LookupResponse>(const tracking::LookupResponse& response) {
  return tracking::EncodeLookupResponse(response);
}

// The cost of a call against its source's rate: one, and more for a call about many contents. A signature,
// which may have to be verified, counts more than a content.
template <typename In>
uint32_t CostOf(const In&) {
  return 1;
}
uint32_t CostOf(const v1::RegisterManyRequest& in) {
  const auto with_signature = std::count_if(in.registrations().begin(), in.registrations().end(),
                                            [](const auto& each) { return each.has_signature(); });
  return 1 + static_cast<uint32_t>(in.registrations_size()) / 8 + static_cast<uint32_t>(with_signature) / 2;
}
uint32_t CostOf(const v1::LookupManyRequest& in) {
  return 1 + static_cast<uint32_t>(in.content_ids_size()) / 8;
}

class StateTrackerService final : public TrackerService {
 public:
  StateTrackerService(TrackerState* state, const CurrentPeerAddresses* addresses, AddressVerifier* verifier,
                      ListenerMetrics* metrics, RateLimiter* limiter, const AccessControl* access,
                      const TicketIssuer* tickets, const Clock* clock)
      : state_(state),
        registry_(state->registry()),
        addresses_(addresses),
        verifier_(verifier),
        metrics_(metrics),
        limiter_(limiter),
        access_(access),
        tickets_(tickets),
        clock_(clock),
        watches_(state->registry(), addresses) {}

  void AddTo(Listener listener, service::GrpcMethods* methods) override {
    // A peer that passes on what it fetched has the right to fetch; a publisher whose content was replaced
    // under its name passes it on as well, and publishes.
    const Rights to_serve = {Right::kPublish, Right::kFetch};
    Add<v1::RegisterRequest, v1::RegisterResponse>(
        listener, methods, "Register", Call::kRegister, to_serve,
        [this](service::GrpcCall* call, const Access& access, tracking::RegisterRequest& request) {
          auto response = Register(call, access, request);
          if (response.ok()) response->ticket_issuer = tickets_->public_key();
          return response;
        });
    Add<v1::RegisterManyRequest, v1::RegisterManyResponse>(
        listener, methods, "RegisterMany", Call::kRegisterMany, to_serve,
        [this](service::GrpcCall* call, const Access& access, tracking::RegisterManyRequest& request) {
          return RegisterEach(call, access, request);
        });
    Add<v1::HeartbeatRequest, v1::HeartbeatResponse>(
        listener, methods, "Heartbeat", Call::kHeartbeat, to_serve,
        [this](service::GrpcCall* call, const Access&, const tracking::HeartbeatRequest& request) {
          // Few heartbeats report a peer, and finding the source takes long.
          auto response =
              registry_->Heartbeat(request, request.reports.empty() ? IpAddress() : CallerOf(*call).source);
          if (response.ok()) response->ticket_issuer = tickets_->public_key();
          return response;
        });
    Add<v1::LookupRequest, v1::LookupResponse>(
        listener, methods, "Lookup", Call::kLookup, {Right::kFetch},
        [this](service::GrpcCall* call, const Access& access, const tracking::LookupRequest& request) {
          return LookUp(call, access, request);
        });
    Add<v1::LookupManyRequest, v1::LookupManyResponse>(
        listener, methods, "LookupMany", Call::kLookupMany, {Right::kFetch},
        [this](service::GrpcCall* call, const Access& access, const tracking::LookupManyRequest& request) {
          auto response = LookUpEach(access, request);
          if (!response.ok()) return response;
          for (tracking::LookupResponse& result : response->results) NameTo(call, &result.peers);
          return response;
        });
    Add<v1::ListContentsRequest, v1::ListContentsResponse>(
        listener, methods, "ListContents", Call::kListContents, {Right::kList},
        [this](service::GrpcCall*, const Access& access, const tracking::ListContentsRequest& request) {
          auto response = state_->ListContents(request);
          if (response.ok() && !access.HasAllNames()) {
            std::erase_if(response->contents, [&](const tracking::ContentStatus& content) {
              return !access.HasName(content.summary.name);
            });
            response->bittorrent_swarms.clear();
          }
          return response;
        });
    Add<v1::GetSwarmRequest, v1::GetSwarmResponse>(
        listener, methods, "GetSwarm", Call::kGetSwarm, {Right::kList},
        [this](service::GrpcCall* call, const Access& access, const tracking::ContentKey& content) {
          return Swarm(call, access, content);
        });
    Add<v1::LeaveRequest, v1::LeaveResponse>(
        listener, methods, "Leave", Call::kLeave, to_serve,
        [this](service::GrpcCall*, const Access&, const tracking::LeaveRequest& request) {
          return registry_->Leave(request);
        });
    methods->Add(kName, "Watch",
                 service::GrpcMethods::ServerStream{
                     [this, listener](service::GrpcCall* call, ByteView request,
                                      const std::shared_ptr<service::GrpcStream>& stream) {
                       auto opened = Watch(call, request, stream);
                       metrics_->CountCall(listener, Call::kWatch, opened.status().code());
                       return opened;
                     }});
  }

  void EndWatches() override { watches_.End(); }

 private:
  using Rights = std::initializer_list<Right>;

  // Adds a unary method for callers that have one of the rights: `perform` gets what the caller may do and
  // the request as values, and returns a StatusOr of the response.
  template <typename In, typename Out, typename Perform>
  void Add(Listener listener, service::GrpcMethods* methods, const char* name, Call kind, Rights one_of,
           Perform perform) {
    const std::vector<Right> rights = one_of;
    methods->Add(kName, name,
                 service::GrpcMethods::Unary{
                     [this, listener, kind, rights, perform](service::GrpcCall* call, ByteView bytes) {
                       const absl::Duration began = clock_->Uptime();
                       const absl::StatusOr<std::string> response =
                           Answer<In, Out>(call, began, bytes, rights, perform);
                       if (listener == Listener::kGrpc) metrics_->RecordCall(kind, clock_->Uptime() - began);
                       metrics_->CountCall(listener, kind, response.status().code());
                       return response;
                     }});
  }

  template <typename In, typename Out, typename Perform>
  absl::StatusOr<std::string> Answer(service::GrpcCall* call, absl::Duration now, ByteView bytes,
                                     std::span<const Right> rights, const Perform& perform) {
    const Parsed<In> in(bytes);
    SHOAL_RETURN_IF_ERROR(Admit(call, now, CostOf(*in)));
    SHOAL_ASSIGN_OR_RETURN(const Access access, AccessOf(*call, rights));
    if (!in.ok()) return NotAMessage();
    SHOAL_ASSIGN_OR_RETURN(auto request, tracking::FromProto(*in));
    const auto response = perform(call, access, request);
    if (response.ok()) return Encode<Out>(*response);
    const absl::Duration warm_up = tracking::WarmUpOf(response.status());
    if (warm_up > absl::ZeroDuration())
      call->AddTrailingMetadata(tracking::kWarmUpMetadata, tracking::WarmUpText(warm_up));
    return response.status();
  }

  // Errors: UNAUTHENTICATED, PERMISSION_DENIED.
  absl::StatusOr<Access> AccessOf(const service::GrpcCall& call, std::span<const Right> rights) const {
    if (!access_->needs_tokens()) return Access();
    SHOAL_ASSIGN_OR_RETURN(Access access, access_->Of(call.Metadata("authorization")));
    SHOAL_RETURN_IF_ERROR(access.Need(rights));
    return access;
  }

  // Unspecified addresses for a caller without any, such as one at a Unix socket.
  static Caller CallerOf(const service::GrpcCall& call) {
    Caller caller;
    if (const absl::StatusOr<Endpoint> source = call.source(); source.ok()) caller.source = source->ip;
    if (const absl::StatusOr<Endpoint> local = call.local(); local.ok()) caller.local = local->ip;
    return caller;
  }

  // Most peers need no address of the caller, and finding it takes a lock that all calls share.
  static void NameTo(service::GrpcCall* call, std::vector<tracking::PeerInfo>* peers) {
    std::optional<Caller> caller;
    for (tracking::PeerInfo& peer : *peers) {
      if (!PeerAddresses::DependsOnCaller(peer)) continue;
      if (!caller) caller = CallerOf(*call);
      PeerAddresses::NameTo(*caller, &peer);
    }
  }

  static absl::Status NotAMessage() {
    return absl::InvalidArgumentError("the bytes are no message of this method");
  }

  // Errors: RESOURCE_EXHAUSTED when the caller's address calls too often. Callers without an address (a Unix
  // socket) are on this machine, and not limited.
  absl::Status Admit(service::GrpcCall* call, absl::Duration now, uint32_t cost) {
    if (!limiter_->limits_sources()) return absl::OkStatus();
    const absl::StatusOr<Endpoint> source = call->source();
    if (!source.ok() || limiter_->Admit(source->ip, now, cost)) return absl::OkStatus();
    call->AddTrailingMetadata("grpc-retry-pushback-ms", "1000");
    return absl::ResourceExhaustedError(
        absl::StrCat(source->ip.ToString(), " asks more than the ", limiter_->rates().per_source_per_second,
                     " times a second that this tracker grants an address: try again in a second"));
  }

  absl::StatusOr<tracking::RegisterResponse> Register(service::GrpcCall* call, const Access& access,
                                                      tracking::RegisterRequest& request) {
    if (request.publishes) SHOAL_RETURN_IF_ERROR(access.Need(kPublishing));
    SHOAL_RETURN_IF_ERROR(access.NeedName(request.content.name));
    auto response = RegisterFrom(*call, request);
    if (response.ok()) NameTo(call, &response->peers);
    return response;
  }

  absl::StatusOr<tracking::RegisterResponse> RegisterFrom(const service::GrpcCall& call,
                                                          tracking::RegisterRequest& request) {
    if (const absl::StatusOr<Endpoint> source = call.source(); source.ok())
      return verifier_->Register({source->ip, IpAddress()}, *addresses_->Snapshot(), request);
    if (request.endpoint.ip.is_unspecified()) {
      return absl::InvalidArgumentError(
          "endpoint.ip: is missing, and the call does not come from an IP address");
    }
    std::erase_if(request.other_endpoints, [](const Endpoint& other) { return other.ip.is_unspecified(); });
    return registry_->Register(request);
  }

  absl::StatusOr<tracking::RegisterManyResponse> RegisterEach(service::GrpcCall* call, const Access& access,
                                                              tracking::RegisterManyRequest& request) {
    tracking::RegisterManyResponse response;
    response.ticket_issuer = tickets_->public_key();
    response.outcomes.reserve(request.registrations.size());
    uint32_t room = tracking::kMaxPeersPerRegisterMany;
    for (absl::StatusOr<tracking::RegisterRequest>& one : request.registrations) {
      if (!one.ok()) {
        response.outcomes.emplace_back(one.status());
        continue;
      }
      one->max_peers = std::min(one->max_peers, room);
      response.outcomes.push_back(Register(call, access, *one));
      if (response.outcomes.back().ok())
        room -= static_cast<uint32_t>(response.outcomes.back()->peers.size());
    }
    return response;
  }

  absl::StatusOr<tracking::LookupResponse> LookUp(service::GrpcCall* call, const Access& access,
                                                  const tracking::LookupRequest& request) {
    if (const auto* name = std::get_if<std::string>(&request.content))
      SHOAL_RETURN_IF_ERROR(access.NeedName(*name));
    auto response = registry_->Lookup(request);
    if (!response.ok()) return response;
    // All contents in one response have one name.
    SHOAL_RETURN_IF_ERROR(access.NeedName(response->contents[0].summary.name));
    NameTo(call, &response->peers);
    if (const auto peer = TicketHolder(request.peer_secret); peer && response->contents.size() == 1) {
      const tracking::ContentSummary& content = response->contents[0].summary;
      response->ticket = tickets_->Issue(content.id, content.name, *peer);
    }
    return response;
  }

  // The peer that a lookup with this secret brings a ticket for, if any.
  std::optional<PeerId> TicketHolder(const PeerSecret& secret) const {
    if (!tickets_->issues() || secret.is_zero()) return std::nullopt;
    return PeerIdOf(secret);
  }

  absl::StatusOr<tracking::GetSwarmResponse> Swarm(service::GrpcCall* call, const Access& access,
                                                   const tracking::ContentKey& content) {
    if (const auto* name = std::get_if<std::string>(&content)) {
      SHOAL_RETURN_IF_ERROR(access.NeedName(*name));
    } else if (const auto* info_hash = std::get_if<InfoHash>(&content); info_hash && !access.HasAllNames()) {
      return access.NeedName(info_hash->ToHex());  // BitTorrent's swarms have no other name
    }
    auto response = state_->GetSwarm(content);
    if (!response.ok()) return response;
    if (!response->bittorrent_swarm) SHOAL_RETURN_IF_ERROR(access.NeedName(response->content.summary.name));
    const Caller caller = CallerOf(*call);
    for (tracking::SwarmPeer& peer : response->peers) PeerAddresses::NameTo(caller, &peer.peer);
    for (tracking::BitTorrentPeer& peer : response->bittorrent_peers)
      peer.endpoint.ip = PeerAddresses::NameTo(caller, peer.endpoint.ip);
    return response;
  }

  // An unknown content has an empty result, and so has one whose name the caller's token is not for; any
  // other error fails the call.
  absl::StatusOr<tracking::LookupManyResponse> LookUpEach(const Access& access,
                                                          const tracking::LookupManyRequest& request) {
    tracking::LookupManyResponse response;
    response.results.reserve(request.contents.size());
    response.warming_up = registry_->warming_up();
    const std::optional<PeerId> holder = TicketHolder(request.peer_secret);
    uint32_t room = tracking::kMaxPeersPerLookupMany;
    tracking::LookupRequest one{ContentId(), request.exclude, 0, request.site};
    for (const ContentId& content : request.contents) {
      one.content = content;
      one.max_peers = request.max_peers == 0 ? tracking::kDefaultPeersPerResponse : request.max_peers;
      absl::StatusOr<tracking::LookupResponse> found = registry_->Lookup(one);
      if (!found.ok() && !absl::IsNotFound(found.status())) return found.status();
      tracking::LookupResponse& result = response.results.emplace_back();
      if (!found.ok() || !access.HasName(found->contents[0].summary.name)) continue;
      result = *std::move(found);
      result.warming_up = absl::ZeroDuration();  // once for all
      if (holder) result.ticket = tickets_->Issue(content, result.contents[0].summary.name, *holder);
      if (result.peers.size() > room) result.peers.resize(room);
      room -= static_cast<uint32_t>(result.peers.size());
    }
    return response;
  }

  absl::StatusOr<std::unique_ptr<service::GrpcStreamSource>> Watch(
      service::GrpcCall* call, ByteView bytes, const std::shared_ptr<service::GrpcStream>& stream) {
    const Parsed<v1::WatchRequest> in(bytes);
    SHOAL_RETURN_IF_ERROR(Admit(call, clock_->Uptime(), 1));
    SHOAL_ASSIGN_OR_RETURN(const Access access, AccessOf(*call, kFetching));
    if (!in.ok()) return NotAMessage();
    SHOAL_ASSIGN_OR_RETURN(const tracking::WatchRequest request, tracking::FromProto(*in));
    if (!access.HasAllNames()) {
      // A content that is not known yet could be of any name.
      SHOAL_ASSIGN_OR_RETURN(const auto known, registry_->Lookup({request.content, std::nullopt, 1}));
      SHOAL_RETURN_IF_ERROR(access.NeedName(known.contents[0].summary.name));
    }
    return watches_.Open(request, CallerOf(*call), stream);
  }

  TrackerState* const state_;
  Registry* const registry_;  // of the state
  const CurrentPeerAddresses* const addresses_;
  AddressVerifier* const verifier_;
  ListenerMetrics* const metrics_;
  RateLimiter* const limiter_;
  const AccessControl* const access_;
  const TicketIssuer* const tickets_;
  const Clock* const clock_;
  WatchStreams watches_;
};

}  // namespace

std::unique_ptr<TrackerService> TrackerService::Create(TrackerState* state,
                                                       const CurrentPeerAddresses* addresses,
                                                       AddressVerifier* verifier, ListenerMetrics* metrics,
                                                       RateLimiter* limiter, const AccessControl* access,
                                                       const TicketIssuer* tickets, const Clock* clock) {
  return std::make_unique<StateTrackerService>(state, addresses, verifier, metrics, limiter, access, tickets,
                                               clock);
}

}  // namespace shoal::tracker
