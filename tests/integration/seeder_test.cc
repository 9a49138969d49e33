#include "services/seeder/seeder.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/net/event_loop.h"
#include "shoal/stream/chunk_session.h"
#include "tests/support/fake_tracker.h"
#include "tests/support/recording_delegate.h"
#include "tests/support/recording_listener.h"
#include "tests/support/temporary_folder.h"

namespace shoal::seeder {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A whole seeder in this process, with fake trackers.
class SeederTest : public ::testing::Test {
 protected:
  Seeder::Options Options() {
    Seeder::Options options;
    options.share = share_.path();
    options.trackers = *tracking::TrackerUrl::ParseList("tracker-a:1,tracker-b:1");
    options.listen = *Endpoint::Parse("127.0.0.1:0");
    options.advertise = {{*IpAddress::Parse("127.0.0.1"), 0}};
    options.settle = absl::Milliseconds(20);
    options.state_folder = state_.path();
    options.connect_tracker = [this](const tracking::TrackerUrl& url) {
      return tracker(url.address.host)->Connect(url);
    };
    options.observer = &listener_;
    return options;
  }
  void Start(Seeder::Options options) {
    auto seeder = Seeder::Start(std::move(options));
    ASSERT_TRUE(seeder.ok()) << seeder.status();
    seeder_ = *std::move(seeder);
  }
  const std::shared_ptr<FakeTracker>& tracker(const std::string& host) { return trackers_.at(host); }

  // Puts a file there in one step, so that no half of it is ever seen.
  void Put(const std::string& path, const std::string& bytes) {
    std::filesystem::rename(share_.Write(".being-written", bytes), share_.Path(path));
  }

  // Fetches content `id` from the seeder as a peer would: the bytes of each file, by path; every chunk is
  // checked.
  std::map<std::string, std::string> Fetch(const ContentId& id) {
    RecordingDelegate delegate;
    std::shared_ptr<stream::ChunkSession> session;
    delegate.on_ready = [&] { session->RequestManifest(); };
    Dial(id, &delegate, &session);
    const auto with_manifest = delegate.Wait([](const auto& r) { return r.manifest || r.closed; });
    EXPECT_FALSE(with_manifest.closed) << with_manifest.closed.value_or(absl::OkStatus());
    if (with_manifest.closed) return {};
    const auto manifest = Manifest::DecodeAs(id, AsBytes(*with_manifest.manifest));
    EXPECT_TRUE(manifest.ok()) << manifest.status();
    if (!manifest.ok()) return {};

    std::vector<ChunkIndex> wanted;
    for (uint32_t i = 0; i < manifest->chunk_count(); ++i) wanted.emplace_back(i);
    loop_.Post([&] { session->Request(wanted); });
    const auto record =
        delegate.Wait([&](const auto& r) { return r.chunks.size() == wanted.size() || r.closed; });
    EXPECT_FALSE(record.closed);
    EXPECT_THAT(record.corrupt, IsEmpty());
    std::map<std::string, std::string> files;
    for (const FileEntry& file : manifest->files()) files[file.path].resize(file.length_bytes);
    for (const auto& [index, bytes] : record.chunks) {
      EXPECT_EQ(Sha256::Of(AsBytes(bytes)), manifest->checksums(index).sha256);
      const ChunkPlace place = manifest->PlaceOf(index);
      EXPECT_EQ(bytes.size(), place.length_bytes);
      files[manifest->files()[place.file.value()].path].replace(place.offset_bytes, bytes.size(), bytes);
    }
    loop_.Post([&] { session->Close(/*tell=*/true); });
    delegate.WaitClosed();
    return files;
  }

  // Returns the refusal of a request for a content that is not served.
  stream::Refuse::Reason RefusalOf(const ContentId& id) {
    RecordingDelegate delegate;
    std::shared_ptr<stream::ChunkSession> session;
    Dial(id, &delegate, &session);
    const auto record = delegate.WaitClosed();
    EXPECT_EQ(record.refused.size(), 1u);
    return record.refused.empty() ? stream::Refuse::Reason::kUnspecified : record.refused[0].reason;
  }

