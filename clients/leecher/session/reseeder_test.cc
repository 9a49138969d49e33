#include "clients/leecher/session/reseeder.h"

#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "shoal/base/mutex.h"
#include "tests/support/file_chunk_source.h"
#include "tests/support/frame_connection.h"

namespace shoal::leecher {
namespace {

class EmptySource final : public ChunkSource {
 public:
  EmptySource() {
    auto manifest =
        Manifest::Create(Manifest::Kind::kFile, "empty", kDefaultChunkSizeBytes, {{"empty", 0, false}}, {});
    EXPECT_TRUE(manifest.ok()) << manifest.status();
    manifest_ = std::make_shared<const Manifest>(*std::move(manifest));
  }
  const std::shared_ptr<const Manifest>& manifest() const override { return manifest_; }
  ChunkSet Held() const override { return ChunkSet::All(0); }
  bool Holds(ChunkIndex) const override { return false; }
  absl::StatusOr<FileRegion> Open(ChunkIndex) const override { return absl::NotFoundError(""); }

 private:
  std::shared_ptr<const Manifest> manifest_;
};

// What the trackers of a test were told.
struct Heard {
  Mutex mutex;
  CondVar changed;
  std::vector<tracking::RegisterRequest> registered ABSL_GUARDED_BY(mutex);
  std::vector<tracking::PeerReport> reports ABSL_GUARDED_BY(mutex);
  uint32_t left ABSL_GUARDED_BY(mutex) = 0;
  absl::Duration heartbeat_interval = absl::Hours(1);  // set before the reseeder starts
};

class HearingTracker final : public tracking::TrackerClient {
 public:
  HearingTracker(const tracking::TrackerUrl& url, Heard* heard) : url_(url), heard_(heard) {}

  absl::StatusOr<tracking::RegisterResponse> Register(const tracking::RegisterRequest& request,
                                                      absl::Duration) override {
    MutexLock lock(&heard_->mutex);
    heard_->registered.push_back(request);
    heard_->changed.NotifyAll();
    tracking::RegisterResponse response;
    response.lease_id = tracking::LeaseId(heard_->registered.size());
    response.ttl = absl::Hours(1);
    response.heartbeat_interval = heard_->heartbeat_interval;
    return response;
  }
  absl::StatusOr<tracking::HeartbeatResponse> Heartbeat(const tracking::HeartbeatRequest& request,
                                                        absl::Duration) override {
    MutexLock lock(&heard_->mutex);
    heard_->reports.insert(heard_->reports.end(), request.reports.begin(), request.reports.end());
    heard_->changed.NotifyAll();
    return tracking::HeartbeatResponse{absl::Hours(1), heard_->heartbeat_interval, {}};
  }
  absl::StatusOr<tracking::LeaveResponse> Leave(const tracking::LeaveRequest&, absl::Duration) override {
    MutexLock lock(&heard_->mutex);
    ++heard_->left;
    heard_->changed.NotifyAll();
    return tracking::LeaveResponse();
  }
  absl::StatusOr<tracking::LookupResponse> Lookup(const tracking::LookupRequest&, absl::Duration) override {
    return tracking::LookupResponse();
  }
  absl::StatusOr<tracking::ListContentsResponse> ListContents(const tracking::ListContentsRequest&,
                                                              absl::Duration) override {
    return tracking::ListContentsResponse();
  }
  absl::StatusOr<tracking::GetSwarmResponse> GetSwarm(const tracking::ContentKey&, absl::Duration) override {
    return tracking::GetSwarmResponse();
  }
  const tracking::TrackerUrl& url() const override { return url_; }

