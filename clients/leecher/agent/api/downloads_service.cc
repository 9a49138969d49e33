#include "clients/leecher/agent/api/downloads_service.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "clients/leecher/agent/api/agent_conversion.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"

namespace shoal::leecher {
namespace {

constexpr size_t kMaxIds = 100'000;
constexpr size_t kShownEvents = 100;
constexpr size_t kShownFiles = 10'000;
constexpr uint32_t kDefaultPage = 100;
constexpr uint32_t kMaxPage = 1000;
// Downloads in one message of a stream, so that it stays well below what clients accept.
constexpr size_t kDownloadsPerMessage = 500;
constexpr absl::Duration kBetweenDetails = absl::Seconds(1);

template <typename Request>
absl::StatusOr<Request> Parse(ByteView bytes) {
  Request request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("the request can't be decoded");
  }
  return request;
}

absl::StatusOr<std::vector<DownloadId>> Ids(const google::protobuf::RepeatedField<uint64_t>& ids) {
  if (ids.empty()) return absl::InvalidArgumentError("ids: at least one is needed");
  if (ids.size() > static_cast<int>(kMaxIds)) return absl::InvalidArgumentError("ids: there are too many");
  std::vector<DownloadId> out;
  for (const uint64_t id : ids) out.push_back(DownloadId(id));
  return out;
}

// A method that takes ids and returns nothing.
template <typename Request, typename Response, typename Command>
service::GrpcMethods::Answer ForIds(Command command) {
  return [command](service::GrpcCall*, ByteView bytes) -> absl::StatusOr<std::string> {
    SHOAL_ASSIGN_OR_RETURN(const Request request, Parse<Request>(bytes));
    SHOAL_ASSIGN_OR_RETURN(const std::vector<DownloadId> ids, Ids(request.ids()));
    SHOAL_RETURN_IF_ERROR(command(ids, request));
    return Response().SerializeAsString();
  };
}

template <typename Request>
service::GrpcMethods::Answer For(std::function<absl::StatusOr<std::string>(const Request&)> method) {
  return [method = std::move(method)](service::GrpcCall*, ByteView bytes) -> absl::StatusOr<std::string> {
    SHOAL_ASSIGN_OR_RETURN(const Request request, Parse<Request>(bytes));
    return method(request);
  };
}

absl::StatusOr<v1::GetResponse> Get(Agent& agent, DownloadId id,
                                    const absl::StatusOr<DownloadDetails>& details) {
  SHOAL_ASSIGN_OR_RETURN(const AgentDownload download, agent.Get(id));
  v1::GetResponse response;
  *response.mutable_download() = ToProto(download);
  for (const DownloadStatus::Peer& peer : download.status.peers) *response.add_peers() = ToProto(peer);
  for (const AgentEvent& event : agent.EventsOf(id, kShownEvents)) *response.add_events() = ToProto(event);
  if (details.ok() && details->chunks.chunk_count > 0) {
    *response.mutable_chunks() = ToProto(details->chunks);
  }
  return response;
}

absl::StatusOr<v1::GetManifestResponse> ManifestOf(Agent& agent, DownloadId id) {
  SHOAL_RETURN_IF_ERROR(agent.Get(id).status());
  const std::shared_ptr<const Manifest> manifest = agent.ManifestOf(id);
  if (manifest == nullptr) return absl::UnavailableError("the manifest is not there yet");
  SHOAL_ASSIGN_OR_RETURN(const DownloadDetails details, agent.Details(id));
  return DescribeManifest(*manifest, details.files, kShownFiles);
}

// The name and the id of the last content of a page.
std::string PageToken(const Offer& last) {
  return absl::WebSafeBase64Escape(absl::StrCat(last.content.summary.id.ToHex(), last.content.summary.name));
}

absl::StatusOr<std::pair<std::string, ContentId>> ParsePageToken(const std::string& token) {
  std::pair<std::string, ContentId> after;
  if (token.empty()) return after;
  std::string text;
  const size_t digits = 2 * ContentId::kSizeBytes;
  if (!absl::WebSafeBase64Unescape(token, &text) || text.size() < digits) {
    return absl::InvalidArgumentError("page_token: it is not one of this agent");
  }
  const absl::StatusOr<ContentId> id = ContentId::FromHex(text.substr(0, digits));
  if (!id.ok()) return absl::InvalidArgumentError("page_token: it is not one of this agent");
  return std::pair(text.substr(digits), *id);
}

absl::StatusOr<std::string> ListAvailable(Agent& agent, const v1::ListAvailableRequest& request) {
  const uint32_t size = request.page_size() == 0 ? kDefaultPage : std::min(request.page_size(), kMaxPage);
  SHOAL_ASSIGN_OR_RETURN(const auto after, ParsePageToken(request.page_token()));
  SHOAL_ASSIGN_OR_RETURN(const OfferPage page, agent.Offers(request.name_contains(), after, size));
  v1::ListAvailableResponse response;
  for (const Offer& offer : page.offers) {
    const tracking::ContentSummary& summary = offer.content.summary;
    v1::AvailableContent* const content = response.add_contents();
    *content = ToProto(offer);
    content->set_download_id(agent.FindContent(summary.id).value());
    for (const PublisherSignature& signature : offer.content.signatures) {
      // Trackers may lie. Only what is to be marked as trusted needs to be verified.
      const bool trusted = agent.Trusts(signature.key) && signature.Verifies(summary.id, summary.name);
      *content->add_signers() = ToProto(signature, trusted);
    }
  }
  if (page.more) response.set_next_page_token(PageToken(page.offers.back()));
  return response.SerializeAsString();
}

}  // namespace

