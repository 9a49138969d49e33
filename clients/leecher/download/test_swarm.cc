#include "clients/leecher/download/test_swarm.h"

#include <fcntl.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <utility>

#include <gtest/gtest.h>
#include "shoal/content/manifest/peer_identity.h"
#include "shoal/content/publish/folder_source.h"
#include "shoal/tracking/messages/manifest_summary.h"
#include "shoal/tracking/messages/warm_up.h"
#include "shoal/tracking/tickets/ticket.h"

namespace shoal::leecher {

TestFolder::TestFolder() {
  std::string name = testing::TempDir() + "/download_test_XXXXXX";
  path_ = mkdtemp(name.data());
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TestFolder::Write(const std::string& relative, const std::string& bytes) const {
  const std::string path = Path(relative);
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

std::string RandomBytes(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TestContent Publish(const std::string& path, uint32_t chunk_size_bytes) {
  ManifestBuilderOptions options;
  options.chunk_size_bytes = chunk_size_bytes;
  options.threads = 1;
  auto built = BuildManifest(path, options);
  if (!built.ok()) {
    ADD_FAILURE() << built.status();
    abort();
  }
  TestContent content;
  content.manifest = std::make_shared<const Manifest>(std::move(built->manifest));
  content.source = std::make_shared<FolderSource>(content.manifest, built->root, built->stamps);
  return content;
}

void TestSource::FreezeAfter(uint32_t count) {
  MutexLock lock(&mutex_);
  freeze_after_ = count;
}

void TestSource::Release() {
  MutexLock lock(&mutex_);
  freeze_after_ = 0xFFFFFFFF;
  changed_.NotifyAll();
}

void TestSource::WaitUntilFrozen() {
  MutexLock lock(&mutex_);
  while (opened_ <= freeze_after_) changed_.Wait(&mutex_);
}

void TestSource::LieWith(const std::string& path) {
  lie_ = std::make_shared<const FileDescriptor>(*FileDescriptor::Open(path, O_RDONLY));
}

uint32_t TestSource::opened() const {
  MutexLock lock(&mutex_);
  return opened_;
}

absl::StatusOr<FileRegion> TestSource::Open(ChunkIndex index) const {
  {
    MutexLock lock(&mutex_);
    ++opened_;
    changed_.NotifyAll();
    while (opened_ > freeze_after_) changed_.Wait(&mutex_);
  }
  if (unreadable_) return absl::FailedPreconditionError("the file has changed");
  if (held_.has_value() && !held_->Contains(index)) return absl::NotFoundError("not held");
  auto region = behind_->Open(index);
  if (region.ok() && lie_ != nullptr) region->file = lie_;
  return region;
}

class TestPeer::Directory final : public ContentDirectory {
 public:
  Directory(const ContentId& id, std::shared_ptr<const ChunkSource> source)
      : id_(id), source_(std::move(source)) {}
  std::shared_ptr<const ChunkSource> Find(const ContentId& id) const override {
    return id == id_ ? source_ : nullptr;
  }

 private:
  const ContentId id_;
  const std::shared_ptr<const ChunkSource> source_;
};

TestPeer::TestPeer(const ContentId& content, std::shared_ptr<const ChunkSource> source, uint32_t max_sessions,
                   std::shared_ptr<net::RateLimit> write_limit, stream::TicketCheck check_ticket)
    : id_(RandomPeerId()),
      directory_(std::make_shared<Directory>(content, std::move(source))),
      loops_(std::make_unique<net::EventLoopGroup>("peer", 1)) {
  stream::ChunkServer::Options options;
  options.listen.ip = IpAddress::V4({127, 0, 0, 1});
  options.self = id_;
  options.max_sessions = max_sessions;
  options.limits.write_limit = std::move(write_limit);
  options.check_ticket = std::move(check_ticket);
  auto server = stream::ChunkServer::Start(options, *loops_, directory_);
  if (!server.ok()) {
    ADD_FAILURE() << server.status();
    abort();
  }
  server_ = *std::move(server);
}

tracking::PeerInfo TestPeer::info() const {
  tracking::PeerInfo info;
  info.id = id_;
  info.endpoint = {IpAddress::V4({127, 0, 0, 1}), server_->port()};
  info.complete = true;
  return info;
}

void TestPeer::Stop() {
  if (server_ == nullptr) return;
  server_->Stop();
  server_.reset();
  loops_->Stop();
}

class TestTracker::Client final : public tracking::TrackerClient {
 public:
  Client(TestTracker& tracker, tracking::TrackerUrl url) : tracker_(tracker), url_(std::move(url)) {}

  absl::StatusOr<tracking::LookupResponse> Lookup(const tracking::LookupRequest& request,
                                                  absl::Duration) override {
    return tracker_.Lookup(request);
  }
  absl::StatusOr<tracking::RegisterResponse> Register(const tracking::RegisterRequest&,
                                                      absl::Duration) override {
    return Not();
  }
  absl::StatusOr<tracking::HeartbeatResponse> Heartbeat(const tracking::HeartbeatRequest&,
                                                        absl::Duration) override {
    return Not();
  }
  absl::StatusOr<tracking::ListContentsResponse> ListContents(const tracking::ListContentsRequest&,
                                                              absl::Duration) override {
    return tracker_.List();
  }
  absl::StatusOr<tracking::GetSwarmResponse> GetSwarm(const tracking::ContentKey&, absl::Duration) override {
    return Not();
  }
  absl::StatusOr<tracking::LeaveResponse> Leave(const tracking::LeaveRequest&, absl::Duration) override {
    return Not();
  }
  const tracking::TrackerUrl& url() const override { return url_; }

 private:
  static absl::Status Not() { return absl::UnimplementedError("a download only looks up"); }

  TestTracker& tracker_;
  const tracking::TrackerUrl url_;
};

void TestTracker::Add(const Manifest& manifest, const std::vector<tracking::PeerInfo>& peers) {
  MutexLock lock(&mutex_);
  tracking::LookupResponse& response = contents_[manifest.id()];
  response.contents.resize(1);
  response.contents[0].summary = tracking::SummaryOf(manifest);
  response.contents[0].publishers = 1;
  response.contents[0].published = absl::FromUnixSeconds(++published_);
  response.peers.insert(response.peers.end(), peers.begin(), peers.end());
}

absl::StatusOr<tracking::ListContentsResponse> TestTracker::List() {
  MutexLock lock(&mutex_);
  if (away_) return absl::UnavailableError("the tracker is away");
  tracking::ListContentsResponse response;
  for (const auto& [id, known] : contents_) response.contents.push_back(known.contents[0]);
  return response;
}

void TestTracker::Remove(const Manifest& manifest) {
  MutexLock lock(&mutex_);
  contents_.erase(manifest.id());
}

void TestTracker::Sign(const ContentId& content, const std::vector<PublisherSignature>& signatures) {
  MutexLock lock(&mutex_);
  contents_.at(content).contents[0].signatures = signatures;
}

void TestTracker::SetWarmingUp(bool warming_up) {
  MutexLock lock(&mutex_);
  warming_up_ = warming_up;
}

void TestTracker::SetAway(bool away) {
  MutexLock lock(&mutex_);
  away_ = away;
}

void TestTracker::IssueTickets(const SigningKey& key) {
  MutexLock lock(&mutex_);
  ticket_key_ = key;
}

std::unique_ptr<tracking::TrackerClient> TestTracker::MakeClient(const tracking::TrackerUrl& url) {
  return std::make_unique<Client>(*this, url);
}

uint32_t TestTracker::lookups() const {
  MutexLock lock(&mutex_);
  return lookups_;
}

absl::StatusOr<tracking::LookupResponse> TestTracker::Lookup(const tracking::LookupRequest& request) {
  MutexLock lock(&mutex_);
  ++lookups_;
  if (away_) return absl::UnavailableError("nothing listens there");
  tracking::LookupResponse response;
  for (const auto& [id, content] : contents_) {
    const auto* wanted = std::get_if<ContentId>(&request.content);
    const bool fits = wanted != nullptr
                          ? *wanted == id
                          : content.contents[0].summary.name == std::get<std::string>(request.content);
    if (!fits) continue;
    response.contents.push_back(content.contents[0]);
    response.peers = content.peers;
  }
  if (response.contents.empty()) {
    return tracking::WithWarmUp(absl::NotFoundError("unknown"),
                                warming_up_ ? absl::Minutes(1) : absl::ZeroDuration());
  }
  if (response.contents.size() > 1) {
    response.peers.clear();
  } else if (ticket_key_.has_value()) {
    const tracking::ContentSummary& content = response.contents[0].summary;
    response.ticket = tracking::Ticket::Make(*ticket_key_, content.id, content.name,
                                             PeerIdOf(request.peer_secret), absl::Now() + absl::Hours(1))
                          .Encode();
  }
  return response;
}

void BadPeerLog::Add(const ContentId& content, const PeerId& peer, tracking::PeerReport::Reason reason) {
  MutexLock lock(&mutex_);
  entries_.push_back({content, peer, reason});
  changed_.NotifyAll();
}

void BadPeerLog::WaitForOne() {
  MutexLock lock(&mutex_);
  while (entries_.empty()) changed_.Wait(&mutex_);
}

std::vector<BadPeerLog::Entry> BadPeerLog::All() const {
  MutexLock lock(&mutex_);
  return entries_;
}

DownloadObserver EventLog::Observer() {
  return [this](const DownloadEvent& event, const DownloadStatus&) {
    MutexLock lock(&mutex_);
    events_.push_back(event);
    changed_.NotifyAll();
  };
}

bool EventLog::LastIsFinished() const {
  MutexLock lock(&mutex_);
  return !events_.empty() && std::holds_alternative<DownloadFinished>(events_.back());
}

void EventLog::CountGained(size_t count) {
  MutexLock lock(&mutex_);
  gained_ += count;
  changed_.NotifyAll();
}

void EventLog::WaitForGained(size_t count) {
  MutexLock lock(&mutex_);
  while (gained_ < count) changed_.Wait(&mutex_);
}

}  // namespace shoal::leecher
