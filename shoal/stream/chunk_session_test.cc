#include "shoal/stream/chunk_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>

#include "shoal/stream/chunk_server.h"
#include "tests/support/file_chunk_source.h"
#include "tests/support/raw_connection.h"
#include "tests/support/recording_delegate.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Record = RecordingDelegate::Record;

std::vector<ChunkIndex> Chunks(std::vector<uint32_t> indices) {
  return {indices.begin(), indices.end()};
}

std::string Text(ByteView bytes) {
  return {bytes.begin(), bytes.end()};
}

// A server and what dials it, each on loops of its own.
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

  ChunkSession* Dial(uint16_t port, const ContentId& id, RecordingDelegate* delegate,
                     std::shared_ptr<const ChunkSource> source = nullptr) {
    SessionTerms terms;
    terms.content_id = id;
    terms.self = RandomPeerId();
    OnLoop([&] {
      sessions_.push_back(ChunkSession::Dial(loop_, {IpAddress::V4({127, 0, 0, 1}), port}, terms, limits_,
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

  EventLoopGroup loops_{"server", 2};
  EventLoop loop_{"client"};
  std::shared_ptr<TestDirectory> directory_ = std::make_shared<TestDirectory>();
  SessionLimits limits_;
  SessionLimits server_limits_;
  std::unique_ptr<ChunkServer> server_;
  std::vector<std::shared_ptr<ChunkSession>> sessions_;
};

struct Sizes {
  size_t length_bytes;
  uint32_t chunk_size_bytes;
};

class WholeContentTest : public ChunkSessionTest, public ::testing::WithParamInterface<Sizes> {};

TEST_P(WholeContentTest, ComesThroughInTheOrderOfAsking) {
  auto source = Serve(GetParam().length_bytes, GetParam().chunk_size_bytes);
  RecordingDelegate delegate(GetParam().chunk_size_bytes, 4);
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

}  // namespace
}  // namespace shoal
