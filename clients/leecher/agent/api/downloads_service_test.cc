#include "clients/leecher/agent/api/downloads_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/leecher/download/test_swarm.h"
#include "shoal/content/manifest/manifest_file.h"
#include "shoal/leecher/v1/downloads.pb.h"

namespace shoal::leecher {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kChunk = kMinChunkSizeBytes;

// The reading end of a stream.
class TestStream final : public service::GrpcStream {
 public:
  void Wake() override {
    MutexLock lock(&mutex_);
    woken_ = true;
    changed_.NotifyAll();
  }
  void Wait() {
    MutexLock lock(&mutex_);
    while (!woken_) changed_.Wait(&mutex_);
    woken_ = false;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
};

class DownloadsServiceTest : public ::testing::Test {
 protected:
  DownloadsServiceTest() {
    Agent::Options options;
    options.state_folder = folder_.Path("state");
    options.output_folder = folder_.Path("out");
    options.trackers = {*tracking::TrackerUrl::Parse("127.0.0.1:1")};
    options.downloads.runtime.make_tracker_client = [this](const tracking::TrackerUrl& url) {
      return tracker_.MakeClient(url);
    };
    agent_ = *Agent::Start(std::move(options));
    service_ = std::make_unique<DownloadsService>(agent_.get(), "1.2.3");
    service_->AddTo(&methods_);
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(const std::string& method, const Request& request) {
    const auto* unary = std::get_if<service::GrpcMethods::Unary>(
        methods_.Find("/shoal.leecher.v1.DownloadsService/" + method));
    const std::string bytes = request.SerializeAsString();
    const absl::StatusOr<std::string> answer = unary->answer(nullptr, AsBytes(bytes));
    if (!answer.ok()) return answer.status();
    Response response;
    EXPECT_TRUE(response.ParseFromString(*answer));
    return response;
  }
  std::unique_ptr<service::GrpcStreamSource> Watch(const v1::WatchRequest& request) {
    const auto* stream = std::get_if<service::GrpcMethods::ServerStream>(
        methods_.Find("/shoal.leecher.v1.DownloadsService/Watch"));
    const std::string bytes = request.SerializeAsString();
    return *stream->open(nullptr, AsBytes(bytes), stream_);
  }
  // Blocks until a message satisfies the condition, and returns it.
  v1::WatchResponse Await(service::GrpcStreamSource& source,
                          const std::function<bool(const v1::WatchResponse&)>& condition) {
    while (true) {
      const auto next = source.Next();
      if (const auto* bytes = std::get_if<std::string>(&next)) {
        v1::WatchResponse message;
        EXPECT_TRUE(message.ParseFromString(*bytes));
        if (condition(message)) return message;
      } else {
        stream_->Wait();
      }
    }
  }
  v1::AddRequest Named(const std::string& name) {
    v1::AddRequest request;
    request.set_name(name);
    return request;
  }
  static bool HasComplete(const v1::WatchResponse& message) {
    return std::any_of(message.changed().begin(), message.changed().end(), [](const v1::Download& download) {
      return download.state() == v1::Download::STATE_COMPLETE;
    });
  }

  TestFolder folder_;
  TestTracker tracker_;
  std::shared_ptr<TestStream> stream_ = std::make_shared<TestStream>();
  std::unique_ptr<Agent> agent_;
  std::unique_ptr<DownloadsService> service_;
  service::GrpcMethods methods_;
};

TEST_F(DownloadsServiceTest, AddsListsAndWatches) {
  const TestContent content = Publish(folder_.Write("in/pond/a", RandomBytes(30 * kChunk + 1, 1)));
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  const auto source = Watch({});
  EXPECT_TRUE(Await(*source, [](const auto&) { return true; }).snapshot());
  const auto added = Call<v1::AddResponse>("Add", Named("a"));
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_FALSE(added->existed());
  EXPECT_TRUE(Call<v1::AddResponse>("Add", Named("a"))->existed());
  const v1::WatchResponse complete = Await(*source, HasComplete);
  EXPECT_EQ(complete.changed(0).content_hex(), content.manifest->id().ToHex());

  const auto list = Call<v1::ListResponse>("List", v1::ListRequest());
  ASSERT_EQ(list->downloads_size(), 1);
  EXPECT_EQ(list->downloads(0).held_bytes(), 30u * kChunk + 1);
  EXPECT_EQ(list->totals().version(), "1.2.3");
  v1::GetRequest get;
  get.set_id(added->download().id());
  const auto got = Call<v1::GetResponse>("Get", get);
  EXPECT_EQ(got->download().state(), v1::Download::STATE_COMPLETE);
  EXPECT_GT(got->events_size(), 1);

  v1::GetManifestRequest manifest;
  manifest.set_download_id(added->download().id());
  const auto files = Call<v1::GetManifestResponse>("GetManifest", manifest);
  ASSERT_EQ(files->files_size(), 1);
  EXPECT_EQ(files->files(0).held_bytes(), 30u * kChunk + 1);
  EXPECT_EQ(files->files(0).chunk_count(), 31u);
  EXPECT_EQ(files->files(0).priority(), v1::FILE_PRIORITY_NORMAL);
}

TEST_F(DownloadsServiceTest, LimitsTheAgentOrSomeDownloads) {
  v1::AddRequest add = Named("a");
  add.set_receive_limit_bytes_per_second(5000);
  add.set_send_limit_bytes_per_second(6000);
  const auto added = Call<v1::AddResponse>("Add", add);
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->download().receive_limit_bytes_per_second(), 5000u);
  EXPECT_EQ(added->download().send_limit_bytes_per_second(), 6000u);
  v1::GetRequest get;
  get.set_id(added->download().id());
  v1::SetLimitsRequest limits;
  limits.mutable_limits()->set_receive_bytes_per_second(7000);
  ASSERT_TRUE(Call<v1::SetLimitsResponse>("SetLimits", limits).ok());
  EXPECT_EQ(Call<v1::ListResponse>("List", v1::ListRequest())->totals().limits().receive_bytes_per_second(),
            7000u);
  EXPECT_EQ(Call<v1::GetResponse>("Get", get)->download().receive_limit_bytes_per_second(), 5000u);
  limits.add_ids(get.id());
  limits.mutable_limits()->set_receive_bytes_per_second(0);
  ASSERT_TRUE(Call<v1::SetLimitsResponse>("SetLimits", limits).ok());
  EXPECT_EQ(Call<v1::GetResponse>("Get", get)->download().receive_limit_bytes_per_second(), 0u);
  EXPECT_EQ(Call<v1::ListResponse>("List", v1::ListRequest())->totals().limits().receive_bytes_per_second(),
            7000u);
  limits.mutable_limits()->set_send_bytes_per_second(9000);
  ASSERT_TRUE(Call<v1::SetLimitsResponse>("SetLimits", limits).ok());
  EXPECT_EQ(Call<v1::GetResponse>("Get", get)->download().send_limit_bytes_per_second(), 9000u);
  EXPECT_EQ(Call<v1::ListResponse>("List", v1::ListRequest())->totals().limits().send_bytes_per_second(), 0u);
  limits.add_ids(99);
  EXPECT_TRUE(absl::IsNotFound(Call<v1::SetLimitsResponse>("SetLimits", limits).status()));
}

TEST_F(DownloadsServiceTest, SaysWhoSignedAndWhomItTrusts) {
  const TestContent content = Publish(folder_.Write("in/a", RandomBytes(kChunk, 1)));
  const ContentId& id = content.manifest->id();
  TestPeer peer(id, content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  const SigningKey ours = SigningKey::Generate();
  const SigningKey theirs = SigningKey::Generate();
  const auto signed_by = [&](const SigningKey& key) {
    return PublisherSignature::Make(key, id, "a", absl::FromUnixSeconds(7));
  };
  PublisherSignature forged = signed_by(theirs);
  forged.key = ours.public_key();
  tracker_.Sign(id, {forged, signed_by(theirs), signed_by(ours)});
  FollowRule rule{"nothing*", 1, ""};
  ASSERT_TRUE(rule.trusted.Add(ours.public_key()).ok());
  ASSERT_TRUE(agent_->Follow(rule).ok());

  const auto offered = Call<v1::ListAvailableResponse>("ListAvailable", v1::ListAvailableRequest());
  ASSERT_TRUE(offered.ok()) << offered.status();
  ASSERT_EQ(offered->contents(0).signers_size(), 3);
  const auto signer = [&](int i) { return offered->contents(0).signers(i); };
  EXPECT_FALSE(signer(0).trusted()) << "a tracker claims it";
  EXPECT_FALSE(signer(1).trusted());
  EXPECT_EQ(signer(1).key(), theirs.public_key().ToText());
  EXPECT_EQ(signer(1).signed_at().seconds(), 7);
  EXPECT_TRUE(signer(2).trusted());

  // Of several signatures a download passes on the first one that is right.
  tracker_.Sign(id, {forged, signed_by(ours)});
  const auto source = Watch({});
  ASSERT_TRUE(Call<v1::AddResponse>("Add", Named("a")).ok());
  EXPECT_EQ(Await(*source, HasComplete).changed(0).signer().key(), ours.public_key().ToText());
  EXPECT_TRUE(Call<v1::ListResponse>("List", v1::ListRequest())->downloads(0).signer().trusted());
  ASSERT_TRUE(agent_->Unfollow("nothing*").ok());
  EXPECT_FALSE(Call<v1::ListResponse>("List", v1::ListRequest())->downloads(0).signer().trusted());
}

TEST_F(DownloadsServiceTest, TakesTheBytesOfAManifestFile) {
  const TestContent content = Publish(folder_.Write("in/a", RandomBytes(kChunk, 1)));
  v1::AddRequest request;
  request.set_manifest_file(ManifestFile{*content.manifest, {"udp://10.0.0.1:1"}}.Encode());
  const auto added = Call<v1::AddResponse>("Add", request);
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->download().content_hex(), content.manifest->id().ToHex());
  EXPECT_EQ(added->download().trackers(0), "udp://10.0.0.1:1");
  request.set_manifest_file("nothing of the kind");
  const auto refused = Call<v1::AddResponse>("Add", request);
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status()));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("manifest_file"));
}

