#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "clients/leecher/download/chunk_fetch.h"
#include "clients/leecher/download/discovery/content_finder.h"
#include "clients/leecher/download/discovery/tracker_polls.h"
#include "clients/leecher/download/download_readers.h"
#include "clients/leecher/download/download_runtime.h"
#include "clients/leecher/download/model/chunk_map.h"
#include "clients/leecher/download/model/download_event.h"
#include "clients/leecher/download/model/download_options.h"
#include "clients/leecher/download/model/download_status.h"
#include "clients/leecher/download/peers/manifest_fetch.h"
#include "clients/leecher/download/peers/peer_roster.h"
#include "clients/leecher/download/policy/read_ahead.h"
#include "clients/leecher/download/policy/stall_watch.h"
#include "clients/leecher/download/storage/disk_pipeline.h"
#include "clients/leecher/download/storage/wanted_store.h"
#include "shoal/base/mutex.h"
#include "shoal/base/rate_meter.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/transport/transport.h"

namespace shoal::leecher {

// What a download's loop publishes for other threads: the latest status, the source, the outcome.
// Thread-safe.
class DownloadBoard {
 public:
  void PutStatus(DownloadStatus status) {
    MutexLock lock(&mutex_);
    status_ = std::move(status);
  }
  DownloadStatus status() const {
    MutexLock lock(&mutex_);
    return status_;
  }

  void PutSource(std::shared_ptr<const ChunkSource> source) {
    MutexLock lock(&mutex_);
    source_ = std::move(source);
  }
  std::shared_ptr<const ChunkSource> source() const {
    MutexLock lock(&mutex_);
    return source_;
  }

  void PutOutcome(absl::Status outcome) {
    MutexLock lock(&mutex_);
    outcome_ = std::move(outcome);
    over_.NotifyAll();
  }
  absl::Status WaitForOutcome() const {
    MutexLock lock(&mutex_);
    while (!outcome_.has_value()) over_.Wait(&mutex_);
    return *outcome_;
  }

 private:
  mutable Mutex mutex_;
  mutable CondVar over_;
  DownloadStatus status_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const ChunkSource> source_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> outcome_ ABSL_GUARDED_BY(mutex_);
};

// The course of a download, from a name to a whole content: it finds out which content is meant, has the
// manifest fetched, opens the store, has the chunks fetched, finishes. It owns the parts that do this,
// carries what happens from one to the other, and reports. Made on any thread; then all calls on its loop,
// until the loop has stopped.
//
// A download by name is superseded when the name means another content and no peer of the first is there.
// What was fetched of the first is discarded. Then this engine does nothing more, and another one starts
// over.
class DownloadEngine final : private FetchEvents, private WantedStoreEvents {
 public:
  // `transports` connect it to peers. `on_superseded` is called at most once, on the loop, and must not
  // destroy this.
  DownloadEngine(DownloadRuntime& runtime, net::LoopScope& loop,
                 std::shared_ptr<const net::TransportFactory> transports, DownloadOptions options,
                 DownloadObserver observer, DownloadBoard& board, DownloadReaders& readers,
                 std::function<void()> on_superseded);
  ~DownloadEngine();  // on the loop, after the outcome is known

  void Begin();
  void Stop();
  void SetPaused(bool paused);
  // There is something for DownloadReaders::TakeChanges.
  void ReadersChanged() { TakeReaders(/*all=*/false); }
  // For viewers; held_bytes of the files are left to the caller, because they take time and need no loop.
  DownloadDetails Details() const;
  // See Download::SetFilePriority. `file`: a FileIndex, or a glob.
  template <typename File>
  void SetFilePriority(const File& file, FilePriority priority) {
    // The end waits for what the store does, and after it nothing may begin.
    if (!concluded_) content_.SetFilePriority(file, priority);
  }

 private:
  using Phase = DownloadStatus::Phase;
  // A connection, and what its events mean for the download.
  class Link;

  static absl::Duration Uptime();

  // Trackers
  void OnAnswer(size_t tracker, const absl::StatusOr<tracking::LookupResponse>& response);
  void Judge(absl::Duration now);
  void UseResponse(size_t tracker, const tracking::LookupResponse& response, absl::Duration now);
  // The name means another content by now.
  void OnReplaced(absl::Duration now);
  FindingPatience Patience() const;
  void UseContent(const ContentId& content, absl::Duration now);
  void CallPeers(absl::Duration now);

