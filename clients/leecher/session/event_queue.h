#pragma once

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "clients/leecher/download/download.h"
#include "shoal/base/mutex.h"

namespace shoal::leecher {

// Brings the events of several downloads, told on their own loops, to the one thread that prints.
// Thread-safe; must outlive the downloads.
class EventQueue {
 public:
  struct Entry {
    size_t download;  // as given to ObserverFor
    DownloadEvent event;
  };

  // `wake` is called after each event, on the event's thread.
  explicit EventQueue(std::function<void()> wake) : wake_(std::move(wake)) {}

  DownloadObserver ObserverFor(size_t download) {
    return [this, download](const DownloadEvent& event) {
      {
        MutexLock lock(&mutex_);
        entries_.push_back({download, event});
      }
      wake_();
    };
  }

  // In the order in which they came.
  std::vector<Entry> TakeAll() {
    MutexLock lock(&mutex_);
    return std::exchange(entries_, {});
  }

 private:
  const std::function<void()> wake_;
  Mutex mutex_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace shoal::leecher
