#include "services/tracker/grpc/watch_stream.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "shoal/base/status_macros.h"
#include "shoal/tracker/v1/messages.pb.h"
#include "shoal/tracking/messages/proto_conversion.h"

namespace shoal::tracker {
namespace {

// Of all watchers, one in so many may be one source's.
constexpr uint64_t kPartOfASource = 16;
constexpr uint64_t kPartOfThisMachine = 2;

}  // namespace

// One open call of a source, as long as it lives.
class WatchStreams::Share {
 public:
  // Null: the source has `most` already.
  static std::unique_ptr<Share> Take(WatchStreams* streams, const IpAddress& source, uint64_t most) {
    MutexLock lock(&streams->mutex_);
    const auto entry = streams->by_source_.try_emplace(source, 0).first;
    if (entry->second >= most) return nullptr;
    ++entry->second;
    return std::unique_ptr<Share>(new Share(streams, source));
  }
  ~Share() {
    MutexLock lock(&streams_->mutex_);
    const auto entry = streams_->by_source_.find(source_);
    if (--entry->second == 0) streams_->by_source_.erase(entry);
  }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

 private:
  Share(WatchStreams* streams, const IpAddress& source) : streams_(streams), source_(source) {}

  WatchStreams* const streams_;
  const IpAddress source_;
};

// The events of a watcher as messages, until it is lost or the tracker stops.
class WatchStreams::Source final : public service::GrpcStreamSource {
 public:
  Source(const WatchStreams* streams, const ContentId& content, const Caller& caller,
         std::shared_ptr<SwarmWatcher> watcher, std::unique_ptr<Share> share)
      : streams_(streams),
        content_(content),
        caller_(caller),
        watcher_(std::move(watcher)),
        share_(std::move(share)) {}
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
  const std::unique_ptr<Share> share_;
};

absl::StatusOr<std::unique_ptr<service::GrpcStreamSource>> WatchStreams::Open(
    const tracking::WatchRequest& request, const Caller& caller,
    const std::shared_ptr<service::GrpcStream>& stream) {
  const bool is_here = addresses_->Snapshot()->IsHere(caller.source);
  const uint64_t all = registry_->max_watchers();
  const uint64_t most = std::max<uint64_t>(all / (is_here ? kPartOfThisMachine : kPartOfASource), 1);
  auto share = Share::Take(this, is_here ? IpAddress() : caller.source.SourcePrefix(), most);
  if (share == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat(is_here ? "the tracker's own machine" : "this address", " has ", most,
                     " Watch calls open, its share of the ", all,
                     " of this tracker: end some of them, or have its operator raise --max-watchers"));
  }
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
  return std::make_unique<Source>(this, request.content, caller, std::move(watcher), std::move(share));
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