  // Manifest and store
  void TakeManifest(PeerLink& link, const std::string& canonical);
  // The signature of manifest_, verified; nullopt: none is known.
  std::optional<PublisherSignature> FindSignature() const;
  void UseManifest(std::shared_ptr<const Manifest> manifest);
  void BeginFetch(absl::Duration now);
  void JoinFetch(PeerLink& link, absl::Duration now);
  void WantInFetch();
  uint64_t BufferBytes() const;
  // All that is wanted is held, and no reader needs what is skipped.
  bool whole() const { return fetch_.done() && !content_.busy() && !content_.reads_skipped(); }

  // Readers
  void TakeReaders(bool all);
  void PlanForReaders(absl::Duration now);

  // FetchEvents
  void ChunkStored(ChunkIndex chunk, const PeerId& from) override;
  void ChunkWrong(ChunkIndex chunk, const PeerId& from, const Endpoint& endpoint,
                  const std::string& why) override;
  void DiskFailed(const absl::Status& why) override;

  // WantedStoreEvents
  void StoreOpened(const absl::Status& status) override;
  void StoreSelected(const absl::Status& status) override;
  void StoreFinished(const absl::Status& status) override;
  void StoreDiscarded(const absl::Status& status) override;
  void StoreWarned(const std::string& warning) override;

  void Welcome(PeerLink& link);
  void EndLink(PeerLink& link, PeerRoster::Ending ending, const std::string& why,
               absl::Duration wait = absl::ZeroDuration());

  // Requests what can be requested now.
  void Pursue(absl::Duration now);

  // Time
  void Tick();
  void CheckPeers(absl::Duration now);
  void CheckWait(absl::Duration now);
  StallFacts FactsOfStall(absl::Duration now);
  void TellGained();
  DownloadStatus Status();
  void Publish() { board_.PutStatus(Status()); }

  // The end
  bool ending() const { return outcome_.has_value(); }
  void End(Phase phase, const absl::Status& outcome);
  void FinishStore();
  // Fetches the chunks that another program damaged.
  void FetchLost();
  void ConcludeWhenWritten();
  void DiscardReplaced();

  DownloadRuntime& runtime_;
  net::LoopScope& loop_;
  const std::shared_ptr<const net::TransportFactory> transports_;
  const DownloadOptions options_;
  const DownloadObserver observer_;
  DownloadBoard& board_;
  DownloadReaders& readers_;
  const std::function<void()> on_superseded_;
  const EventSink tell_;  // to the observer, with the status

  Phase phase_ = Phase::kFindingContent;
  absl::Duration began_;
  absl::Duration last_tick_;
  StallWatch stall_;
  std::optional<absl::Duration> waiting_since_;
  absl::Duration last_answer_ = -absl::InfiniteDuration();  // of a tracker
  absl::Duration last_ending_ = -absl::InfiniteDuration();  // of a connection
  std::unique_ptr<net::LoopTimer> timer_;

  std::optional<ContentFinder> finder_;
  TrackerPolls trackers_;

  ContentId content_id_;   // zero until the content is found
  bool replaced_ = false;  // the name meant another content when it was last looked up
  std::string name_;
  uint64_t length_bytes_ = 0;
  uint32_t chunk_count_ = 0;
  std::shared_ptr<const Manifest> manifest_;
  std::optional<PublisherSignature> signature_;  // of manifest_; see FindSignature
  bool paused_ = false;
  uint32_t chunks_refetched_ = 0;
  uint64_t received_bytes_ = 0;
  RateMeter rate_;
  std::vector<ChunkIndex> gained_;   // not announced yet
  std::vector<uint16_t> sent_by_;    // per chunk: see MakeChunkMap
  std::optional<ReadAheads> ahead_;  // once there is a manifest

  std::optional<absl::Status> outcome_;  // set when it is decided
  bool superseded_ = false;              // the outcome: another engine starts over
  bool concluded_ = false;

  PeerRoster roster_;
  ManifestFetch manifest_fetch_;
  WantedStore content_;
  ChunkFetch fetch_;
};

}  // namespace shoal::leecher
