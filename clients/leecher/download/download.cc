#include "clients/leecher/download/download.h"

#include <memory>
#include <optional>
#include <utility>

#include "clients/leecher/download/download_engine.h"
#include "shoal/base/mutex.h"
#include "shoal/net/event_loop.h"

namespace shoal::leecher {
namespace {

// Connections that this process makes are under its limits, because chunks arrive over them.
DownloadOptions WithLimitedSessions(DownloadOptions options, const RateLimits& limits) {
  options.tuning.session.read_limit = limits.down;
  options.tuning.session.write_limit = limits.up;
  return options;
}

class DownloadHandle final : public Download {
 public:
  DownloadHandle(DownloadRuntime& runtime, DownloadOptions options, DownloadObserver observer)
      : loop_(runtime.NextLoop()),
        engine_(std::make_unique<DownloadEngine>(runtime, loop_,
                                                 WithLimitedSessions(std::move(options), runtime.limits()),
                                                 std::move(observer), board_)) {
    loop_.Post([this] { engine_->Begin(); });
  }

  ~DownloadHandle() override {
    Stop();
    board_.WaitForOutcome().IgnoreError();
    // The loop lives on, so the engine dies on it, and takes with it what waits there.
    loop_.loop().Post([this] {
      loop_.Close();
      engine_.reset();
      MutexLock lock(&mutex_);
      ended_ = true;
      changed_.NotifyAll();
    });
    MutexLock lock(&mutex_);
    while (!ended_) changed_.Wait(&mutex_);
  }

  DownloadStatus status() const override { return board_.status(); }
  void Pause() override {
    loop_.Post([this] { engine_->SetPaused(true); });
  }
  void Resume() override {
    loop_.Post([this] { engine_->SetPaused(false); });
  }
  void SetFilePriority(FileIndex file, FilePriority priority) override {
    loop_.Post([this, file, priority] { engine_->SetFilePriority(file, priority); });
  }
  void SetFilePriority(const std::string& glob, FilePriority priority) override {
    loop_.Post([this, glob, priority] { engine_->SetFilePriority(glob, priority); });
  }
  void Stop() override {
    loop_.Post([this] { engine_->Stop(); });
  }
  absl::Status Wait() override { return board_.WaitForOutcome(); }
  std::shared_ptr<const ChunkSource> source() const override { return board_.source(); }

 private:
  DownloadBoard board_;
  net::LoopScope loop_;
  std::unique_ptr<DownloadEngine> engine_;  // on the loop
  Mutex mutex_;
  CondVar changed_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

std::unique_ptr<Download> Download::Start(DownloadRuntime& runtime, DownloadOptions options,
                                          DownloadObserver observer) {
  return std::make_unique<DownloadHandle>(runtime, std::move(options), std::move(observer));
}

}  // namespace shoal::leecher
