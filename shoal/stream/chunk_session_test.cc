#include "shoal/stream/chunk_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "shoal/base/mutex.h"
#include "shoal/stream/chunk_server.h"
#include "tests/support/file_chunk_source.h"
#include "tests/support/frame_connection.h"
#include "tests/support/recording_delegate.h"

namespace shoal::stream {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Record = RecordingDelegate::Record;

std::vector<ChunkIndex> Chunks(std::vector<uint32_t> indices) {
  return {indices.begin(), indices.end()};
}

ContentId RandomContent() {
  std::array<uint8_t, 32> bytes{};
  const PeerId random = RandomPeerId();
  std::copy(random.bytes().begin(), random.bytes().end(), bytes.begin());
  return ContentId(bytes);
}

std::string Text(ByteView bytes) {
  return {bytes.begin(), bytes.end()};
}

// A content that consists of a manifest only.
class ManifestOnlySource final : public ChunkSource {
 public:
  explicit ManifestOnlySource(uint32_t chunk_count)
      : manifest_(std::make_shared<const Manifest>(
            *Manifest::Create(Manifest::Kind::kFile, "none", kMinChunkSizeBytes,
                              {{.path = "none",
                                .length_bytes = uint64_t{chunk_count} * kMinChunkSizeBytes,
                                .executable = false}},
                              std::vector<ChunkChecksums>(chunk_count)))) {}

  const std::shared_ptr<const Manifest>& manifest() const override { return manifest_; }
  ChunkSet Held() const override { return ChunkSet(manifest_->chunk_count()); }
  bool Holds(ChunkIndex) const override { return false; }
  absl::StatusOr<FileRegion> Open(ChunkIndex) const override { return absl::NotFoundError("none"); }

 private:
  const std::shared_ptr<const Manifest> manifest_;
};

// A server and the sessions that dial it, on separate loops.
class ChunkSessionTest : public ::testing::Test {
 protected:
  ~ChunkSessionTest() override {
    for (auto& session : sessions_) OnLoop([&] { session->Close(false); });
    if (server_ != nullptr) server_->Stop();
    loops_.Stop();
    loop_.Stop();
  }