// The open Watch streams.
class DownloadsService::Watches {
 public:
  void Add(std::weak_ptr<service::GrpcStream> stream) {
    MutexLock lock(&mutex_);
    std::erase_if(streams_, [](const auto& one) { return one.expired(); });
    streams_.push_back(std::move(stream));
  }
  bool ended() const {
    MutexLock lock(&mutex_);
    return ended_;
  }
  void End() {
    std::vector<std::weak_ptr<service::GrpcStream>> streams;
    {
      MutexLock lock(&mutex_);
      ended_ = true;
      streams.swap(streams_);
    }
    for (const auto& one : streams) {
      if (const auto stream = one.lock()) stream->Wake();
    }
  }

 private:
  mutable Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::weak_ptr<service::GrpcStream>> streams_ ABSL_GUARDED_BY(mutex_);
};

// The changes of an agent as messages.
class DownloadsService::ChangeStream final : public service::GrpcStreamSource {
 public:
  ChangeStream(Agent* agent, std::string version, DownloadId details_of, std::shared_ptr<Watches> watches,
               const std::shared_ptr<service::GrpcStream>& stream)
      : agent_(agent),
        version_(std::move(version)),
        details_of_(details_of),
        watches_(std::move(watches)),
        watch_(agent->Watch([weak = std::weak_ptr(stream)] {
          if (const auto alive = weak.lock()) alive->Wake();
        })) {}

  Message Next() override {
    if (watches_->ended()) return absl::UnavailableError("the agent is ending");
    if (rest_.empty()) {
      std::optional<AgentChanges> changes = watch_->Take();
      if (!changes.has_value()) return Nothing();
      Convert(*changes);
    }
    std::string bytes = rest_.front().SerializeAsString();
    rest_.erase(rest_.begin());
    return bytes;
  }

 private:
  void Convert(const AgentChanges& changes) {
    rest_.emplace_back();
    rest_.back().set_snapshot(changes.snapshot);
    bool details = changes.snapshot;
    for (size_t i = 0; i < changes.changed.size(); ++i) {
      if (i > 0 && i % kDownloadsPerMessage == 0) rest_.emplace_back();
      *rest_.back().add_changed() = ToProto(changes.changed[i]);
      details |= changes.changed[i].saved.id == details_of_;
    }
    v1::WatchResponse& last = rest_.back();
    for (const DownloadId id : changes.removed) last.add_removed(id.value());
    if (changes.totals.has_value()) *last.mutable_totals() = ToProto(*changes.totals, version_);
    if (changes.follows.has_value()) {
      last.mutable_follows();
      for (const FollowRule& rule : *changes.follows) *last.mutable_follows()->add_rules() = ToProto(rule);
    }
    for (const AgentEvent& event : changes.events) *last.add_events() = ToProto(event);
    last.set_events_lost(changes.events_lost);
    const absl::Duration now = Clock::Real().Uptime();
    if (details_of_.value() == 0 || !details || now - last_details_ < kBetweenDetails) return;
    last_details_ = now;
    AddDetails(&last);
  }