TEST_F(DownloadsServiceTest, NamesTheFieldThatIsWrong) {
  EXPECT_TRUE(absl::IsInvalidArgument(Call<v1::AddResponse>("Add", v1::AddRequest()).status()));
  v1::AddRequest add;
  add.set_content_hex("xyz");
  EXPECT_THAT(std::string(Call<v1::AddResponse>("Add", add).status().message()), HasSubstr("content_hex"));
  add = Named("a");
  add.add_trackers("::bad::");
  EXPECT_THAT(std::string(Call<v1::AddResponse>("Add", add).status().message()), HasSubstr("trackers"));
  EXPECT_THAT(std::string(Call<v1::PauseResponse>("Pause", v1::PauseRequest()).status().message()),
              HasSubstr("ids"));
  v1::PauseRequest pause;
  pause.add_ids(7);
  EXPECT_TRUE(absl::IsNotFound(Call<v1::PauseResponse>("Pause", pause).status()));
  v1::ListAvailableRequest list;
  list.set_page_token("!!");
  EXPECT_THAT(std::string(Call<v1::ListAvailableResponse>("ListAvailable", list).status().message()),
              HasSubstr("page_token"));
}

TEST_F(DownloadsServiceTest, ListsWhatTrackersOfferInPages) {
  for (const char* name : {"alpha", "beta", "gamma"}) {
    tracker_.Add(*Publish(folder_.Write(std::string("in/") + name, name)).manifest, {});
  }
  v1::ListAvailableRequest request;
  request.set_page_size(2);
  const auto first = Call<v1::ListAvailableResponse>("ListAvailable", request);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(first->contents_size(), 2);
  EXPECT_EQ(first->contents(0).name(), "alpha");
  request.set_page_token(first->next_page_token());
  const auto second = Call<v1::ListAvailableResponse>("ListAvailable", request);
  ASSERT_EQ(second->contents_size(), 1);
  EXPECT_EQ(second->contents(0).name(), "gamma");
  EXPECT_EQ(second->next_page_token(), "");
  request.clear_page_token();
  request.set_name_contains("ALP");
  EXPECT_EQ(Call<v1::ListAvailableResponse>("ListAvailable", request)->contents_size(), 1);
}

