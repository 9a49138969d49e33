#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "clients/leecher/download/download.h"
#include "shoal/base/mutex.h"
#include "shoal/content/manifest/signing_key.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/content/publish/manifest_builder.h"
#include "shoal/stream/chunk_server.h"
#include "shoal/tracking/client/tracker_client.h"

// A swarm in one process for tests: real files, real chunk servers on the loopback, a tracker that is a map.
namespace shoal::leecher {

// A folder that goes when this does.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  std::string Path(const std::string& relative) const { return path_ + "/" + relative; }
  // Makes the folders above it too.
  std::string Write(const std::string& relative, const std::string& bytes) const;

 private:
  std::string path_;
};

std::string RandomBytes(size_t size, uint32_t seed);
std::string ReadAll(const std::string& path);

// A content that was hashed where it lies.
struct TestContent {
  std::shared_ptr<const Manifest> manifest;
  std::shared_ptr<const ChunkSource> source;
};
TestContent Publish(const std::string& path, uint32_t chunk_size_bytes = kMinChunkSizeBytes);

// A source that stands before another one and misbehaves as told. Thread-safe.
class TestSource : public ChunkSource {
 public:
  explicit TestSource(std::shared_ptr<const ChunkSource> behind) : behind_(std::move(behind)) {}

  // From chunk number `count` on Open blocks, as a frozen disk does, until Release().
  void FreezeAfter(uint32_t count);
  void Release();
  // Blocks until it has frozen.
  void WaitUntilFrozen();
  // Sends another file's bytes.
  void LieWith(const std::string& path);
  // Sends another manifest.
  void LieAbout(std::shared_ptr<const Manifest> manifest) { manifest_ = std::move(manifest); }
  // Holds only these.
  void HoldOnly(const ChunkSet& held) { held_ = held; }
  // Every chunk turns out to be unreadable.
  void FailReading(bool unreadable = true) { unreadable_ = unreadable; }
  uint32_t opened() const;

  const std::shared_ptr<const Manifest>& manifest() const override {
    return manifest_ == nullptr ? behind_->manifest() : manifest_;
  }
  ChunkSet Held() const override { return held_.has_value() ? *held_ : behind_->Held(); }
  bool Holds(ChunkIndex index) const override { return Held().Contains(index); }
  absl::StatusOr<FileRegion> Open(ChunkIndex index) const override;

 private:
  const std::shared_ptr<const ChunkSource> behind_;
  std::shared_ptr<const Manifest> manifest_;
  std::shared_ptr<const FileDescriptor> lie_;
  std::optional<ChunkSet> held_;
  std::atomic<bool> unreadable_ = false;
  mutable Mutex mutex_;
  mutable CondVar changed_;
  mutable uint32_t opened_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t freeze_after_ ABSL_GUARDED_BY(mutex_) = 0xFFFFFFFF;
};

// A peer that serves one content.
class TestPeer {
 public:
  // `write_limit`: of all its connections together; null: none. `check_ticket`: as in ChunkServer::Options.
  TestPeer(const ContentId& content, std::shared_ptr<const ChunkSource> source, uint32_t max_sessions = 16,
           std::shared_ptr<net::RateLimit> write_limit = nullptr, stream::TicketCheck check_ticket = nullptr);
  ~TestPeer() { Stop(); }

  tracking::PeerInfo info() const;
  stream::ChunkServer& server() { return *server_; }
  void Stop();

 private:
  class Directory;
  const PeerId id_;
  std::shared_ptr<const ContentDirectory> directory_;
  std::unique_ptr<net::EventLoopGroup> loops_;
  std::unique_ptr<stream::ChunkServer> server_;
};

// A tracker that knows what it is told. Thread-safe.
class TestTracker {
 public:
  void Add(const Manifest& manifest, const std::vector<tracking::PeerInfo>& peers);
  // Requires: the content was added.
  void Sign(const ContentId& content, const std::vector<PublisherSignature>& signatures);
  void Remove(const Manifest& manifest);
  void SetAway(bool away);
  // It says of an unknown content that it may not know all peers yet.
  void SetWarmingUp(bool warming_up);
  // Lookups bring tickets from now on.
  void IssueTickets(const SigningKey& key);
  std::unique_ptr<tracking::TrackerClient> MakeClient(const tracking::TrackerUrl& url);
  uint32_t lookups() const;

 private:
  class Client;
  absl::StatusOr<tracking::LookupResponse> Lookup(const tracking::LookupRequest& request);
  absl::StatusOr<tracking::ListContentsResponse> List();

  mutable Mutex mutex_;
  std::map<ContentId, tracking::LookupResponse> contents_ ABSL_GUARDED_BY(mutex_);
  bool away_ ABSL_GUARDED_BY(mutex_) = false;
  bool warming_up_ ABSL_GUARDED_BY(mutex_) = false;
  uint32_t lookups_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<SigningKey> ticket_key_ ABSL_GUARDED_BY(mutex_);
  int64_t published_ ABSL_GUARDED_BY(mutex_) = 0;  // contents so far
};

// What a download reports of its peers. Thread-safe.
class BadPeerLog {
 public:
  struct Entry {
    ContentId content;
    PeerId peer;
    tracking::PeerReport::Reason reason;

    friend bool operator==(const Entry&, const Entry&) = default;
  };

  // For DownloadOptions::on_bad_peer.
  void Add(const ContentId& content, const PeerId& peer, tracking::PeerReport::Reason reason);
  void WaitForOne();
  std::vector<Entry> All() const;

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

// Notes what happens, and waits for it. Thread-safe.
class EventLog {
 public:
  DownloadObserver Observer();
  // Blocks until some event of this kind satisfies `condition`, and returns it.
  template <typename Event>
  Event WaitFor(const std::function<bool(const Event&)>& condition = [](const Event&) { return true; }) {
    MutexLock lock(&mutex_);
    while (true) {
      for (const DownloadEvent& event : events_) {
        if (const auto* wanted = std::get_if<Event>(&event); wanted != nullptr && condition(*wanted))
          return *wanted;
      }
      changed_.Wait(&mutex_);
    }
  }
  template <typename Event>
  std::vector<Event> All() const {
    MutexLock lock(&mutex_);
    std::vector<Event> all;
    for (const DownloadEvent& event : events_) {
      if (const auto* wanted = std::get_if<Event>(&event)) all.push_back(*wanted);
    }
    return all;
  }
  // Blocks until the download said that it waits for this reason.
  void AwaitReason(const std::string& because) {
    WaitFor<Waiting>([&](const Waiting& event) { return event.because == because; });
  }
  bool LastIsFinished() const;
  // For DownloadOptions::on_gained.
  void CountGained(size_t count);
  void WaitForGained(size_t count);

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<DownloadEvent> events_ ABSL_GUARDED_BY(mutex_);
  size_t gained_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace shoal::leecher
