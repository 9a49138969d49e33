#include "shoal/stream/chunk_server.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "shoal/base/clock.h"
#include "shoal/base/file_descriptor.h"
#include "shoal/base/mutex.h"
#include "shoal/base/status_macros.h"
#include "shoal/net/accept_loop.h"
#include "shoal/net/listener.h"
#include "shoal/net/transport/transport.h"
#include "shoal/stream/transport_session.h"
#include "shoal/stream/wire/frame.h"

namespace shoal::stream {
namespace {

// Connections that may wait for a hello, or end, beyond those that may be served. Of more, one makes room: of
// the address that has most of them, the oldest.
constexpr size_t kMaxWaiting = 64;
// Beyond these the loops are behind with closing, and further ones are closed at once.
constexpr size_t kMaxClosing = 1024;
// Connections beyond all these that may wait with less than the header of a frame, outside of any session.
constexpr size_t kMaxSilent = 1024;
// An address with more than this part of all connections may have to give way.
constexpr size_t kFairPart = 16;

// The state that the server's coroutines, its sessions and its owner share. Lives as long as the last of
// them.
class Connections : public std::enable_shared_from_this<Connections> {
 public:
  Connections(const ChunkServer::Options& options, std::shared_ptr<const ContentDirectory> contents)
      : options_(options),
        contents_(std::move(contents)),
        totals_(std::make_shared<SessionTotals>()),
        gate_(std::make_shared<UploadGate>(options.parallel_uploads)) {}

  // Takes over an accepted socket that belongs to `loop`.
  void Take(net::EventLoop& loop, FileDescriptor socket);
  void Announce(const ContentId& content, const std::vector<ChunkIndex>& gained);
  void Drop(const ContentId& content);
  void CloseAll();
  // Wait() returns once all of these are destroyed.
  std::shared_ptr<void> Presence();
  void Wait();
  ChunkServer::Totals totals() const;
  ContentTotals content_totals(const ContentId& content) const;
  std::vector<std::pair<ContentId, ContentTotals>> all_content_totals() const;

 private:
  // What the sessions about one content share.
  struct Content {
    std::weak_ptr<FreshChunks> fresh;  // as long as there are any
    std::shared_ptr<UploadLedger> ledger = std::make_shared<UploadLedger>();
    std::weak_ptr<const ChunkSource> failed;  // the source whose failure was reported last
  };
  struct Entry {
    std::weak_ptr<TransportSession> session;
    net::EventLoop* loop = nullptr;
    IpAddress source;  // see IpAddress::SourcePrefix
    std::shared_ptr<const UploadProgress> progress;
    std::optional<ContentId> content;  // while it is served
    bool closing = false;
    // While it is served: what it was sent by the last look, and when it was seen to be of use.
    uint64_t sent_bytes = 0;
    absl::Duration useful_at = absl::ZeroDuration();
    absl::Duration admitted_at = absl::ZeroDuration();
  };

  TransportSession::Admission Admit(uint64_t key, const Hello& hello);
  UploadService ServiceOf(const ContentId& content, std::shared_ptr<const ChunkSource> source);
  void ReportFailure(const ContentId& content, const std::weak_ptr<const ChunkSource>& source,
                     const absl::Status& why);
  void Forget(uint64_t key);
  // Ends one of the connections for which `is_candidate` is true: of the address that has most of them, the
  // one with the least `rank`. Returns whether there was one.
  bool MakeRoom(absl::FunctionRef<bool(Entry&)> is_candidate,
                absl::FunctionRef<int64_t(uint64_t key, const Entry&)> rank)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool EndAUselessOne() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the slowest connection of the address that has most of them, for a further one of `source`. Returns
  // false if that address has too few to give way.
  bool EndOneOfMany(const IpAddress& source) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Refuse Busy() const;
  std::vector<Entry> About(const ContentId& content) const;