TEST_F(DownloadsServiceTest, ShowsTheFilesOfAContentBeforeItIsFetched) {
  folder_.Write("in/pond/a", RandomBytes(kChunk, 1));
  folder_.Write("in/pond/b", RandomBytes(kChunk, 2));
  const TestContent content = Publish(folder_.Path("in/pond"));
  TestPeer peer(content.manifest->id(), content.source);
  tracker_.Add(*content.manifest, {peer.info()});
  v1::GetManifestRequest request;
  request.set_content_hex(content.manifest->id().ToHex());
  auto response = Call<v1::GetManifestResponse>("GetManifest", request);
  while (absl::IsUnavailable(response.status())) {
    response = Call<v1::GetManifestResponse>("GetManifest", request);
  }
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->files_size(), 2);
  EXPECT_TRUE(agent_->List().empty());
}

TEST_F(DownloadsServiceTest, EndsItsStreams) {
  const auto source = Watch({});
  Await(*source, [](const auto&) { return true; });
  service_->EndWatches();
  stream_->Wait();
  const auto next = source->Next();
  EXPECT_TRUE(absl::IsUnavailable(std::get<absl::Status>(next)));
}

TEST_F(DownloadsServiceTest, SendsALargeSnapshotInSeveralMessages) {
  for (int i = 0; i < 600; ++i) {
    v1::AddRequest request = Named("name-" + std::to_string(i));
    request.set_paused(true);
    ASSERT_TRUE(Call<v1::AddResponse>("Add", request).ok());
  }
  const auto source = Watch({});
  int seen = 0;
  int messages = 0;
  Await(*source, [&](const v1::WatchResponse& message) {
    EXPECT_EQ(message.snapshot(), messages == 0);
    EXPECT_LE(message.changed_size(), 500);
    ++messages;
    seen += message.changed_size();
    return seen == 600;
  });
  EXPECT_EQ(messages, 2);
}

}  // namespace
}  // namespace shoal::leecher
