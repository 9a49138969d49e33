#include "shoal/stream/upload/upload_gate.h"

#include <utility>

namespace shoal::stream {

UploadGate::UploadGate(uint32_t parallel, const Clock& clock) : clock_(clock), turns_(parallel) {}

Uploader UploadGate::Join(std::function<void()> wake, std::optional<IpAddress> source) {
  MutexLock lock(&mutex_);
  const Uploader uploader = turns_.Join(source);
  wakes_.emplace(uploader, std::make_shared<const std::function<void()>>(std::move(wake)));
  return uploader;
}

void UploadGate::Leave(Uploader uploader) {
  Wakes wakes;
  {
    MutexLock lock(&mutex_);
    wakes = WakesOf(turns_.Leave(uploader, clock_.Uptime()));
    wakes_.erase(uploader);
  }
  for (const auto& wake : wakes) (*wake)();
}

bool UploadGate::Ask(Uploader uploader, uint64_t bytes) {
  MutexLock lock(&mutex_);
  return turns_.Ask(uploader, bytes, clock_.Uptime());
}

void UploadGate::Done(Uploader uploader) {
  Wakes wakes;
  {
    MutexLock lock(&mutex_);
    wakes = WakesOf(turns_.Done(uploader, clock_.Uptime()));
  }
  for (const auto& wake : wakes) (*wake)();
}

void UploadGate::Look() {
  Wakes wakes;
  {
    MutexLock lock(&mutex_);
    wakes = WakesOf(turns_.Look(clock_.Uptime()));
  }
  for (const auto& wake : wakes) (*wake)();
}

UploadGate::Wakes UploadGate::WakesOf(const std::vector<Uploader>& uploaders) const {
  Wakes wakes;
  for (const Uploader uploader : uploaders) wakes.push_back(wakes_.at(uploader));
  return wakes;
}

}  // namespace shoal::stream