  const ChunkServer::Options options_;
  const std::shared_ptr<const ContentDirectory> contents_;
  const std::shared_ptr<SessionTotals> totals_;
  const std::shared_ptr<UploadGate> gate_;
  mutable Mutex mutex_;
  CondVar none_present_;
  size_t present_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t next_key_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t admitted_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uint64_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<ContentId, Content> content_ ABSL_GUARDED_BY(mutex_);
};

void Connections::Take(net::EventLoop& loop, FileDescriptor socket) {
  auto self = shared_from_this();
  SessionTerms terms;
  terms.self = options_.self;
  std::shared_ptr<void> presence = Presence();
  std::shared_ptr<TransportSession> session;
  {
    MutexLock lock(&mutex_);
    const size_t most = size_t{options_.max_sessions} + kMaxWaiting;
    if (closing_ || entries_.size() >= most + kMaxClosing) return;
    if (entries_.size() >= most) {
      MakeRoom([](Entry& entry) { return !entry.content.has_value() && !entry.closing; },
               [](uint64_t key, const Entry&) { return static_cast<int64_t>(key); });
    }
    const uint64_t key = next_key_++;
    session = TransportSession::Accepting(
        loop, options_.transports->Accept(loop, std::move(socket)), terms, options_.limits,
        [self, key](const Hello& hello) { return self->Admit(key, hello); },
        [self, key, presence](const absl::Status&) { self->Forget(key); }, totals_);
    Entry& entry = entries_[key];
    entry.session = session;
    entry.loop = &loop;
    entry.source = session->remote().ip.SourcePrefix();
    entry.progress = session->progress();
  }
  session->Start();
}

TransportSession::Admission Connections::Admit(uint64_t key, const Hello& hello) {
  bool checked_without_name = false;
  if (options_.check_ticket != nullptr) {
    const std::shared_ptr<const ChunkSource> served = contents_->Find(hello.content_id);
    std::optional<absl::string_view> name;
    if (served != nullptr) name = served->manifest()->name();
    checked_without_name = served == nullptr;
    if (const absl::Status ticket = options_.check_ticket(hello, name); !ticket.ok()) {
      Refuse refuse;
      refuse.reason = Refuse::Reason::kNoTicket;
      refuse.detail = std::string(ticket.message());
      return refuse;
    }
  }
  {
    MutexLock lock(&mutex_);
    Entry& entry = entries_[key];
    if (admitted_ >= options_.max_sessions && !EndAUselessOne() && !EndOneOfMany(entry.source)) return Busy();
    ++admitted_;
    // Recorded before the directory is asked: a Drop of the content from now on finds this session.
    entry.content = hello.content_id;
    entry.useful_at = entry.admitted_at = Clock::Real().Uptime();
  }
  std::shared_ptr<const ChunkSource> source = contents_->Find(hello.content_id);
  // One that came in between was not there for this peer, whose ticket may name another one.
  if (source != nullptr && !checked_without_name) return ServiceOf(hello.content_id, std::move(source));
  MutexLock lock(&mutex_);
  // It may have made room for another one meanwhile.
  if (std::exchange(entries_[key].content, std::nullopt).has_value()) --admitted_;
  Refuse refuse;
  refuse.reason = Refuse::Reason::kUnknownContent;
  return refuse;
}

UploadService Connections::ServiceOf(const ContentId& content, std::shared_ptr<const ChunkSource> source) {
  UploadService service;
  service.gate = gate_;
  if (options_.write_limit_of != nullptr) service.write_limit = options_.write_limit_of(content);
  const bool complete = source->Held().full();
  const Manifest& manifest = *source->manifest();
  if (options_.on_source_failure != nullptr) {
    service.on_source_failure = [self = shared_from_this(), content, weak = std::weak_ptr(source)](
                                    const absl::Status& why) { self->ReportFailure(content, weak, why); };
  }
  service.source = std::move(source);
  MutexLock lock(&mutex_);
  Content& shared = content_[content];
  service.ledger = shared.ledger;
  if (!complete) return service;
  service.fresh = shared.fresh.lock();
  if (service.fresh == nullptr) {
    // A run is as long as one full chunk.
    const uint32_t run_chunks = manifest.chunk_size_bytes() / manifest.mean_chunk_bytes();
    service.fresh = std::make_shared<FreshChunks>(manifest.chunk_count(), std::random_device()(), run_chunks);
    shared.fresh = service.fresh;
  }
  return service;
}

void Connections::ReportFailure(const ContentId& content, const std::weak_ptr<const ChunkSource>& source,
                                const absl::Status& why) {
  {
    MutexLock lock(&mutex_);
    const auto found = content_.find(content);
    if (found == content_.end()) return;  // it was dropped
    std::weak_ptr<const ChunkSource>& failed = found->second.failed;
    if (!failed.owner_before(source) && !source.owner_before(failed)) return;
    failed = source;
  }
  options_.on_source_failure(content, why);
}

Refuse Connections::Busy() const {
  Refuse refuse;
  refuse.reason = Refuse::Reason::kBusy;
  refuse.retry_after = options_.busy_retry;
  return refuse;
}

bool Connections::EndAUselessOne() {
  const absl::Duration now = Clock::Real().Uptime();
  return MakeRoom(
      [&](Entry& entry) {
        if (!entry.content.has_value()) return false;
        const uint64_t sent_bytes = entry.progress->sent_bytes.load(std::memory_order_relaxed);
        const bool waits = entry.progress->peer_waits.load(std::memory_order_relaxed);
        const bool useful = waits || sent_bytes != entry.sent_bytes;
        if (useful) entry.useful_at = now;
        entry.sent_bytes = sent_bytes;
        return !useful && now - entry.useful_at >= options_.useless_after;
      },
      [](uint64_t, const Entry& entry) { return absl::ToInt64Nanoseconds(entry.useful_at); });
}

bool Connections::EndOneOfMany(const IpAddress& source) {
  absl::flat_hash_map<IpAddress, size_t> counts;
  for (const auto& [key, entry] : entries_) {
    if (entry.content.has_value()) ++counts[entry.source];
  }
  const size_t own = counts[source];
  const auto most = std::max_element(counts.begin(), counts.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most->second < own + 2 || most->second <= options_.max_sessions / kFairPart) return false;
  const absl::Duration now = Clock::Real().Uptime();
  return MakeRoom([&](Entry& entry) { return entry.content.has_value() && entry.source == most->first; },
                  [&](uint64_t, const Entry& entry) {
                    const double seconds = absl::ToDoubleSeconds(now - entry.admitted_at);
                    const uint64_t sent_bytes = entry.progress->sent_bytes.load(std::memory_order_relaxed);
                    return static_cast<int64_t>(static_cast<double>(sent_bytes) / (seconds + 1));
                  });
}

bool Connections::MakeRoom(absl::FunctionRef<bool(Entry&)> is_candidate,
                           absl::FunctionRef<int64_t(uint64_t key, const Entry&)> rank) {
  struct OfAnAddress {
    size_t count = 0;
    int64_t least_rank = 0;
    Entry* least = nullptr;
  };
  absl::flat_hash_map<IpAddress, OfAnAddress> addresses;
  for (auto& [key, entry] : entries_) {
    if (!is_candidate(entry)) continue;
    OfAnAddress& of = addresses[entry.source];
    ++of.count;
    const int64_t its_rank = rank(key, entry);
    if (of.least != nullptr && of.least_rank <= its_rank) continue;
    of.least = &entry;
    of.least_rank = its_rank;
  }
  const OfAnAddress* largest = nullptr;
  for (const auto& [address, of] : addresses) {
    if (largest == nullptr || of.count > largest->count) largest = &of;
  }
  if (largest == nullptr) return false;
  Entry& ended = *largest->least;
  if (ended.content.has_value()) --admitted_;
  ended.content.reset();
  ended.closing = true;
  ended.loop->Post([weak = ended.session, busy = Busy()] {
    if (auto session = weak.lock()) session->RefuseAndClose(busy);
  });
  return true;
}

void Connections::Forget(uint64_t key) {
  MutexLock lock(&mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  if (found->second.content.has_value()) --admitted_;
  entries_.erase(found);
}

std::vector<Connections::Entry> Connections::About(const ContentId& content) const {
  std::vector<Entry> about;
  MutexLock lock(&mutex_);
  for (const auto& [key, entry] : entries_) {
    if (entry.content == content) about.push_back(entry);
  }
  return about;
}

void Connections::Announce(const ContentId& content, const std::vector<ChunkIndex>& gained) {
  const std::vector<Entry> about = About(content);
  if (about.empty()) return;
  auto chunks = std::make_shared<const std::vector<ChunkIndex>>(gained);
  for (const Entry& entry : about) {
    entry.loop->Post([weak = entry.session, chunks] {
      if (auto session = weak.lock()) session->Announce(*chunks);
    });
  }
}

void Connections::Drop(const ContentId& content) {
  for (const Entry& entry : About(content)) {
    entry.loop->Post([weak = entry.session] {
      Refuse refuse;
      refuse.reason = Refuse::Reason::kUnknownContent;
      if (auto session = weak.lock()) session->RefuseAndClose(refuse);
    });
  }
  MutexLock lock(&mutex_);
  content_.erase(content);
}

void Connections::CloseAll() {
  std::vector<Entry> all;
  {
    MutexLock lock(&mutex_);
    closing_ = true;
    for (const auto& [key, entry] : entries_) all.push_back(entry);
  }
  for (const Entry& entry : all) {
    entry.loop->Post([weak = entry.session] {
      Refuse refuse;
      refuse.reason = Refuse::Reason::kShuttingDown;
      if (auto session = weak.lock()) session->RefuseAndClose(refuse);
    });
  }
}

std::shared_ptr<void> Connections::Presence() {
  {
    MutexLock lock(&mutex_);
    ++present_;
  }
  return {nullptr, [self = shared_from_this()](void*) {
            MutexLock lock(&self->mutex_);
            if (--self->present_ == 0) self->none_present_.NotifyAll();
          }};
}

void Connections::Wait() {
  MutexLock lock(&mutex_);
  while (present_ > 0) none_present_.Wait(&mutex_);
}

ChunkServer::Totals Connections::totals() const {
  ChunkServer::Totals totals;
  totals.sent_bytes = totals_->sent_bytes.load(std::memory_order_relaxed);
  totals.sent_chunks = totals_->sent_chunks.load(std::memory_order_relaxed);
  totals.refused = totals_->refused.load(std::memory_order_relaxed);
  MutexLock lock(&mutex_);
  totals.sessions = admitted_;
  return totals;
}

ContentTotals Connections::content_totals(const ContentId& content) const {
  std::shared_ptr<UploadLedger> ledger;
  {
    MutexLock lock(&mutex_);
    const auto found = content_.find(content);
    if (found == content_.end()) return {};
    ledger = found->second.ledger;
  }
  return ledger->Read();
}

std::vector<std::pair<ContentId, ContentTotals>> Connections::all_content_totals() const {
  std::vector<std::pair<ContentId, std::shared_ptr<UploadLedger>>> ledgers;
  {
    MutexLock lock(&mutex_);
    for (const auto& [content, shared] : content_) ledgers.emplace_back(content, shared.ledger);
  }
  std::vector<std::pair<ContentId, ContentTotals>> all;
  for (const auto& [content, ledger] : ledgers) all.emplace_back(content, ledger->Read());
  return all;
}

net::AcceptLoop::Bounds BoundsOf(const ChunkServer::Options& options) {
  net::AcceptLoop::Bounds bounds;
  bounds.max_connections =
      static_cast<uint32_t>(options.max_sessions + kMaxWaiting + kMaxClosing + kMaxSilent);
  bounds.first_bytes = kFrameHeaderBytes;
  bounds.first_bytes_within = absl::ToChronoMilliseconds(options.limits.hello_timeout);
  return bounds;
}

class TcpChunkServer final : public ChunkServer {
 public:
  TcpChunkServer(std::shared_ptr<Connections> connections, net::EventLoopGroup& loops, net::Listener listener,
                 const ChunkServer::Options& options)
      : connections_(std::move(connections)),
        accept_loop_(
            *loops.loops().front(), std::move(listener), BoundsOf(options),
            [connections = connections_, &loops](FileDescriptor socket) {
              // Each connection stays on the loop that it is given to.
              net::EventLoop& loop = loops.Next();
              auto shared = std::make_shared<FileDescriptor>(std::move(socket));
              loop.Post([connections, &loop, shared] { connections->Take(loop, std::move(*shared)); });
            }) {}
  ~TcpChunkServer() override { Stop(); }

  uint16_t port() const override { return accept_loop_.port(); }
  Totals totals() const override { return connections_->totals(); }
  ContentTotals content_totals(const ContentId& content) const override {
    return connections_->content_totals(content);
  }
  std::vector<std::pair<ContentId, ContentTotals>> all_content_totals() const override {
    return connections_->all_content_totals();
  }
  void Announce(const ContentId& content, const std::vector<ChunkIndex>& gained) override {
    connections_->Announce(content, gained);
  }
  void Drop(const ContentId& content) override { connections_->Drop(content); }
  void Stop() override {
    if (stopped_.exchange(true)) return;
    accept_loop_.Stop();
    connections_->CloseAll();
    connections_->Wait();
  }

 private:
  const std::shared_ptr<Connections> connections_;
  net::AcceptLoop accept_loop_;
  std::atomic<bool> stopped_{false};
};

}  // namespace

absl::StatusOr<std::unique_ptr<ChunkServer>> ChunkServer::Start(
    const Options& options, net::EventLoopGroup& loops, std::shared_ptr<const ContentDirectory> contents) {
  auto connections = std::make_shared<Connections>(options, std::move(contents));
  SHOAL_ASSIGN_OR_RETURN(net::Listener listener, net::Listener::Open(options.listen));
  return std::make_unique<TcpChunkServer>(std::move(connections), loops, std::move(listener), options);
}

}  // namespace shoal::stream
