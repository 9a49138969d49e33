#include "services/tracker/peer_probe.h"

#include <future>
#include <memory>

#include "gtest/gtest.h"
#include "shoal/net/event_loop.h"
#include "shoal/net/listener.h"
#include "shoal/stream/chunk_server.h"
#include "tests/support/file_chunk_source.h"
#include "tests/support/recording_delegate.h"

namespace shoal::tracker {
namespace {

class PeerProbeTest : public ::testing::Test {
 protected:
  PeerProbeTest() {
    directory_->Add(source_);
    stream::ChunkServer::Options options;
    options.listen = *Endpoint::Parse("127.0.0.1:0");
    options.self = self_;
    server_ = *stream::ChunkServer::Start(options, loops_, directory_);
  }

  absl::Status Try(const PeerId& peer, const ContentId& content) {
    std::promise<absl::Status> outcome;
    probe_.Try({IpAddress::V4({127, 0, 0, 1}), server_->port()}, peer, content,
               [&](const absl::Status& status) { outcome.set_value(status); });
    return outcome.get_future().get();
  }

  const PeerId self_ = RandomPeerId();
  net::EventLoopGroup loops_{"server", 1};
  std::shared_ptr<FileChunkSource> source_ = FileChunkSource::Make(1000, 16384);
  std::shared_ptr<TestDirectory> directory_ = std::make_shared<TestDirectory>();
  std::unique_ptr<stream::ChunkServer> server_;
  const TicketIssuer tickets_;
  PeerProbe probe_{net::TcpTransports(), &tickets_};
};

TEST_F(PeerProbeTest, ThePeerAnswers) {
  EXPECT_EQ(Try(self_, source_->manifest()->id()), absl::OkStatus());
  EXPECT_EQ(Try(self_, source_->manifest()->id()), absl::OkStatus()) << "again";
}

TEST_F(PeerProbeTest, AnotherPeerAnswers) {
  EXPECT_EQ(Try(RandomPeerId(), source_->manifest()->id()).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(PeerProbeTest, ThePeerDoesNotServeTheContent) {
  EXPECT_FALSE(Try(self_, ContentId()).ok());
}

TEST_F(PeerProbeTest, NobodyListens) {
  const uint16_t port = server_->port();
  server_.reset();
  std::promise<absl::Status> outcome;
  probe_.Try({IpAddress::V4({127, 0, 0, 1}), port}, self_, source_->manifest()->id(),
             [&](const absl::Status& status) { outcome.set_value(status); });
  EXPECT_EQ(outcome.get_future().get().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace shoal::tracker