 private:
  const tracking::TrackerUrl url_;
  Heard* const heard_;
};

Reseeder::Options OptionsFor(Heard* heard) {
  Reseeder::Options options;
  options.listen.ip = IpAddress::V4({127, 0, 0, 1});
  options.make_tracker_client = [heard](const tracking::TrackerUrl& url) {
    return std::make_unique<HearingTracker>(url, heard);
  };
  return options;
}

const tracking::TrackerUrl kFirst{tracking::TrackerUrl::Protocol::kGrpc, {"first", 1}};
const tracking::TrackerUrl kSecond{tracking::TrackerUrl::Protocol::kUdp, {"second", 2}};

TEST(ReseederTest, RegistersWithEveryTracker) {
  Heard heard;
  Reseeder::Options options = OptionsFor(&heard);
  options.advertise = {{IpAddress::V4({192, 0, 2, 1}), 0}, {IpAddress::V4({192, 0, 2, 2}), 77}};
  auto reseeder = Reseeder::Start(std::move(options));
  ASSERT_TRUE(reseeder.ok()) << reseeder.status();
  EXPECT_NE((*reseeder)->port(), 0);
  const auto source = std::make_shared<const EmptySource>();
  (*reseeder)->Serve(source, {kFirst, kSecond});

  MutexLock lock(&heard.mutex);
  while (heard.registered.size() < 2) heard.changed.Wait(&heard.mutex);
  for (const tracking::RegisterRequest& request : heard.registered) {
    EXPECT_EQ(request.content.id, source->manifest()->id());
    EXPECT_EQ(request.endpoint.port, (*reseeder)->port());
    EXPECT_EQ(request.endpoint.ip, IpAddress::V4({192, 0, 2, 1}));
    EXPECT_EQ(request.other_endpoints, (std::vector<Endpoint>{{IpAddress::V4({192, 0, 2, 2}), 77}}));
  }
}

TEST(ReseederTest, PassesASignatureOn) {
  Heard heard;
  auto reseeder = Reseeder::Start(OptionsFor(&heard));
  ASSERT_TRUE(reseeder.ok()) << reseeder.status();
  const auto source = std::make_shared<const EmptySource>();
  const PublisherSignature signature = PublisherSignature::Make(
      SigningKey::Generate(), source->manifest()->id(), source->manifest()->name(), absl::FromUnixMillis(1));
  (*reseeder)->Serve(source, {kFirst}, signature, nullptr);
  MutexLock lock(&heard.mutex);
  while (heard.registered.empty()) heard.changed.Wait(&heard.mutex);
  EXPECT_EQ(heard.registered[0].signature, signature);
  EXPECT_FALSE(heard.registered[0].publishes);
}

TEST(ReseederTest, WithdrawsFromTheTrackersWhenItEnds) {
  Heard heard;
  auto reseeder = Reseeder::Start(OptionsFor(&heard));
  ASSERT_TRUE(reseeder.ok()) << reseeder.status();
  const auto source = std::make_shared<const EmptySource>();
  (*reseeder)->Serve(source, {kFirst});
  {
    MutexLock lock(&heard.mutex);
    while (heard.registered.empty()) heard.changed.Wait(&heard.mutex);
  }
  EXPECT_EQ((*reseeder)->totals().contents, 1u);
  EXPECT_EQ((*reseeder)->totals().trackers, 1u);
  reseeder->reset();
  MutexLock lock(&heard.mutex);
  EXPECT_GE(heard.left, 1u);
}

TEST(ReseederTest, ReportsABadPeerToTheTrackers) {
  Heard heard;
  heard.heartbeat_interval = absl::Milliseconds(20);
  auto reseeder = Reseeder::Start(OptionsFor(&heard));
  ASSERT_TRUE(reseeder.ok()) << reseeder.status();
  const auto source = std::make_shared<const EmptySource>();
  (*reseeder)->Serve(source, {kFirst});
  const PeerId liar = RandomPeerId();
  (*reseeder)->Report(source->manifest()->id(), liar, tracking::PeerReport::Reason::kLying);

  MutexLock lock(&heard.mutex);
  while (heard.reports.empty()) heard.changed.Wait(&heard.mutex);
  EXPECT_EQ(heard.reports.front().peer, liar);
  EXPECT_EQ(heard.reports.front().reason, tracking::PeerReport::Reason::kLying);
}

TEST(ReseederTest, AWithdrawnContentIsNoLongerServed) {
  Heard heard;
  auto reseeder = Reseeder::Start(OptionsFor(&heard));
  ASSERT_TRUE(reseeder.ok()) << reseeder.status();
  const auto source = std::make_shared<const EmptySource>();
  (*reseeder)->Serve(source, {kFirst});
  (*reseeder)->Withdraw(source);
  EXPECT_EQ((*reseeder)->totals().contents, 0u);
}

TEST(ReseederTest, AContentIsWithdrawnWithTheLastSourceOfATracker) {
  Heard first, second;
  Reseeder::Options options = OptionsFor(&first);
  options.make_tracker_client = [&](const tracking::TrackerUrl& url) {
    return std::make_unique<HearingTracker>(url, url == kFirst ? &first : &second);
  };
  auto reseeder = Reseeder::Start(std::move(options));
  ASSERT_TRUE(reseeder.ok()) << reseeder.status();
  const auto one = std::make_shared<const EmptySource>();
  const auto other = std::make_shared<const EmptySource>();  // the same content
  (*reseeder)->Serve(one, {kFirst, kSecond});
  for (Heard* heard : {&first, &second}) {
    MutexLock lock(&heard->mutex);
    while (heard->registered.empty()) heard->changed.Wait(&heard->mutex);
  }
  (*reseeder)->Serve(other, {kFirst});
  (*reseeder)->Withdraw(one);
  EXPECT_EQ((*reseeder)->totals().contents, 1u);
  {
    MutexLock lock(&second.mutex);
    while (second.left == 0) second.changed.Wait(&second.mutex);
  }
  {
    MutexLock lock(&first.mutex);
    EXPECT_EQ(first.left, 0u);
  }
  (*reseeder)->Withdraw(other);
  EXPECT_EQ((*reseeder)->totals().contents, 0u);
  MutexLock lock(&first.mutex);
  while (first.left == 0) first.changed.Wait(&first.mutex);
}

TEST(ReseederTest, APublisherSaysSo) {
  for (const bool publishes : {true, false}) {
    Heard heard;
    auto reseeder = Reseeder::Start(OptionsFor(&heard));
    ASSERT_TRUE(reseeder.ok()) << reseeder.status();
    const auto source = std::make_shared<const EmptySource>();
    if (publishes) {
      (*reseeder)->Publish(source, {kFirst}, std::nullopt);
    } else {
      (*reseeder)->Serve(source, {kFirst});
    }
    MutexLock lock(&heard.mutex);
    while (heard.registered.empty()) heard.changed.Wait(&heard.mutex);
    EXPECT_EQ(heard.registered.front().publishes, publishes);
  }
}

TEST(ReseederTest, ABrokenSourceIsWithdrawnAndToldOnce) {
  Heard heard;
  Reseeder::Options options = OptionsFor(&heard);
  std::vector<absl::Status> broken;
  options.on_broken = [&](const tracking::ContentSummary& content, const absl::Status& why) {
    EXPECT_EQ(content.name, "empty");
    broken.push_back(why);
  };
  auto reseeder = Reseeder::Start(std::move(options));
  ASSERT_TRUE(reseeder.ok()) << reseeder.status();
  const auto source = std::make_shared<const EmptySource>();
  const ContentId id = source->manifest()->id();
  (*reseeder)->SourceFailed(id, absl::FailedPreconditionError("never served"));
  EXPECT_TRUE(broken.empty());
  (*reseeder)->Serve(source, {kFirst});
  {
    MutexLock lock(&heard.mutex);
    while (heard.registered.empty()) heard.changed.Wait(&heard.mutex);
  }
  (*reseeder)->SourceFailed(id, absl::FailedPreconditionError("the file is gone"));
  (*reseeder)->SourceFailed(id, absl::FailedPreconditionError("again"));
  ASSERT_EQ(broken.size(), 1u);
  EXPECT_EQ(broken[0].message(), "the file is gone");
  EXPECT_EQ((*reseeder)->totals().contents, 0u);
  MutexLock lock(&heard.mutex);
  while (heard.left == 0) heard.changed.Wait(&heard.mutex);
}

TEST(ReseederTest, WhatIsSentOfAContentKeepsToItsLimit) {
  Heard heard;
  auto reseeder = Reseeder::Start(OptionsFor(&heard));
  ASSERT_TRUE(reseeder.ok()) << reseeder.status();
  const auto limit = std::make_shared<net::RateLimit>(0);  // nothing passes
  const auto limited = FileChunkSource::Make(100'000, 16384);
  const auto other = FileChunkSource::Make(100'000, 16384, 3);
  (*reseeder)->Serve(limited, {kFirst}, std::nullopt, limit);
  (*reseeder)->Serve(other, {kFirst});
  const auto request_from = [&](const ContentId& content) {
    FrameConnection peer = FrameConnection::To((*reseeder)->port());
    stream::Hello hello;
    hello.content_id = content;
    hello.peer_id = RandomPeerId();
    EXPECT_TRUE(peer.SendFrame(stream::FrameType::kHello, hello.Encode()));
    EXPECT_TRUE(peer.ReadFrame(stream::FrameType::kHello).has_value());
    EXPECT_TRUE(peer.SendFrame(stream::FrameType::kRequest, stream::Request{{{ChunkIndex(0), 1}}}.Encode()));
    return peer;
  };
  FrameConnection held_back = request_from(limited->manifest()->id());
  FrameConnection also_held_back = request_from(limited->manifest()->id());
  EXPECT_TRUE(request_from(other->manifest()->id()).ReadFrame(stream::FrameType::kChunk).has_value());
  EXPECT_EQ((*reseeder)->content_totals(limited->manifest()->id()).sent_chunks, 0u);
  limit->Set(net::RateLimit::kUnlimited);
  EXPECT_TRUE(held_back.ReadFrame(stream::FrameType::kChunk).has_value());
  EXPECT_TRUE(also_held_back.ReadFrame(stream::FrameType::kChunk).has_value());
}

TEST(ReseederTest, AnAddressThatCannotBeBoundIsAnError) {
  Heard heard;
  Reseeder::Options options = OptionsFor(&heard);
  options.listen.ip = IpAddress::V4({192, 0, 2, 1});  // of no machine (RFC 5737)
  EXPECT_EQ(Reseeder::Start(std::move(options)).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace shoal::leecher