  void Dial(const ContentId& id, RecordingDelegate* delegate,
            std::shared_ptr<stream::ChunkSession>* session) {
    const Endpoint seeder{*IpAddress::Parse("127.0.0.1"), seeder_->port()};
    loop_.Post([this, id, seeder, delegate, session] {
      stream::SessionTerms terms;
      terms.content_id = id;
      terms.self = self_;
      *session = stream::ChunkSession::Dial(loop_, *net::TcpTransports(), seeder, terms,
                                            stream::SessionLimits{}, nullptr, delegate);
    });
  }

  ContentId IdOf(const RecordingListener::Record& record, const std::string& name) {
    return record.published.at(name)->manifest()->id();
  }

  const TemporaryFolder share_;
  const TemporaryFolder state_;
  const PeerId self_ = RandomPeerId();
  const std::map<std::string, std::shared_ptr<FakeTracker>> trackers_ = {
      {"tracker-a", std::make_shared<FakeTracker>()}, {"tracker-b", std::make_shared<FakeTracker>()}};
  RecordingListener listener_;
  std::unique_ptr<Seeder> seeder_;
  net::EventLoop loop_{"test"};  // last: its thread uses the rest
};

TEST_F(SeederTest, EveryChunkOfEveryShapeOfFileCanBeFetched) {
  const std::map<std::string, size_t> shapes = {{"empty", 0},
                                                {"one byte", 1},
                                                {"exactly one chunk", kDefaultChunkSizeBytes},
                                                {"a short last chunk", 2 * kDefaultChunkSizeBytes + 12345},
                                                {"Ünïcödé 漢字 🐟", 1000},
                                                {std::string(255, 'n'), 77}};
  std::map<std::string, std::string> in_folder;
  for (const auto& [name, length] : shapes) {
    const std::string bytes = SampleBytes(length, length);
    share_.Write(name, bytes);
    in_folder["deep/down/" + name] = bytes;
    share_.Write("folder/deep/down/" + name, bytes);
  }
  Start(Options());
  const auto record = listener_.WaitForFirstScan();
  ASSERT_EQ(record.published.size(), shapes.size() + 1);
  for (const auto& [name, length] : shapes) {
    SCOPED_TRACE(name);
    const std::map<std::string, std::string> expected = {{name, SampleBytes(length, length)}};
    EXPECT_EQ(Fetch(IdOf(record, name)), expected);
  }
  EXPECT_EQ(Fetch(IdOf(record, "folder")), in_folder);
}

TEST_F(SeederTest, AFileThatAppearsChangesAndGoes) {
  Start(Options());
  listener_.WaitForFirstScan();
  Put("a", "one");
  const ContentId one = IdOf(listener_.WaitForEvent("published a"), "a");
  EXPECT_EQ(Fetch(one).at("a"), "one");

  Put("a", "another");
  const ContentId two = IdOf(listener_.WaitForEvent("published a", 2), "a");
  EXPECT_EQ(Fetch(two).at("a"), "another");
  EXPECT_EQ(RefusalOf(one), stream::Refuse::Reason::kUnknownContent);

  std::filesystem::remove(share_.Path("a"));
  listener_.WaitForEvent("withdrawn a", 2);
  EXPECT_EQ(RefusalOf(two), stream::Refuse::Reason::kUnknownContent);
}

TEST_F(SeederTest, WhoIsConnectedIsSentAwayWhenTheFileChanges) {
  Put("a", "one");
  Start(Options());
  const ContentId id = IdOf(listener_.WaitForFirstScan(), "a");
  RecordingDelegate delegate;
  std::shared_ptr<stream::ChunkSession> session;
  Dial(id, &delegate, &session);
  delegate.Wait([](const auto& r) { return r.hello.has_value(); });
  std::filesystem::remove(share_.Path("a"));
  delegate.WaitClosed();
}

TEST_F(SeederTest, TellsEachTrackerWhatItOffersAndThatItLeaves) {
  Put("a", "one");
  share_.Write("many/b", "two");
  Start(Options());
  EXPECT_TRUE(seeder_->WaitUntilReady());
  EXPECT_TRUE(seeder_->ready());
  const auto record = listener_.WaitForFirstScan();
  for (const char* host : {"tracker-a", "tracker-b"}) {
    const auto state = tracker(host)->Wait([](const auto& s) { return s.registered.size() == 2; });
    const tracking::RegisterRequest* many = state.Find(IdOf(record, "many"));
    ASSERT_NE(many, nullptr);
    EXPECT_EQ(many->content.name, "many");
    EXPECT_EQ(many->content.length_bytes, 3u);
    EXPECT_EQ(many->content.chunk_count, 1u);
    EXPECT_EQ(many->content.file_count, 1u);
    EXPECT_TRUE(many->held.full());
    EXPECT_EQ(many->free_slots, 256u);
    EXPECT_EQ(many->endpoint, (Endpoint{*IpAddress::Parse("127.0.0.1"), seeder_->port()}));
  }
  std::filesystem::remove(share_.Path("a"));
  for (const char* host : {"tracker-a", "tracker-b"}) {
    tracker(host)->Wait([](const auto& s) { return s.registered.size() == 1; });
  }
  seeder_->Stop();
  for (const char* host : {"tracker-a", "tracker-b"}) {
    EXPECT_THAT(tracker(host)->Wait([](const auto&) { return true; }).registered, IsEmpty());
  }
}

TEST_F(SeederTest, ATrackerThatIsAwayDoesNotKeepItFromBeingReady) {
  Put("a", "one");
  tracker("tracker-b")->SetAway(true);
  Start(Options());
  EXPECT_TRUE(seeder_->WaitUntilReady());
  tracker("tracker-a")->Wait([](const auto& s) { return s.registered.size() == 1; });
  tracker("tracker-b")->SetAway(false);
  tracker("tracker-b")->Wait([](const auto& s) { return s.registered.size() == 1; });
}

TEST_F(SeederTest, StopEndsTheWaitForReadinessAndMayBeCalledTwice) {
  // 4 GiB that take no room on the disk: not hashed by the time that it stops.
  share_.Write("large", "");
  std::filesystem::resize_file(share_.Path("large"), uint64_t{4} << 30);
  Start(Options());
  seeder_->Stop();
  EXPECT_FALSE(seeder_->WaitUntilReady());
  seeder_->Stop();
}

TEST_F(SeederTest, SaysWhyItCanNotStart) {
  Seeder::Options options = Options();
  options.share = share_.Path("nowhere");
  EXPECT_TRUE(absl::IsNotFound(Seeder::Start(options).status()));
  options.share = share_.Write("file", "x");
  EXPECT_FALSE(Seeder::Start(options).ok());

  Start(Options());
  options = Options();
  options.listen.port = seeder_->port();
  EXPECT_TRUE(absl::IsUnavailable(Seeder::Start(options).status()));
}

// Health as main attaches it, without its gRPC.
class RecordingHealthEndpoint final : public service::HealthEndpoint {
 public:
  explicit RecordingHealthEndpoint(std::vector<std::string>* calls) : calls_(calls) {}
  uint16_t port() const override { return 4711; }
  void SetServing(bool serving) override { calls_->push_back(serving ? "serving" : "not serving"); }
  void Stop() override { calls_->push_back("stopped"); }

 private:
  std::vector<std::string>* const calls_;
};

TEST_F(SeederTest, HealthIsServingOnlyWhileItIsReady) {
  std::vector<std::string> calls;
  Seeder::Options options = Options();
  options.grpc = *Endpoint::Parse("127.0.0.1:0");
  options.open_health_endpoint = [&](const Endpoint&) {
    return std::make_unique<RecordingHealthEndpoint>(&calls);
  };
  Start(options);
  EXPECT_EQ(seeder_->grpc_port(), 4711);
  ASSERT_TRUE(seeder_->WaitUntilReady());
  seeder_->Stop();
  EXPECT_THAT(calls, ElementsAre("serving", "not serving", "stopped"));
}

}  // namespace
}  // namespace shoal::seeder
