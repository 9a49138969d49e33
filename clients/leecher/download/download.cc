#include "clients/leecher/download/download.h"

#include <memory>
#include <utility>

#include "clients/leecher/download/download_board.h"
#include "clients/leecher/download/download_engine.h"
#include "shoal/net/event_loop.h"

namespace shoal::leecher {
namespace {

// Chunks come over connections that this process makes, so their sessions go by its limits.
DownloadOptions WithLimitedSessions(DownloadOptions options) {
  options.tuning.session.read_limit = options.limits.down;
  options.tuning.session.write_limit = options.limits.up;
  return options;
}

class DownloadHandle final : public Download {
 public:
  DownloadHandle(DownloadOptions options, Observer observer)
      : limits_(options.limits),
        loop_("download"),
        engine_(std::make_unique<DownloadEngine>(loop_, WithLimitedSessions(std::move(options)),
                                                 std::move(observer), board_)) {
    loop_.Post([this] { engine_->Begin(); });
  }

  ~DownloadHandle() override {
    Stop();
    board_.WaitForOutcome().IgnoreError();
    loop_.Stop();
    engine_.reset();
  }

  DownloadStatus status() const override { return board_.status(); }
  void Pause() override {
    loop_.Post([this] { engine_->SetPaused(true); });
  }
  void Resume() override {
    loop_.Post([this] { engine_->SetPaused(false); });
  }
  void SetRateLimits(uint64_t down_bytes_per_second, uint64_t up_bytes_per_second) override {
    if (limits_.down != nullptr) limits_.down->Set(down_bytes_per_second);
    if (limits_.up != nullptr) limits_.up->Set(up_bytes_per_second);
  }
  void SetFilePriority(FileIndex file, FilePriority priority) override {
    loop_.Post([this, file, priority] { engine_->content().SetFilePriority(file, priority); });
  }
  void SetFilePriority(const std::string& glob, FilePriority priority) override {
    loop_.Post([this, glob, priority] { engine_->content().SetFilePriority(glob, priority); });
  }
  void Stop() override {
    loop_.Post([this] { engine_->Stop(); });
  }
  absl::Status Wait() override { return board_.WaitForOutcome(); }
  std::shared_ptr<const ChunkSource> source() const override { return board_.source(); }

 private:
  const RateLimits limits_;
  DownloadBoard board_;
  net::EventLoop loop_;
  std::unique_ptr<DownloadEngine> engine_;
};

}  // namespace

std::unique_ptr<Download> Download::Start(DownloadOptions options, Observer observer) {
  return std::make_unique<DownloadHandle>(std::move(options), std::move(observer));
}

}  // namespace shoal::leecher
