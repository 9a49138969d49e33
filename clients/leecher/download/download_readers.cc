#include "clients/leecher/download/download_readers.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace shoal::leecher {

class DownloadReaders::Handle final : public DownloadReader {
 public:
  Handle(std::shared_ptr<DownloadReaders> readers, ReaderId id) : readers_(std::move(readers)), id_(id) {}
  ~Handle() override { readers_->Remove(id_); }

  void Need(ChunkRange chunks) override { readers_->Need(id_, chunks); }
  bool ended() const override { return readers_->Ended(id_); }

 private:
  const std::shared_ptr<DownloadReaders> readers_;
  const ReaderId id_;
};

absl::StatusOr<std::unique_ptr<DownloadReader>> DownloadReaders::Open(ChunkRange chunks,
                                                                      std::function<void()> wake) {
  MutexLock lock(&mutex_);
  if (readers_.size() >= kMaxReaders) {
    return absl::ResourceExhaustedError(absl::StrCat("a download has at most ", kMaxReaders, " readers"));
  }
  const ReaderId id(next_id_++);
  readers_[id] = Reader{.needs = chunks, .wake = std::move(wake), .ended = all_ended_};
  Tell();
  return std::make_unique<Handle>(shared_from_this(), id);
}

DownloadReaders::Changes DownloadReaders::TakeChanges(bool all) {
  MutexLock lock(&mutex_);
  told_ = false;
  Changes changes;
  for (auto& [id, reader] : readers_) {
    if (!std::exchange(reader.changed, false) && !all) continue;
    if (!reader.ended) changes.needs.push_back({id, reader.needs});
  }
  changes.gone.swap(gone_);
  return changes;
}

void DownloadReaders::Wake(ReaderId id) {
  std::function<void()> wake;
  {
    MutexLock lock(&mutex_);
    if (const auto reader = readers_.find(id); reader != readers_.end()) wake = reader->second.wake;
  }
  if (wake != nullptr) wake();  // without the lock: it may call the reader
}

void DownloadReaders::End(ReaderId id) {
  {
    MutexLock lock(&mutex_);
    const auto reader = readers_.find(id);
    if (reader == readers_.end() || std::exchange(reader->second.ended, true)) return;
    gone_.push_back(id);
    Tell();
  }
  Wake(id);
}

void DownloadReaders::EndAll() {
  std::vector<std::function<void()>> wakes;
  {
    MutexLock lock(&mutex_);
    all_ended_ = true;
    for (auto& [id, reader] : readers_) {
      if (!std::exchange(reader.ended, true) && reader.wake != nullptr) wakes.push_back(reader.wake);
    }
  }
  for (const std::function<void()>& wake : wakes) wake();
}

void DownloadReaders::Close() {
  {
    MutexLock lock(&mutex_);
    on_changed_ = nullptr;
  }
  EndAll();
}

void DownloadReaders::Need(ReaderId id, ChunkRange chunks) {
  MutexLock lock(&mutex_);
  Reader& reader = readers_[id];
  if (reader.needs == chunks) return;
  reader.needs = chunks;
  reader.changed = true;
  Tell();
}

bool DownloadReaders::Ended(ReaderId id) const {
  MutexLock lock(&mutex_);
  const auto reader = readers_.find(id);
  return reader == readers_.end() || reader->second.ended;
}

void DownloadReaders::Remove(ReaderId id) {
  MutexLock lock(&mutex_);
  readers_.erase(id);
  gone_.push_back(id);
  Tell();
}

void DownloadReaders::Tell() {
  if (on_changed_ == nullptr || std::exchange(told_, true)) return;
  on_changed_();
}

}  // namespace shoal::leecher
