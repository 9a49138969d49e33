#include "services/tracker/grpc/watch_stream.h"

#include <optional>
#include <utility>
#include <variant>

#include "shoal/base/status_macros.h"
#include "shoal/tracker/v1/messages.pb.h"
#include "shoal/tracking/messages/proto_conversion.h"

namespace shoal::tracker {

// The events of a watcher as messages, until it is lost or the tracker stops.
class WatchStreams::Source final : public service::GrpcStreamSource {
 public:
  Source(const WatchStreams* streams, const ContentId& content, const Caller& caller,
         std::shared_ptr<SwarmWatcher> watcher)
      : streams_(streams), content_(content), caller_(caller), watcher_(std::move(watcher)) {}
  ~Source() override { streams_->registry_->Unwatch(content_, watcher_.get()); }

  Message Next() override {
    if (streams_->ended()) return absl::UnavailableError("this tracker is shutting down");
    if (watcher_->lost()) {
      return absl::ResourceExhaustedError(
          "this watcher reads more slowly than the swarm changes: watch again");
    }
    std::optional<tracking::SwarmEvent> event = watcher_->Next();
    if (!event) return Nothing();
    if (auto* peer = std::get_if<tracking::PeerInfo>(&*event)) PeerAddresses::NameTo(caller_, peer);
    v1::SwarmEvent out;
    tracking::ToProto(*event, &out);
    return out.SerializeAsString();
  }

 private:
  const WatchStreams* const streams_;
  const ContentId content_;
  const Caller caller_;
  const std::shared_ptr<SwarmWatcher> watcher_;
};

absl::StatusOr<std::unique_ptr<service::GrpcStreamSource>> WatchStreams::Open(
    const tracking::WatchRequest& request, const Caller& caller,
    const std::shared_ptr<service::GrpcStream>& stream) {
  const std::weak_ptr<service::GrpcStream> weak = stream;
  auto watcher =
      std::make_shared<SwarmWatcher>(request.exclude, registry_->options().limits.max_watch_backlog, [weak] {
        if (const auto alive = weak.lock()) alive->Wake();
      });
  {
    MutexLock lock(&mutex_);
    std::erase_if(streams_, [](const auto& one) { return one.expired(); });
    streams_.push_back(weak);
  }
  SHOAL_RETURN_IF_ERROR(registry_->Watch(request.content, watcher));
  return std::make_unique<Source>(this, request.content, caller, std::move(watcher));
}

void WatchStreams::End() {
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

bool WatchStreams::ended() const {
  MutexLock lock(&mutex_);
  return ended_;
}

}  // namespace shoal::tracker