  void StartServer() {
    ChunkServer::Options options;
    options.listen = *Endpoint::Parse("127.0.0.1:0");
    options.self = RandomPeerId();
    options.limits = server_limits_;
    options.parallel_uploads = parallel_uploads_;
    options.on_source_failure = [this](const ContentId& content, const absl::Status& why) {
      MutexLock lock(&mutex_);
      failures_.push_back({content, why.code(), std::string(why.message())});
    };
    absl::StatusOr<std::unique_ptr<ChunkServer>> server = ChunkServer::Start(options, loops_, directory_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  std::shared_ptr<FileChunkSource> Serve(size_t length_bytes, uint32_t chunk_size_bytes) {
    auto source = FileChunkSource::Make(length_bytes, chunk_size_bytes);
    directory_->Add(source);
    if (server_ == nullptr) StartServer();
    return source;
  }

  // Lives until the sessions are closed.
  RecordingDelegate& NewDelegate(size_t buffer_bytes = 1024 * 1024, size_t max_buffers = 4) {
    return delegates_.emplace_back(buffer_bytes, max_buffers);
  }

  ChunkSession* Dial(uint16_t port, const ContentId& id, RecordingDelegate* delegate,
                     std::shared_ptr<const ChunkSource> source = nullptr,
                     TicketCheck check_ticket = nullptr) {
    SessionTerms terms;
    terms.content_id = id;
    terms.self = RandomPeerId();
    terms.check_ticket = std::move(check_ticket);
    OnLoop([&] {
      sessions_.push_back(ChunkSession::Dial(loop_, *net::TcpTransports(),
                                             {IpAddress::V4({127, 0, 0, 1}), port}, terms, limits_,
                                             std::move(source), delegate));
    });
    return sessions_.back().get();
  }
  ChunkSession* DialServer(const FileChunkSource& source, RecordingDelegate* delegate) {
    return Dial(server_->port(), source.manifest()->id(), delegate);
  }

  void OnLoop(const std::function<void()>& work) {
    std::promise<void> done;
    loop_.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  void Request(ChunkSession* session, std::vector<uint32_t> indices) {
    OnLoop([&] { session->Request(Chunks(std::move(indices))); });
  }

  struct Failure {
    ContentId content;
    absl::StatusCode code;
    std::string message;
  };
  // Returns the failures of sources that the server has reported since the last call.
  std::vector<Failure> TakeFailures() {
    MutexLock lock(&mutex_);
    return std::exchange(failures_, {});
  }

  Mutex mutex_;
  std::vector<Failure> failures_ ABSL_GUARDED_BY(mutex_);
  std::deque<RecordingDelegate> delegates_;
  net::EventLoopGroup loops_{"server", 2};
  net::EventLoop loop_{"client"};
  std::shared_ptr<TestDirectory> directory_ = std::make_shared<TestDirectory>();
  SessionLimits limits_;
  SessionLimits server_limits_;
  uint32_t parallel_uploads_ = 4;
  std::unique_ptr<ChunkServer> server_;
  std::vector<std::shared_ptr<ChunkSession>> sessions_;
};

struct Sizes {
  size_t length_bytes;
  uint32_t chunk_size_bytes;
};

class WholeContentTest : public ChunkSessionTest, public ::testing::WithParamInterface<Sizes> {};

TEST_P(WholeContentTest, ArrivesInTheOrderOfTheRequests) {
  auto source = Serve(GetParam().length_bytes, GetParam().chunk_size_bytes);
  RecordingDelegate& delegate = NewDelegate(GetParam().chunk_size_bytes, 4);
  ChunkSession* session = DialServer(*source, &delegate);
  const uint32_t count = source->manifest()->chunk_count();
  std::vector<uint32_t> backwards;
  for (uint32_t i = count; i > 0; --i) backwards.push_back(i - 1);
  Request(session, backwards);
  const Record record = delegate.Wait([&](const Record& r) { return r.chunks.size() == count || r.closed; });
  ASSERT_THAT(record.chunks, SizeIs(count));
  for (uint32_t i = 0; i < count; ++i) {
    EXPECT_EQ(record.chunks[i].first, ChunkIndex(count - 1 - i));
    EXPECT_TRUE(record.chunks[i].second == Text(source->BytesOf(record.chunks[i].first)));
  }
  EXPECT_EQ(record.progress_bytes, GetParam().length_bytes);
  EXPECT_EQ(record.hello->chunk_count, count);
  EXPECT_TRUE(ChunkSet::Decode(count, AsBytes(record.hello->held))->full());
}

INSTANTIATE_TEST_SUITE_P(Sizes, WholeContentTest,
                         ::testing::Values(Sizes{1, 16384}, Sizes{16384, 16384}, Sizes{16385, 16384},
                                           Sizes{1'000'001, 16384}, Sizes{3 * 512 * 1024, 512 * 1024},
                                           Sizes{5'000'000, 512 * 1024},
                                           Sizes{20'000'000, 16 * 1024 * 1024}));

TEST_F(ChunkSessionTest, RequestsMadeBeforeTheHelloWait) {
  auto source = Serve(100'000, 16384);
  RecordingDelegate& delegate = NewDelegate();
  ChunkSession* session = nullptr;
  OnLoop([&] {
    SessionTerms terms;
    terms.content_id = source->manifest()->id();
    sessions_.push_back(ChunkSession::Dial(loop_, *net::TcpTransports(),
                                           {IpAddress::V4({127, 0, 0, 1}), server_->port()}, terms, limits_,
                                           nullptr, &delegate));
    session = sessions_.back().get();
    session->Request(Chunks({2, 0}));
    session->Request(Chunks({1, 3}));
    session->Cancel(Chunks({1}));
  });
  const Record record = delegate.Wait([](const Record& r) { return r.chunks.size() == 3; });
  EXPECT_EQ(record.chunks[0].first, ChunkIndex(2));
  EXPECT_EQ(record.chunks[1].first, ChunkIndex(0));
  EXPECT_EQ(record.chunks[2].first, ChunkIndex(3));
}

TEST_F(ChunkSessionTest, CountsWhatWasSent) {
  auto source = Serve(100'000, 16384);
  RecordingDelegate& delegate = NewDelegate();
  ChunkSession* session = DialServer(*source, &delegate);
  Request(session, {0, 6});
  delegate.Wait([](const Record& r) { return r.chunks.size() == 2; });
  OnLoop([&] { session->Close(true); });
  EXPECT_EQ(delegate.WaitClosed().closed->code(), absl::StatusCode::kCancelled);
  server_->Stop();
  EXPECT_EQ(server_->totals().sent_bytes, 16384 + 100'000 % 16384);
  EXPECT_EQ(server_->totals().sent_chunks, 2);
  EXPECT_EQ(server_->totals().sessions, 0);
}

TEST_F(ChunkSessionTest, ChunksThatAreNotHeldAreRefused) {
  auto source = Serve(100'000, 16384);
  ChunkSet held(source->manifest()->chunk_count());
  held.Insert(ChunkIndex(3));
  source->Hold(held);
  RecordingDelegate& delegate = NewDelegate();
  ChunkSession* session = DialServer(*source, &delegate);
  Request(session, {1, 2, 3, 5});
  const Record record =
      delegate.Wait([](const Record& r) { return r.chunks.size() == 1 && !r.refused.empty(); });
  EXPECT_EQ(record.refused[0].reason, Refuse::Reason::kNotHeld);
  EXPECT_THAT(record.refused[0].chunks,
              ElementsAre(ChunkRange{ChunkIndex(1), 2}, ChunkRange{ChunkIndex(5), 1}));
  EXPECT_EQ(record.chunks[0].first, ChunkIndex(3));
}

TEST_F(ChunkSessionTest, MoreThanMayBeQueuedIsRefused) {
  server_limits_.max_queued_chunks = 3;
  auto source = Serve(100'000, 16384);
  RecordingDelegate& delegate = NewDelegate();
  ChunkSession* session = DialServer(*source, &delegate);
  Request(session, {0, 1, 2, 3, 4, 5});
  const Record record =
      delegate.Wait([](const Record& r) { return r.chunks.size() == 3 && !r.refused.empty(); });
  EXPECT_EQ(record.refused[0].reason, Refuse::Reason::kTooManyRequests);
  EXPECT_THAT(record.refused[0].chunks, ElementsAre(ChunkRange{ChunkIndex(3), 3}));
}

TEST_F(ChunkSessionTest, AFileThatCantBeReadIsRefusedChunkByChunk) {
  auto source = Serve(100'000, 16384);
  source->FailToOpen(ChunkIndex(1), absl::FailedPreconditionError("it has changed"));
  source->FailToOpen(ChunkIndex(2), absl::NotFoundError("gone meanwhile"));
  source->FailToOpen(ChunkIndex(3), absl::ResourceExhaustedError("no descriptors"));
  RecordingDelegate& delegate = NewDelegate();
  ChunkSession* session = DialServer(*source, &delegate);
  Request(session, {0, 1, 2, 3, 4});
  const Record record =
      delegate.Wait([](const Record& r) { return r.chunks.size() == 2 && r.refused.size() == 3; });
  EXPECT_EQ(record.refused[0].reason, Refuse::Reason::kReadFailed);
  EXPECT_EQ(record.refused[0].detail, "it has changed");
  EXPECT_THAT(record.refused[0].chunks, ElementsAre(ChunkRange{ChunkIndex(1), 1}));
  EXPECT_EQ(record.refused[1].reason, Refuse::Reason::kNotHeld);
  EXPECT_EQ(record.refused[2].reason, Refuse::Reason::kBusy);
  EXPECT_GT(record.refused[2].retry_after, absl::ZeroDuration());
}

TEST_F(ChunkSessionTest, AFileThatIsCutShortIsRefusedAndTheConnectionGoesOn) {
  auto source = Serve(400'000, 128 * 1024);
  source->Truncate(200'000);
  RecordingDelegate& delegate = NewDelegate();
  ChunkSession* session = DialServer(*source, &delegate);
  Request(session, {1, 2, 0});
  const Record record = delegate.Wait(
      [](const Record& r) { return (r.chunks.size() == 1 && r.refused.size() == 2) || r.closed; });
  ASSERT_THAT(record.chunks, SizeIs(1));
  EXPECT_EQ(record.chunks[0].first, ChunkIndex(0));
  ASSERT_THAT(record.refused, SizeIs(2));
  for (uint32_t i : {0, 1}) {
    EXPECT_EQ(record.refused[i].reason, Refuse::Reason::kReadFailed);
    EXPECT_THAT(record.refused[i].chunks, ElementsAre(ChunkRange{ChunkIndex(i + 1), 1}));
  }
  EXPECT_THAT(record.corrupt, IsEmpty()) << "the peer is broken, and does not lie";
  EXPECT_FALSE(record.closed.has_value());
}

TEST_F(ChunkSessionTest, AFileThatIsCutShortIsReportedOnceForEachSource) {
  auto source = Serve(400'000, 128 * 1024);
  source->Truncate(100'000);
  RecordingDelegate& delegate = NewDelegate();
  ChunkSession* session = DialServer(*source, &delegate);
  Request(session, {0, 1});
  delegate.Wait([](const Record& r) { return r.refused.size() == 2; });
  const std::vector<Failure> failures = TakeFailures();
  ASSERT_THAT(failures, SizeIs(1));
  EXPECT_EQ(failures[0].content, source->manifest()->id());
  EXPECT_EQ(failures[0].code, absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(failures[0].message, HasSubstr("chunk 0: the file is shorter"));

  // The owner publishes the same content again, out of another source, which fails as well.
  auto again = Serve(400'000, 128 * 1024);
  again->FailToOpen(ChunkIndex(3), absl::PermissionDeniedError("it may not be opened"));
  RecordingDelegate& second = NewDelegate();
  Request(DialServer(*again, &second), {3});
  const Record record = second.Wait([](const Record& r) { return r.refused.size() == 1; });
  EXPECT_EQ(record.refused[0].reason, Refuse::Reason::kReadFailed);
  const std::vector<Failure> later = TakeFailures();
  ASSERT_THAT(later, SizeIs(1));
  EXPECT_EQ(later[0].message, "chunk 3: it may not be opened");
}

TEST_F(ChunkSessionTest, ABusySourceIsNotReportedAsBroken) {
  auto source = Serve(100'000, 16384);
  source->FailToOpen(ChunkIndex(1), absl::ResourceExhaustedError("no descriptors"));
  source->FailToOpen(ChunkIndex(2), absl::NotFoundError("not held any more"));
  RecordingDelegate& delegate = NewDelegate();
  Request(DialServer(*source, &delegate), {1, 2});
  delegate.Wait([](const Record& r) { return r.refused.size() == 2; });
  EXPECT_THAT(TakeFailures(), IsEmpty());
}

TEST_F(ChunkSessionTest, ASourceOfADiallingEndThatFailsIsReportedToItsDelegate) {
  auto own = FileChunkSource::Make(400'000, 128 * 1024);
  own->Truncate(10'000);
  RawListener listener;
  RecordingDelegate& delegate = NewDelegate();
  Dial(listener.port(), own->manifest()->id(), &delegate, own);
  FrameConnection peer(listener.Accept());
  ASSERT_TRUE(peer.ReadFrame(FrameType::kHello).has_value());
  Hello hello;
  hello.content_id = own->manifest()->id();
  hello.peer_id = RandomPeerId();
  ASSERT_TRUE(peer.SendFrame(FrameType::kHello, hello.Encode()));
  ASSERT_TRUE(peer.SendFrame(FrameType::kRequest, stream::Request{{{ChunkIndex(0), 2}}}.Encode()));
  for (uint32_t i : {0, 1}) {
    const auto frame = peer.ReadFrame(FrameType::kRefuse);
    ASSERT_TRUE(frame.has_value());
    const auto refuse = Refuse::Decode(AsBytes(frame->body));
    ASSERT_TRUE(refuse.ok());
    EXPECT_EQ(refuse->reason, Refuse::Reason::kReadFailed);
    EXPECT_THAT(refuse->chunks, ElementsAre(ChunkRange{ChunkIndex(i), 1}));
  }
  const Record record = delegate.Wait([](const Record& r) { return !r.source_failures.empty(); });
  ASSERT_THAT(record.source_failures, SizeIs(1));
  EXPECT_THAT(std::string(record.source_failures[0].message()), HasSubstr("chunk 0"));
}

TEST_F(ChunkSessionTest, ADiallingEndServesOnlyAPeerThatPassesItsCheck) {
  // One ticket is for the content under another name.
  const auto check = [](const Hello& theirs, std::optional<absl::string_view> name) {
    return theirs.ticket == "valid" || (theirs.ticket == "renamed" && !name.has_value())
               ? absl::OkStatus()
               : absl::PermissionDeniedError("");
  };
  const auto own = FileChunkSource::Make(400'000, 128 * 1024);
  const auto request = [](FrameConnection& peer, bool manifest) {
    return manifest ? peer.SendFrame(FrameType::kManifestRequest, ManifestRequest{0, 1}.Encode())
                    : peer.SendFrame(FrameType::kRequest, stream::Request{{{ChunkIndex(0), 1}}}.Encode());
  };
  for (const bool manifest : {false, true}) {
    for (const bool offers_later : {false, true}) {
      for (const std::string ticket : {"valid", "", "forged", "renamed"}) {
        SCOPED_TRACE(ticket);
        RawListener listener;
        RecordingDelegate& delegate = NewDelegate();
        ChunkSession* session =
            Dial(listener.port(), own->manifest()->id(), &delegate, offers_later ? nullptr : own, check);
        FrameConnection peer(listener.Accept());
        ASSERT_TRUE(peer.ReadFrame(FrameType::kHello).has_value());
        Hello hello;
        hello.content_id = own->manifest()->id();
        hello.peer_id = RandomPeerId();
        hello.ticket = ticket;
        ASSERT_TRUE(peer.SendFrame(FrameType::kHello, hello.Encode()));
        delegate.Wait([](const Record& r) { return r.hello.has_value(); });
        if (offers_later) OnLoop([&] { session->Offer(own); });
        ASSERT_TRUE(request(peer, manifest));
        if (ticket == "valid") {
          EXPECT_TRUE(peer.ReadFrame(manifest ? FrameType::kManifest : FrameType::kChunk).has_value());
        } else {
          EXPECT_FALSE(delegate.WaitClosed().closed->ok());
          EXPECT_EQ(session->SentBytes(), 0u);
        }
      }
    }
  }
}

TEST_F(ChunkSessionTest, ASmallChunkThatWasCutShortIsRefused) {
  auto source = Serve(100'000, 32 * 1024);
  source->Truncate(70'000);
  RecordingDelegate& delegate = NewDelegate();
  ChunkSession* session = DialServer(*source, &delegate);
  Request(session, {0, 2, 1});
  const Record record =
      delegate.Wait([](const Record& r) { return r.chunks.size() == 2 && !r.refused.empty(); });
  EXPECT_EQ(record.refused[0].reason, Refuse::Reason::kReadFailed);
  EXPECT_THAT(record.refused[0].chunks, ElementsAre(ChunkRange{ChunkIndex(2), 1}));
}

TEST_F(ChunkSessionTest, BytesThatDoNotMatchTheChecksumAreReported) {
  auto source = Serve(100'000, 16384);
  source->Corrupt(ChunkIndex(1));
  RecordingDelegate& delegate = NewDelegate();
  ChunkSession* session = DialServer(*source, &delegate);
  Request(session, {0, 1, 2});
  const Record record = delegate.Wait([](const Record& r) { return r.chunks.size() == 2; });
  EXPECT_THAT(record.corrupt, ElementsAre(ChunkIndex(1)));
  EXPECT_FALSE(record.closed.has_value());
}

TEST_F(ChunkSessionTest, UnwantedChunksAreDropped) {
  auto source = Serve(1'000'000, 256 * 1024);
  RecordingDelegate& delegate = NewDelegate();
  delegate.unwanted = {ChunkIndex(0), ChunkIndex(2)};
  ChunkSession* session = DialServer(*source, &delegate);
  Request(session, {0, 1, 2, 3});
  const Record record = delegate.Wait([](const Record& r) { return r.chunks.size() == 2; });
  EXPECT_EQ(record.chunks[0].first, ChunkIndex(1));
  EXPECT_EQ(record.chunks[1].first, ChunkIndex(3));
}

TEST_F(ChunkSessionTest, ReadingPausesWithoutABufferAndResumes) {
  auto source = Serve(1'000'000, 64 * 1024);
  RecordingDelegate& delegate = NewDelegate(64 * 1024, 1);
  delegate.keep_buffers = true;
  ChunkSession* session = DialServer(*source, &delegate);
  const uint32_t count = source->manifest()->chunk_count();
  std::vector<uint32_t> all;
  for (uint32_t i = 0; i < count; ++i) all.push_back(i);
  Request(session, all);
  for (uint32_t i = 1; i < count; ++i) {
    const Record record = delegate.Wait([&](const Record& r) { return r.pauses == i; });
    ASSERT_THAT(record.chunks, SizeIs(i));
    delegate.Release();
    OnLoop([&] { session->ResumeReading(); });
  }
  const Record record = delegate.Wait([&](const Record& r) { return r.chunks.size() == count; });
  for (uint32_t i = 0; i < count; ++i)
    EXPECT_TRUE(record.chunks[i].second == Text(source->BytesOf(ChunkIndex(i))));
}

TEST_F(ChunkSessionTest, TheManifestArrivesInSlices) {
  auto source = std::make_shared<ManifestOnlySource>(20'000);
  directory_->Add(source);
  StartServer();
  RecordingDelegate& delegate = NewDelegate();
  ChunkSession* session = Dial(server_->port(), source->manifest()->id(), &delegate);
  const Record ready = delegate.Wait([](const Record& r) { return r.hello.has_value(); });
  const std::string canonical = source->manifest()->Encode();
  EXPECT_EQ(ready.hello->manifest_bytes, canonical.size());
  EXPECT_GT(canonical.size(), 2 * kManifestSliceBytes);
  OnLoop([&] {
    session->RequestManifest();
    session->RequestManifest();
  });
  const Record record = delegate.Wait([](const Record& r) { return r.manifest.has_value(); });
  EXPECT_TRUE(*record.manifest == canonical);
  EXPECT_TRUE(Manifest::DecodeAs(source->manifest()->id(), AsBytes(*record.manifest)).ok());
}

TEST_F(ChunkSessionTest, GainsAreAnnouncedBothWays) {
  auto source = Serve(1'000'000, 16384);
  RecordingDelegate& delegate = NewDelegate();
  DialServer(*source, &delegate);
  delegate.Wait([](const Record& r) { return r.hello.has_value(); });
  server_->Announce(source->manifest()->id(), Chunks({4, 5, 6, 9}));
  server_->Announce(RandomContent(), Chunks({1}));
  const Record record = delegate.Wait([](const Record& r) { return r.have.size() >= 2; });
  EXPECT_THAT(record.have, ElementsAre(ChunkRange{ChunkIndex(4), 3}, ChunkRange{ChunkIndex(9), 1}));
}

// Chunk numbers, in ascending order.
std::vector<uint32_t> Came(const Record& record) {
  std::vector<uint32_t> came;
  for (const auto& [index, bytes] : record.chunks) came.push_back(index.value());
  std::sort(came.begin(), came.end());
  return came;
}

TEST_F(ChunkSessionTest, OnCreditsTheServerChoosesFreshChunks) {
  auto source = Serve(100'000, 16384);
  RecordingDelegate& first = NewDelegate();
  RecordingDelegate& second = NewDelegate();
  ChunkSession* to_first = DialServer(*source, &first);
  ChunkSession* to_second = DialServer(*source, &second);
  OnLoop([&] { to_first->RequestAny(3); });
  const Record three = first.Wait([](const Record& r) { return r.chunks.size() == 3; });
  EXPECT_TRUE(three.hello->serves_any);
  EXPECT_EQ(three.nothing_fresh, 0);
  OnLoop([&] { to_second->RequestAny(10); });
  const Record four = second.Wait([](const Record& r) { return r.nothing_fresh > 0; });
  EXPECT_THAT(four.chunks, SizeIs(4));
  std::vector<uint32_t> all = Came(three);
  for (const uint32_t index : Came(four)) all.push_back(index);
  EXPECT_THAT(all, ::testing::UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6));
  // The remaining credits are void; requests by index are still served.
  Request(to_second, {5, 6});
  const Record later = second.Wait([](const Record& r) { return r.chunks.size() == 6; });
  EXPECT_EQ(later.nothing_fresh, 1);
}

TEST_F(ChunkSessionTest, ChunksThatAPeerHoldsAreNotChosen) {
  auto source = Serve(100'000, 16384);
  // One peer states in its hello what it holds, one announces it later, and one gets a source later.
  auto holds_two = FileChunkSource::Make(100'000, 16384);
  ChunkSet two(7);
  two.Insert(ChunkIndex(0));
  two.Insert(ChunkIndex(1));
  holds_two->Hold(two);
  RecordingDelegate& teller = NewDelegate();
  Dial(server_->port(), source->manifest()->id(), &teller, holds_two);
  teller.Wait([](const Record& r) { return r.hello.has_value(); });

  RecordingDelegate& late = NewDelegate();
  ChunkSession* session = DialServer(*source, &late);
  late.Wait([](const Record& r) { return r.hello.has_value(); });
  auto holds_last = FileChunkSource::Make(100'000, 16384);
  ChunkSet last(7);
  last.Insert(ChunkIndex(6));
  holds_last->Hold(last);
  OnLoop([&] {
    session->Offer(holds_last);
    session->Announce(Chunks({3}));
  });
  // The response shows that the server has read what was sent before: what the source holds, and perhaps
  // already what was gained.
  Request(session, {2});
  late.Wait([](const Record& r) { return r.chunks.size() == 1; });
  OnLoop([&] { session->RequestAny(7); });
  const Record record = late.Wait([](const Record& r) { return r.nothing_fresh > 0; });
  EXPECT_THAT(Came(record), ::testing::IsSupersetOf({2u, 4u, 5u}));
  EXPECT_THAT(Came(record), ::testing::Each(::testing::AnyOf(2, 3, 4, 5)));
}

TEST_F(ChunkSessionTest, ChunksGivenToADisconnectedPeerAreFreshAgain) {
  auto source = Serve(100'000, 16384);
  RecordingDelegate& first = NewDelegate();
  RecordingDelegate& second = NewDelegate();
  ChunkSession* to_first = DialServer(*source, &first);
  ChunkSession* to_second = DialServer(*source, &second);
  second.Wait([](const Record& r) { return r.hello.has_value(); });
  OnLoop([&] { to_first->RequestAny(7); });
  first.Wait([](const Record& r) { return r.chunks.size() == 7; });
  OnLoop([&] { to_second->RequestAny(1); });
  second.Wait([](const Record& r) { return r.nothing_fresh == 1; });
  OnLoop([&] { to_first->Close(true); });
  while (server_->totals().sessions > 1) std::this_thread::yield();
  OnLoop([&] { to_second->RequestAny(7); });
  const Record record = second.Wait([](const Record& r) { return r.chunks.size() == 7; });
  EXPECT_THAT(Came(record), ElementsAre(0, 1, 2, 3, 4, 5, 6));
}

TEST_F(ChunkSessionTest, APartialSourceChoosesNothing) {
  auto source = Serve(100'000, 16384);
  ChunkSet some(7);
  some.Insert(ChunkIndex(1));
  source->Hold(some);
  RecordingDelegate& delegate = NewDelegate();
  ChunkSession* session = DialServer(*source, &delegate);
  OnLoop([&] { session->RequestAny(2); });
  const Record record = delegate.Wait([](const Record& r) { return r.nothing_fresh > 0; });
  EXPECT_FALSE(record.hello->serves_any);
  EXPECT_THAT(record.chunks, SizeIs(0));
}

TEST_F(ChunkSessionTest, AFreshChunkThatCantBeReadEndsTheChoosing) {
  auto source = Serve(16384, 16384);
  source->FailToOpen(ChunkIndex(0), absl::FailedPreconditionError("it has changed"));
  RecordingDelegate& delegate = NewDelegate();
  ChunkSession* session = DialServer(*source, &delegate);
  OnLoop([&] { session->RequestAny(2); });
  delegate.Wait([](const Record& r) { return r.nothing_fresh == 1; });
  Request(session, {0});
  const Record record = delegate.Wait([](const Record& r) { return !r.refused.empty(); });
  EXPECT_EQ(record.refused[0].reason, Refuse::Reason::kReadFailed);
}

TEST_F(ChunkSessionTest, ARateLimitDelaysChunksOnly) {
  server_limits_.write_limit = std::make_shared<net::RateLimit>(0);
  auto source = Serve(400'000, 128 * 1024);
  RecordingDelegate& delegate = NewDelegate();
  ChunkSession* session = DialServer(*source, &delegate);
  delegate.Wait([](const Record& r) { return r.hello.has_value(); });
  server_->Announce(source->manifest()->id(), Chunks({1}));
  Request(session, {0, 1});
  EXPECT_THAT(delegate.Wait([](const Record& r) { return !r.have.empty(); }).chunks, SizeIs(0));
  server_limits_.write_limit->Set(net::RateLimit::kUnlimited);
  delegate.Wait([](const Record& r) { return r.chunks.size() == 2; });
}

TEST_F(ChunkSessionTest, SmallAndLargeChunksMix) {
  // A small chunk, which is gathered, ends each file of large ones.
  auto source = Serve(3 * 128 * 1024 + 10, 128 * 1024);
  auto small = Serve(2'000'000, 16 * 1024);
  RecordingDelegate& delegate = NewDelegate();
  Request(DialServer(*source, &delegate), {0, 3, 1, 2});
  const Record mixed = delegate.Wait([](const Record& r) { return r.chunks.size() == 4; });
  for (const auto& [index, bytes] : mixed.chunks) EXPECT_TRUE(bytes == Text(source->BytesOf(index)));
  RecordingDelegate& many = NewDelegate();
  std::vector<uint32_t> all(small->manifest()->chunk_count());
  std::iota(all.begin(), all.end(), 0);
  Request(DialServer(*small, &many), all);
  const Record record = many.Wait([&](const Record& r) { return r.chunks.size() == all.size(); });
  for (uint32_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(record.chunks[i].first, ChunkIndex(i));
    EXPECT_TRUE(record.chunks[i].second == Text(small->BytesOf(ChunkIndex(i))));
  }
}

TEST_F(ChunkSessionTest, TheServerListsTheContentsThatPeersRequested) {
  auto requested = Serve(100'000, 16384);
  directory_->Add(FileChunkSource::Make(50'000, 16384, /*seed=*/2));
  EXPECT_THAT(server_->all_content_totals(), IsEmpty());
  RecordingDelegate& delegate = NewDelegate();
  Request(DialServer(*requested, &delegate), {0});
  delegate.Wait([](const Record& r) { return r.chunks.size() == 1; });
  const auto all = server_->all_content_totals();
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].first, requested->manifest()->id());
  ASSERT_THAT(all[0].second.peers, SizeIs(1));
  server_->Drop(requested->manifest()->id());
  EXPECT_THAT(server_->all_content_totals(), IsEmpty());
}

TEST_F(ChunkSessionTest, TheServerAccountsByContentAndPeer) {
  auto source = Serve(100'000, 16384);
  RecordingDelegate& delegate = NewDelegate();
  ChunkSession* session = DialServer(*source, &delegate);
  Request(session, {0, 1});
  delegate.Wait([](const Record& r) { return r.chunks.size() == 2; });
  // Counted once the bytes are passed to the system, which may be after they have arrived.
  ContentTotals totals;
  while (totals.sent_chunks < 2) totals = server_->content_totals(source->manifest()->id());
  EXPECT_EQ(totals.sent_bytes, 2 * 16384);
  ASSERT_THAT(totals.peers, SizeIs(1));
  EXPECT_EQ(totals.peers[0].sent_bytes, 2 * 16384);
  EXPECT_EQ(totals.peers[0].endpoint.ip, IpAddress::V4({127, 0, 0, 1}));
  EXPECT_EQ(server_->content_totals(RandomContent()).sent_bytes, 0);
  OnLoop([&] { session->Close(true); });
  while (!totals.peers.empty()) totals = server_->content_totals(source->manifest()->id());
  EXPECT_EQ(totals.sent_bytes, 2 * 16384);
}

TEST_F(ChunkSessionTest, MorePeersThanTurnsAreAllServed) {
  parallel_uploads_ = 1;
  auto source = Serve(2'000'000, 128 * 1024);
  const uint32_t count = source->manifest()->chunk_count();
  std::vector<uint32_t> all(count);
  std::iota(all.begin(), all.end(), 0);
  std::vector<RecordingDelegate*> peers;
  for (int i = 0; i < 6; ++i) {
    peers.push_back(&NewDelegate());
    Request(DialServer(*source, peers.back()), all);
  }
  for (RecordingDelegate* peer : peers) {
    peer->Wait([&](const Record& r) { return r.chunks.size() == count; });
  }
}

TEST_F(ChunkSessionTest, AnUnknownContentIsRefused) {
  Serve(1000, 16384);
  RecordingDelegate& delegate = NewDelegate();
  Dial(server_->port(), RandomContent(), &delegate);
  const Record record = delegate.WaitClosed();
  EXPECT_EQ(record.closed->code(), absl::StatusCode::kUnavailable);
  ASSERT_THAT(record.refused, SizeIs(1));
  EXPECT_EQ(record.refused[0].reason, Refuse::Reason::kUnknownContent);
  EXPECT_FALSE(record.hello.has_value());
}

TEST_F(ChunkSessionTest, AnAddressWithoutAListenerIsUnavailable) {
  uint16_t port = 0;
  {
    RawListener listener;
    port = listener.port();
  }
  RecordingDelegate& delegate = NewDelegate();
  Dial(port, RandomContent(), &delegate);
  EXPECT_EQ(delegate.WaitClosed().closed->code(), absl::StatusCode::kUnavailable);
}

TEST_F(ChunkSessionTest, CloseWithoutTellingCallsNothing) {
  auto source = Serve(1'000'000, 16384);
  RecordingDelegate& delegate = NewDelegate();
  ChunkSession* session = DialServer(*source, &delegate);
  delegate.Wait([](const Record& r) { return r.hello.has_value(); });
  OnLoop([&] {
    session->Close(true);
    session->Close(false);
  });
  OnLoop([] {});
  EXPECT_FALSE(delegate.Wait([](const Record&) { return true; }).closed.has_value());
}

TEST_F(ChunkSessionTest, ClosingInsideACallbackIsAllowed) {
  auto source = Serve(1'000'000, 16384);
  RecordingDelegate& delegate = NewDelegate();
  delegate.on_ready = [this] { sessions_.back()->Close(true); };
  DialServer(*source, &delegate);
  EXPECT_EQ(delegate.WaitClosed().closed->code(), absl::StatusCode::kCancelled);
}

TEST_F(ChunkSessionTest, AStoppedLoopDestroysItsSessions) {
  auto source = Serve(10'000'000, 16384);
  RecordingDelegate& delegate = NewDelegate(16384, 1);
  delegate.keep_buffers = true;
  ChunkSession* session = DialServer(*source, &delegate);
  Request(session, {0, 1, 2, 3});
  delegate.Wait([](const Record& r) { return r.pauses > 0; });
  const std::weak_ptr<ChunkSession> weak = sessions_.back();
  loop_.Stop();
  sessions_.clear();
  EXPECT_TRUE(weak.expired());
}

// The other end is a raw connection of the test.
class RawPeerTest : public ChunkSessionTest {
 protected:
  // A session that has received the hello of a peer with `source`.
  FrameConnection MeetDialled(const FileChunkSource& source, RecordingDelegate* delegate) {
    id_ = source.manifest()->id();
    session_ = Dial(listener_.port(), id_, delegate);
    FrameConnection peer(listener_.Accept());
    EXPECT_TRUE(peer.ReadFrame(FrameType::kHello).has_value());
    EXPECT_TRUE(peer.SendFrame(FrameType::kHello, HelloOf(source).Encode()));
    return peer;
  }
  static Hello HelloOf(const FileChunkSource& source) {
    Hello hello;
    hello.content_id = source.manifest()->id();
    hello.peer_id = RandomPeerId();
    hello.chunk_count = source.manifest()->chunk_count();
    hello.manifest_bytes = 1000;
    return hello;
  }
  // A connection to the server on which the hellos were exchanged.
  FrameConnection MeetServer(const FileChunkSource& source) {
    FrameConnection peer = FrameConnection::To(server_->port());
    EXPECT_TRUE(peer.SendFrame(FrameType::kHello, HelloOf(source).Encode()));
    EXPECT_TRUE(peer.ReadFrame(FrameType::kHello).has_value());
    return peer;
  }
  absl::StatusCode CodeOfClosing(RecordingDelegate* delegate) {
    return delegate->WaitClosed().closed->code();
  }

  RawListener listener_;
  ContentId id_;
  ChunkSession* session_ = nullptr;
  std::shared_ptr<FileChunkSource> content_ = FileChunkSource::Make(100'000, 16384);
};

TEST_F(RawPeerTest, UnknownFramesAreSkipped) {
  RecordingDelegate& delegate = NewDelegate();
  FrameConnection peer = MeetDialled(*content_, &delegate);
  ASSERT_TRUE(peer.SendFrame(static_cast<FrameType>(77), std::string(200'000, 'x')));
  ASSERT_TRUE(peer.SendFrame(static_cast<FrameType>(255), ""));
  ASSERT_TRUE(peer.SendFrame(FrameType::kHave, Have{{{ChunkIndex(3), 2}}}.Encode()));
  const Record record = delegate.Wait([](const Record& r) { return !r.have.empty(); });
  EXPECT_THAT(record.have, ElementsAre(ChunkRange{ChunkIndex(3), 2}));
}

TEST_F(RawPeerTest, SmallFramesInOnePacketAllArrive) {
  RecordingDelegate& delegate = NewDelegate();
  FrameConnection peer = MeetDialled(*content_, &delegate);
  std::string packet;
  for (uint32_t i = 0; i < 100; ++i) {
    packet += FrameConnection::FrameBytes(FrameType::kHave, Have{{{ChunkIndex(2 * i), 1}}}.Encode());
    packet += FrameConnection::FrameBytes(FrameType::kPing, "");
  }
  packet += FrameConnection::FrameBytes(FrameType::kChunk, "0123456789", 5);
  ASSERT_TRUE(peer.Send(packet));
  const Record record = delegate.Wait([](const Record& r) { return !r.chunks.empty(); });
  EXPECT_THAT(record.have, SizeIs(100));
  EXPECT_EQ(record.chunks[0].second, "0123456789");
}

TEST_F(RawPeerTest, SingleBytesMakeWholeFrames) {
  RecordingDelegate& delegate = NewDelegate();
  FrameConnection peer = MeetDialled(*content_, &delegate);
  for (const char byte : FrameConnection::FrameBytes(FrameType::kChunk, "0123456789", 5)) {
    ASSERT_TRUE(peer.Send(std::string(1, byte)));
  }
  const Record record = delegate.Wait([](const Record& r) { return !r.chunks.empty(); });
  EXPECT_EQ(record.chunks[0].second, "0123456789");
}

TEST_F(RawPeerTest, APeerThatClosesInsideAChunkIsGone) {
  RecordingDelegate& delegate = NewDelegate();
  FrameConnection peer = MeetDialled(*content_, &delegate);
  const std::string frame = FrameConnection::FrameBytes(FrameType::kChunk, std::string(16384, 'x'), 0);
  ASSERT_TRUE(peer.Send(frame.substr(0, 10'000)));
  peer.Close();
  EXPECT_EQ(CodeOfClosing(&delegate), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(delegate.WaitClosed().chunks.empty());
}

TEST_F(RawPeerTest, ABrokenProtocolEndsTheConnection) {
  const std::string garbled = [] {
    std::string frame = FrameConnection::FrameBytes(FrameType::kHave, Have{{{ChunkIndex(1), 1}}}.Encode());
    frame.back() ^= 1;
    return frame;
  }();
  const std::vector<std::string> broken = {
      garbled,
      FrameConnection::FrameBytes(FrameType::kHello, HelloOf(*content_).Encode()),
      FrameConnection::FrameBytes(FrameType::kPing, "x"),
      FrameConnection::FrameBytes(FrameType::kHave, "\xff\xff\xff"),
      FrameConnection::FrameBytes(FrameType::kHave, Have{{{ChunkIndex(kMaxChunks), 1}}}.Encode()),
      FrameConnection::FrameBytes(FrameType::kManifest, "not requested", 0),
      FrameConnection::FrameBytes(FrameType::kRequest, stream::Request{{{ChunkIndex(0), 1}}}.Encode()),
      FrameConnection::FrameBytes(FrameType::kManifestRequest, ManifestRequest{0, 1}.Encode()),
      FrameConnection::FrameBytes(FrameType::kChunk, ""),
      std::string("\x08\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0", 16),  // a chunk of 4 GiB
      std::string("\x4d\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0", 16),        // something unknown of 32 MiB
      std::string("\x03\0\0\0\0\x10\0\1\0\0\0\0\0\0\0\0", 16),        // a control message over 1 MiB
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    RecordingDelegate& delegate = NewDelegate();
    FrameConnection peer = MeetDialled(*content_, &delegate);
    ASSERT_TRUE(peer.Send(broken[i])) << i;
    EXPECT_EQ(CodeOfClosing(&delegate), absl::StatusCode::kInvalidArgument)
        << i << delegate.WaitClosed().closed->message();
    EXPECT_TRUE(peer.ReadToEnd()) << i;
  }
}

TEST_F(ChunkSessionTest, APeerThatAnnouncesItsChunksOverAndOverIsDropped) {
  const auto source = Serve(100'000, 16384);
  const uint32_t chunks = source->manifest()->chunk_count();
  const auto all = [&](size_t times) {
    return Have{std::vector<ChunkRange>(times, ChunkRange{ChunkIndex(0), chunks})}.Encode();
  };
  const auto meet = [&] {
    FrameConnection peer = FrameConnection::To(server_->port());
    Hello hello;
    hello.content_id = source->manifest()->id();
    hello.peer_id = RandomPeerId();
    EXPECT_TRUE(peer.SendFrame(FrameType::kHello, hello.Encode()));
    EXPECT_TRUE(peer.ReadFrame(FrameType::kHello).has_value());
    return peer;
  };
  FrameConnection in_one_frame = meet();
  ASSERT_TRUE(in_one_frame.SendFrame(FrameType::kHave, all(60'000)));
  EXPECT_TRUE(in_one_frame.ReadToEnd());
  FrameConnection in_many = meet();
  for (int i = 0; i < 5; ++i) in_many.SendFrame(FrameType::kHave, all(1));
  EXPECT_TRUE(in_many.ReadToEnd());
  // Chunks that were damaged and fetched again may be announced again.
  FrameConnection honest = meet();
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(honest.SendFrame(FrameType::kHave, all(1)));
  ASSERT_TRUE(honest.SendFrame(FrameType::kRequest, stream::Request{{{ChunkIndex(0), 1}}}.Encode()));
  EXPECT_TRUE(honest.ReadFrame(FrameType::kChunk).has_value());
}

TEST_F(RawPeerTest, FlippedHeaderBitsNeverYieldAChunkThatWasNotSent) {
  const std::string body(5000, 'b');
  const std::string good = FrameConnection::FrameBytes(FrameType::kChunk, body, 2);
  for (size_t bit = 0; bit < 8 * kFrameHeaderBytes; ++bit) {
    RecordingDelegate& delegate = NewDelegate();
    FrameConnection peer = MeetDialled(*content_, &delegate);
    std::string flipped = good;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_TRUE(peer.Send(flipped)) << bit;
    peer.Close();
    for (const auto& [index, bytes] : delegate.WaitClosed().chunks) EXPECT_TRUE(bytes == body) << bit;
  }
}

TEST_F(RawPeerTest, GarbageInsteadOfAHelloEndsTheConnection) {
  for (const std::string& garbage : {std::string(64, '\xff'), std::string("GET / HTTP/1.1\r\n\r\n"),
                                     FrameConnection::FrameBytes(FrameType::kPing, ""),
                                     FrameConnection::FrameBytes(FrameType::kHello, "\x08")}) {
    RecordingDelegate& delegate = NewDelegate();
    Dial(listener_.port(), id_, &delegate);
    FrameConnection peer(listener_.Accept());
    ASSERT_TRUE(peer.Send(garbage));
    EXPECT_EQ(CodeOfClosing(&delegate), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(RawPeerTest, AHelloAboutAnotherContentEndsTheConnection) {
  RecordingDelegate& delegate = NewDelegate();
  Dial(listener_.port(), RandomContent(), &delegate);
  FrameConnection peer(listener_.Accept());
  ASSERT_TRUE(peer.SendFrame(FrameType::kHello, HelloOf(*content_).Encode()));
  EXPECT_EQ(CodeOfClosing(&delegate), absl::StatusCode::kInvalidArgument);
}

TEST_F(RawPeerTest, ALaterVersionThatSupportsThisOneIsAccepted) {
  auto source = Serve(1000, 16384);
  Hello hello = HelloOf(*source);
  hello.version = 9;
  FrameConnection peer = FrameConnection::To(server_->port());
  ASSERT_TRUE(peer.SendFrame(FrameType::kHello, hello.Encode()));
  const auto answer = peer.ReadFrame();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->header.type, FrameType::kHello);
}

TEST_F(RawPeerTest, NoVersionInCommonIsRefused) {
  auto source = Serve(1000, 16384);
  Hello hello = HelloOf(*source);
  hello.version = 9;
  hello.min_version = 2;
  FrameConnection peer = FrameConnection::To(server_->port());
  ASSERT_TRUE(peer.SendFrame(FrameType::kHello, hello.Encode()));
  const auto answer = peer.ReadFrame();
  ASSERT_TRUE(answer.has_value());
  ASSERT_EQ(answer->header.type, FrameType::kRefuse);
  EXPECT_EQ(Refuse::Decode(AsBytes(answer->body))->reason, Refuse::Reason::kVersion);
  EXPECT_TRUE(peer.ReadToEnd());
}

TEST_F(RawPeerTest, RequestsBeforeTheHelloEndTheConnection) {
  auto source = Serve(1000, 16384);
  FrameConnection peer = FrameConnection::To(server_->port());
  ASSERT_TRUE(peer.SendFrame(FrameType::kRequest, stream::Request{{{ChunkIndex(0), 1}}}.Encode()));
  EXPECT_TRUE(peer.ReadToEnd());
}

TEST_F(RawPeerTest, RequestsPastTheContentEndTheConnection) {
  auto source = Serve(100'000, 16384);
  FrameConnection peer = MeetServer(*source);
  ASSERT_TRUE(peer.SendFrame(FrameType::kRequest, stream::Request{{{ChunkIndex(6), 2}}}.Encode()));
  EXPECT_TRUE(peer.ReadToEnd());
  FrameConnection other = MeetServer(*source);
  ASSERT_TRUE(other.SendFrame(FrameType::kManifestRequest, ManifestRequest{1, 1}.Encode()));
  EXPECT_TRUE(other.ReadToEnd());
}

TEST_F(RawPeerTest, ChunksCancelledInTimeAreNotSent) {
  auto source = Serve(100'000, 16384);
  FrameConnection peer = MeetServer(*source);
  // In one packet, so that the server reads the cancel before it has written anything.
  ASSERT_TRUE(peer.Send(
      FrameConnection::FrameBytes(FrameType::kRequest, stream::Request{{{ChunkIndex(0), 6}}}.Encode()) +
      FrameConnection::FrameBytes(FrameType::kCancel, stream::Cancel{{{ChunkIndex(1), 4}}}.Encode()) +
      FrameConnection::FrameBytes(FrameType::kRequest, stream::Request{{{ChunkIndex(5), 2}}}.Encode())));
  std::vector<uint32_t> came;
  while (came.empty() || came.back() != 6) came.push_back(peer.ReadFrame(FrameType::kChunk)->header.index);
  EXPECT_THAT(came, ElementsAre(0, 5, 6));
}

TEST_F(RawPeerTest, AChunkFrameHasTheChecksumOfTheManifest) {
  auto source = Serve(100'000, 16384);
  FrameConnection peer = MeetServer(*source);
  ASSERT_TRUE(peer.SendFrame(FrameType::kRequest, stream::Request{{{ChunkIndex(6), 1}}}.Encode()));
  const auto frame = peer.ReadFrame(FrameType::kChunk);
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->header.index, 6);
  EXPECT_EQ(frame->header.crc32, source->manifest()->checksums(ChunkIndex(6)).crc32);
  EXPECT_TRUE(frame->body == Text(source->BytesOf(ChunkIndex(6))));
}

TEST_F(RawPeerTest, ASilentPeerIsClosed) {
  limits_.idle_timeout = absl::Milliseconds(60);
  RecordingDelegate& delegate = NewDelegate();
  FrameConnection peer = MeetDialled(*content_, &delegate);
  EXPECT_EQ(CodeOfClosing(&delegate), absl::StatusCode::kDeadlineExceeded);
  // A ping had told it before that this end lives.
  EXPECT_TRUE(peer.ReadFrame(FrameType::kPing).has_value());
}

TEST_F(RawPeerTest, APeerWithoutAHelloIsClosed) {
  limits_.hello_timeout = absl::Milliseconds(20);
  RecordingDelegate& delegate = NewDelegate();
  Dial(listener_.port(), id_, &delegate);
  FrameConnection peer(listener_.Accept());
  EXPECT_EQ(CodeOfClosing(&delegate), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(RawPeerTest, AnAcceptedConnectionWithoutAHelloIsClosed) {
  server_limits_.hello_timeout = absl::Milliseconds(20);
  Serve(1000, 16384);
  FrameConnection peer = FrameConnection::To(server_->port());
  EXPECT_TRUE(peer.ReadToEnd());
}

TEST_F(RawPeerTest, AStalledPeerIsClosedAndDelaysNoOther) {
  auto offered = FileChunkSource::Make(64 * 1024 * 1024, 1024 * 1024);
  const ContentId id = offered->manifest()->id();
  RecordingDelegate& to_stuck = NewDelegate();
  limits_.stall_timeout = absl::Milliseconds(300);
  Dial(listener_.port(), id, &to_stuck, offered);
  FrameConnection stuck(listener_.Accept());
  ASSERT_TRUE(stuck.SendFrame(FrameType::kHello, HelloOf(*offered).Encode()));
  ASSERT_TRUE(stuck.SendFrame(FrameType::kRequest, stream::Request{{{ChunkIndex(0), 64}}}.Encode()));

  RecordingDelegate& to_other = NewDelegate();
  Dial(listener_.port(), id, &to_other, offered);
  FrameConnection other(listener_.Accept());
  ASSERT_TRUE(other.SendFrame(FrameType::kHello, HelloOf(*offered).Encode()));
  ASSERT_TRUE(other.SendFrame(FrameType::kRequest, stream::Request{{{ChunkIndex(7), 1}}}.Encode()));
  EXPECT_TRUE(other.ReadFrame(FrameType::kChunk).has_value());
  EXPECT_EQ(CodeOfClosing(&to_stuck), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(RawPeerTest, APeerThatRequestsWithoutReadingIsNotReadFrom) {
  server_limits_.stall_timeout = absl::Milliseconds(300);
  auto source = Serve(64 * 1024 * 1024, 16384);
  source->Hold(ChunkSet(source->manifest()->chunk_count()));
  FrameConnection peer = MeetServer(*source);
  std::vector<ChunkRange> every_other;
  for (uint32_t i = 0; i < 4096; i += 2) every_other.push_back({ChunkIndex(i), 1});
  const std::string request =
      FrameConnection::FrameBytes(FrameType::kRequest, stream::Request{every_other}.Encode());
  // Each is answered by refusals, which are never read, so in the end the server closes.
  while (peer.Send(request)) {
  }
  EXPECT_TRUE(peer.ReadToEnd());
}

}  // namespace
}  // namespace shoal::stream
