#include "clients/leecher/download/download.h"

#include <memory>
#include <optional>
#include <utility>

#include "clients/leecher/download/download_engine.h"
#include "clients/leecher/download/download_readers.h"
#include "shoal/base/clock.h"
#include "shoal/base/mutex.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/rate_limit.h"
#include "shoal/net/transport/transport.h"

namespace shoal::leecher {
namespace {

// Connections that this process makes are under its limits, because chunks arrive over them.
DownloadOptions WithLimitedSessions(DownloadOptions options, const RateLimits& limits) {
  options.tuning.session.read_limit = limits.down;
  options.tuning.session.write_limit = limits.up;
  return options;
}

// Connects to peers under the limits of one download, besides those of the session.
class LimitedTransports final : public net::TransportFactory {
 public:
  LimitedTransports(std::shared_ptr<const net::TransportFactory> transports,
                    std::shared_ptr<net::RateLimit> limit_down, std::shared_ptr<net::RateLimit> limit_up)
      : transports_(std::move(transports)),
        limit_down_(std::move(limit_down)),
        limit_up_(std::move(limit_up)) {}

  std::unique_ptr<net::Transport> Accept(net::EventLoop& loop, FileDescriptor socket) const override {
    return Limited(loop, transports_->Accept(loop, std::move(socket)));
  }
  std::unique_ptr<net::Transport> Dial(net::EventLoop& loop, const Endpoint& peer) const override {
    return Limited(loop, transports_->Dial(loop, peer));
  }

 private:
  std::unique_ptr<net::Transport> Limited(net::EventLoop& loop,
                                          std::unique_ptr<net::Transport> transport) const {
    return net::Throttled(std::move(transport), loop, limit_down_, limit_up_);
  }

  const std::shared_ptr<const net::TransportFactory> transports_;
  const std::shared_ptr<net::RateLimit> limit_down_;
  const std::shared_ptr<net::RateLimit> limit_up_;
};

class DownloadHandle final : public Download {
 public:
  DownloadHandle(DownloadRuntime& runtime, DownloadOptions options, DownloadObserver observer)
      : runtime_(runtime),
        loop_(runtime.NextLoop()),
        limit_(std::make_shared<net::RateLimit>(options.limit_down_bytes_per_second)),
        transports_(std::make_shared<LimitedTransports>(runtime.transports(), limit_, options.limit_up)),
        options_(WithLimitedSessions(std::move(options), runtime.limits())),
        observer_(std::move(observer)),
        readers_(std::make_shared<DownloadReaders>(
            [this] { loop_.Post([this] { course_->engine.ReadersChanged(); }); })) {
    loop_.Post([this] { Begin(); });
  }

  ~DownloadHandle() override {
    Stop();
    board_.WaitForOutcome().IgnoreError();
    readers_->Close();
    // The loop lives on, so the engine dies on it, and takes with it what waits there.
    loop_.loop().Post([this] {
      loop_.Close();
      course_.reset();
      MutexLock lock(&mutex_);
      ended_ = true;
      changed_.NotifyAll();
    });
    MutexLock lock(&mutex_);
    while (!ended_) changed_.Wait(&mutex_);
  }

  DownloadStatus status() const override { return board_.status(); }
  void Pause() override { SetPaused(true); }
  void Resume() override { SetPaused(false); }
  void SetFilePriority(FileIndex file, FilePriority priority) override {
    loop_.Post([this, file, priority] { course_->engine.SetFilePriority(file, priority); });
  }
  void SetFilePriority(const std::string& glob, FilePriority priority) override {
    loop_.Post([this, glob, priority] {
      options_.selection.priorities.push_back({glob, priority});  // for a course that starts over
      course_->engine.SetFilePriority(glob, priority);
    });
  }
  void SetLimit(uint64_t down_bytes_per_second) override { limit_->Set(down_bytes_per_second); }
  void Stop() override {
    loop_.Post([this] {
      stopped_ = true;
      course_->engine.Stop();
    });
  }
  absl::Status Wait() override { return board_.WaitForOutcome(); }
  std::shared_ptr<const ChunkSource> source() const override { return board_.source(); }
  absl::StatusOr<std::unique_ptr<DownloadReader>> OpenReader(ChunkRange chunks,
                                                             std::function<void()> wake) override {
    return readers_->Open(chunks, std::move(wake));
  }
  absl::StatusOr<DownloadDetails> Details(absl::Duration patience) override;

 private:
  // An engine, and the scope of what is posted to it.
  struct Course {
    explicit Course(DownloadHandle& handle)
        : scope(handle.loop_.loop()),
          engine(handle.runtime_, scope, handle.transports_, handle.options_, handle.observer_, handle.board_,
                 *handle.readers_, [&handle] { handle.loop_.Post([&handle] { handle.Begin(); }); }) {}
    ~Course() { scope.Close(); }

    net::LoopScope scope;
    DownloadEngine engine;
  };

  // Begins, or starts over.
  void Begin() {
    course_.reset();
    course_ = std::make_unique<Course>(*this);
    course_->engine.Begin();
    if (paused_) course_->engine.SetPaused(true);
    if (stopped_) course_->engine.Stop();
  }

  void SetPaused(bool paused) {
    loop_.Post([this, paused] {
      paused_ = paused;
      course_->engine.SetPaused(paused);
    });
  }

  DownloadRuntime& runtime_;
  DownloadBoard board_;
  net::LoopScope loop_;
  const std::shared_ptr<net::RateLimit> limit_;
  const std::shared_ptr<const net::TransportFactory> transports_;
  // On the loop:
  DownloadOptions options_;
  const DownloadObserver observer_;
  const std::shared_ptr<DownloadReaders> readers_;
  std::unique_ptr<Course> course_;
  bool paused_ = false;
  bool stopped_ = false;

  Mutex mutex_;
  CondVar changed_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

absl::StatusOr<DownloadDetails> DownloadHandle::Details(absl::Duration patience) {
  struct Answer {
    Mutex mutex;
    CondVar given;
    std::optional<DownloadDetails> details ABSL_GUARDED_BY(mutex);
  };
  const auto answer = std::make_shared<Answer>();
  loop_.Post([this, answer] {
    DownloadDetails details = course_->engine.Details();
    MutexLock lock(&answer->mutex);
    answer->details = std::move(details);
    answer->given.NotifyAll();
  });
  const absl::Duration until = Clock::Real().Uptime() + patience;
  DownloadDetails details;
  {
    MutexLock lock(&answer->mutex);
    while (!answer->details.has_value()) {
      const absl::Duration left = until - Clock::Real().Uptime();
      if (left <= absl::ZeroDuration()) return absl::DeadlineExceededError("the download is busy");
      answer->given.WaitFor(&answer->mutex, absl::ToChronoNanoseconds(left));
    }
    details = *std::move(answer->details);
  }
  const std::shared_ptr<const ChunkSource> held = source();
  if (held == nullptr) return details;
  AddHeldBytes(*held->manifest(), held->Held(), details.files);
  return details;
}

}  // namespace

std::unique_ptr<Download> Download::Start(DownloadRuntime& runtime, DownloadOptions options,
                                          DownloadObserver observer) {
  return std::make_unique<DownloadHandle>(runtime, std::move(options), std::move(observer));
}

}  // namespace shoal::leecher