  void AddDetails(v1::WatchResponse* message) {
    const absl::StatusOr<DownloadDetails> details = agent_->Details(details_of_);
    absl::StatusOr<v1::GetResponse> response = Get(*agent_, details_of_, details);
    if (!response.ok()) return;  // it was removed
    *message->mutable_details() = *std::move(response);
    if (!details.ok()) return;
    for (size_t i = 0; i < std::min(details->files.size(), kShownFiles); ++i) {
      v1::FileProgress* progress = message->add_files();
      progress->set_index(static_cast<uint32_t>(i));
      progress->set_held_bytes(details->files[i].held_bytes);
      progress->set_priority(ToProto(details->files[i].priority));
    }
  }

  Agent* const agent_;
  const std::string version_;
  const DownloadId details_of_;
  const std::shared_ptr<Watches> watches_;
  const std::unique_ptr<AgentWatch> watch_;
  std::vector<v1::WatchResponse> rest_;
  absl::Duration last_details_ = -absl::InfiniteDuration();
};

DownloadsService::DownloadsService(Agent* agent, std::string version)
    : agent_(agent), version_(std::move(version)), watches_(std::make_shared<Watches>()) {}

DownloadsService::~DownloadsService() = default;

void DownloadsService::EndWatches() {
  watches_->End();
}

