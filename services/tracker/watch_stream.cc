#include "services/tracker/watch_stream.h"

#include <utility>

#include "shoal/service/grpc_server.h"
#include "shoal/tracking/proto_conversion.h"

namespace shoal::tracker {

std::shared_ptr<WatchStream> WatchStream::Start(Registry* registry, const WatchRequest& request,
                                                std::function<void(WatchStream*)> on_done) {
  const std::shared_ptr<WatchStream> stream(new WatchStream(registry, request, std::move(on_done)));
  stream->self_ = stream;
  const std::weak_ptr<WatchStream> weak = stream;
  stream->watcher_ =
      std::make_shared<SwarmWatcher>(request.exclude, registry->options().limits.max_watch_backlog, [weak] {
        if (const auto alive = weak.lock()) alive->Proceed();
      });
  // So that the client knows that it is watching, though nothing may happen for long.
  stream->StartSendInitialMetadata();
  if (const absl::Status watching = registry->Watch(request.content, stream->watcher_); !watching.ok()) {
    stream->End(watching);
  }
  return stream;
}

void WatchStream::End(const absl::Status& status) {
  {
    MutexLock lock(&mutex_);
    if (!end_) end_ = status;
  }
  Proceed();
}

void WatchStream::OnWriteDone(bool ok) {
  {
    MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok && !end_) end_ = absl::CancelledError("the watcher is gone");
  }
  Proceed();
}

void WatchStream::OnCancel() {
  End(absl::CancelledError("the watcher is gone"));
}

void WatchStream::OnDone() {
  registry_->Unwatch(content_, watcher_.get());
  on_done_(this);
  self_.reset();
}

void WatchStream::Proceed() {
  std::optional<absl::Status> finish_with;
  {
    MutexLock lock(&mutex_);
    if (writing_ || finished_) return;
    if (!end_ && watcher_->lost()) {
      end_ =
          absl::ResourceExhaustedError("this watcher reads more slowly than the swarm changes: watch again");
    }
    if (end_) {
      finished_ = true;
      finish_with = end_;
    } else {
      const std::optional<SwarmEvent> event = watcher_->Next();
      if (!event) return;
      ToProto(*event, &event_);
      writing_ = true;
    }
  }
  // Only one thread comes here at a time: others see writing_ or finished_. gRPC is called without the lock,
  // because it may call back at once.
  if (finish_with) {
    Finish(ToGrpc(*finish_with));
  } else {
    StartWrite(&event_);
  }
}

}  // namespace shoal::tracker
