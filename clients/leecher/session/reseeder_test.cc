#include "clients/leecher/session/reseeder.h"

#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "shoal/base/mutex.h"

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
  options.self = RandomPeerId();
  options.make_tracker_client = [heard](const tracking::TrackerUrl& url) {
    return std::make_unique<HearingTracker>(url, heard);
  };
  return options;
}

const tracking::TrackerUrl kFirst{tracking::TrackerUrl::Protocol::kGrpc, {"first", 1}};
const tracking::TrackerUrl kSecond{tracking::TrackerUrl::Protocol::kUdp, {"second", 2}};

TEST(ReseederTest, EveryTrackerIsToldWhereTheContentIs) {
  Heard heard;
  Reseeder::Options options = OptionsFor(&heard);
  options.advertise = IpAddress::V4({192, 0, 2, 1});
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
  }
}

TEST(ReseederTest, TrackersAreToldWhenItEnds) {
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

TEST(ReseederTest, TrackersAreToldOfABadPeer) {
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

TEST(ReseederTest, WhatIsWithdrawnIsServedNoMore) {
  Heard heard;
  auto reseeder = Reseeder::Start(OptionsFor(&heard));
  ASSERT_TRUE(reseeder.ok()) << reseeder.status();
  const auto source = std::make_shared<const EmptySource>();
  (*reseeder)->Serve(source, {kFirst});
  (*reseeder)->Withdraw(source->manifest()->id());
  EXPECT_EQ((*reseeder)->totals().contents, 0u);
}

TEST(ReseederTest, AnAddressThatCannotBeBoundIsAnError) {
  Heard heard;
  Reseeder::Options options = OptionsFor(&heard);
  options.listen.ip = IpAddress::V4({192, 0, 2, 1});  // of no machine (RFC 5737)
  EXPECT_EQ(Reseeder::Start(std::move(options)).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace shoal::leecher
