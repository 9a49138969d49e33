#include "clients/leecher/download/download.h"

#include <memory>
#include <utility>

#include "clients/leecher/download/download_board.h"
#include "clients/leecher/download/download_engine.h"
#include "shoal/stream/event_loop.h"

namespace shoal::leecher {
namespace {

class DownloadHandle final : public Download {
 public:
  DownloadHandle(DownloadOptions options, Observer observer)
      : loop_("download"),
        engine_(std::make_unique<DownloadEngine>(loop_, std::move(options), std::move(observer), board_)) {
    loop_.Post([this] { engine_->Begin(); });
  }

  ~DownloadHandle() override {
    Stop();
    board_.WaitForOutcome().IgnoreError();
    loop_.Stop();
    engine_.reset();
  }

  DownloadStatus status() const override { return board_.status(); }
  void Stop() override {
    loop_.Post([this] { engine_->Stop(); });
  }
  absl::Status Wait() override { return board_.WaitForOutcome(); }
  std::shared_ptr<const ChunkSource> source() const override { return board_.source(); }

 private:
  DownloadBoard board_;
  EventLoop loop_;
  std::unique_ptr<DownloadEngine> engine_;
};

}  // namespace

std::unique_ptr<Download> Download::Start(DownloadOptions options, Observer observer) {
  return std::make_unique<DownloadHandle>(std::move(options), std::move(observer));
}

}  // namespace shoal::leecher