void DownloadsService::AddTo(service::GrpcMethods* methods) {
  using Methods = service::GrpcMethods;
  Agent* const agent = agent_;
  const auto add = [&](const char* method, Methods::Answer answer) {
    methods->Add(kName, method, Methods::Unary{std::move(answer)});
  };
  add("Add", For<v1::AddRequest>([agent](const v1::AddRequest& request) -> absl::StatusOr<std::string> {
        SHOAL_ASSIGN_OR_RETURN(Agent::Wanted wanted, FromProto(request));
        SHOAL_ASSIGN_OR_RETURN(const Agent::Added added, agent->Add(std::move(wanted)));
        v1::AddResponse response;
        *response.mutable_download() = ToProto(added.download);
        response.set_existed(added.existed);
        return response.SerializeAsString();
      }));
  add("List", For<v1::ListRequest>(
                  [agent, version = version_](const v1::ListRequest&) -> absl::StatusOr<std::string> {
                    v1::ListResponse response;
                    for (const AgentDownload& download : agent->List()) {
                      *response.add_downloads() = ToProto(download);
                    }
                    *response.mutable_totals() = ToProto(agent->totals(), version);
                    for (const FollowRule& rule : agent->follows()) *response.add_follows() = ToProto(rule);
                    return response.SerializeAsString();
                  }));
  add("Get", For<v1::GetRequest>([agent](const v1::GetRequest& request) -> absl::StatusOr<std::string> {
        const DownloadId id(request.id());
        SHOAL_ASSIGN_OR_RETURN(const v1::GetResponse response, Get(*agent, id, agent->Details(id)));
        return response.SerializeAsString();
      }));
  add("Pause", ForIds<v1::PauseRequest, v1::PauseResponse>(
                   [agent](const auto& ids, const auto&) { return agent->SetPaused(ids, true); }));
  add("Resume", ForIds<v1::ResumeRequest, v1::ResumeResponse>(
                    [agent](const auto& ids, const auto&) { return agent->SetPaused(ids, false); }));
  add("Remove", ForIds<v1::RemoveRequest, v1::RemoveResponse>([agent](const auto& ids, const auto& request) {
        return agent->Remove(ids, request.with_data());
      }));
  add("Verify", ForIds<v1::VerifyRequest, v1::VerifyResponse>(
                    [agent](const auto& ids, const auto&) { return agent->Verify(ids); }));
  add("Pin", ForIds<v1::PinRequest, v1::PinResponse>([agent](const auto& ids, const auto& request) {
        return agent->SetPinned(ids, request.pinned());
      }));
  add("SetFilePriority",
      For<v1::SetFilePriorityRequest>(
          [agent](const v1::SetFilePriorityRequest& request) -> absl::StatusOr<std::string> {
            SHOAL_ASSIGN_OR_RETURN(const auto rules, FromProto(request.rules()));
            if (rules.empty()) return absl::InvalidArgumentError("rules: at least one is needed");
            SHOAL_RETURN_IF_ERROR(agent->SetFilePriority(DownloadId(request.id()), rules));
            return v1::SetFilePriorityResponse().SerializeAsString();
          }));
  add("SetLimits",
      For<v1::SetLimitsRequest>([agent](const v1::SetLimitsRequest& request) -> absl::StatusOr<std::string> {
        const SavedLimits limits = FromProto(request.limits());
        if (request.ids().empty()) {
          SHOAL_RETURN_IF_ERROR(agent->SetLimits(limits));
        } else {
          SHOAL_ASSIGN_OR_RETURN(const std::vector<DownloadId> ids, Ids(request.ids()));
          SHOAL_RETURN_IF_ERROR(agent->SetDownloadLimits(ids, limits));
        }
        v1::SetLimitsResponse response;
        *response.mutable_limits() = request.limits();
        return response.SerializeAsString();
      }));
  add("Follow",
      For<v1::FollowRequest>([agent](const v1::FollowRequest& request) -> absl::StatusOr<std::string> {
        SHOAL_ASSIGN_OR_RETURN(FollowRule rule, FromProto(request.rule()));
        SHOAL_RETURN_IF_ERROR(agent->Follow(std::move(rule)));
        return v1::FollowResponse().SerializeAsString();
      }));
  add("Unfollow",
      For<v1::UnfollowRequest>([agent](const v1::UnfollowRequest& request) -> absl::StatusOr<std::string> {
        SHOAL_RETURN_IF_ERROR(agent->Unfollow(request.glob()));
        return v1::UnfollowResponse().SerializeAsString();
      }));
  add("ListAvailable", For<v1::ListAvailableRequest>([agent](const v1::ListAvailableRequest& request) {
        return ListAvailable(*agent, request);
      }));
  add("GetManifest",
      For<v1::GetManifestRequest>(
          [agent](const v1::GetManifestRequest& request) -> absl::StatusOr<std::string> {
            DownloadId id(request.download_id());
            if (request.content_case() == v1::GetManifestRequest::kContentHex) {
              const absl::StatusOr<ContentId> content = ContentId::FromHex(request.content_hex());
              if (!content.ok()) return absl::InvalidArgumentError("content_hex: 64 hex digits are needed");
              id = agent->FindContent(*content);
              if (id == DownloadId()) {
                SHOAL_ASSIGN_OR_RETURN(const auto manifest, agent->ManifestOffered(*content));
                return DescribeManifest(*manifest, {}, kShownFiles).SerializeAsString();
              }
            }
            SHOAL_ASSIGN_OR_RETURN(const v1::GetManifestResponse response, ManifestOf(*agent, id));
            return response.SerializeAsString();
          }));
  methods->Add(kName, "Watch",
               Methods::ServerStream{
                   [agent, version = version_, watches = watches_](
                       service::GrpcCall*, ByteView bytes, const std::shared_ptr<service::GrpcStream>& stream)
                       -> absl::StatusOr<std::unique_ptr<service::GrpcStreamSource>> {
                     SHOAL_ASSIGN_OR_RETURN(const v1::WatchRequest request, Parse<v1::WatchRequest>(bytes));
                     watches->Add(stream);
                     return std::make_unique<ChangeStream>(agent, version, DownloadId(request.details_of()),
                                                           watches, stream);
                   }});
}

}  // namespace shoal::leecher
